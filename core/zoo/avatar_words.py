"""Wording of avatars' attributes, and parsing of texts to constraints."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from numpy.random import Generator

from .avatars import ATTRIBUTES, COLOURS, HAIR, HAIR_COLOURS, HEADGEAR, Constraints, visible
from .tokens import WORD

__all__ = [
    "NEUTRAL",
    "UNSAID",
    "WORDS",
    "Caption",
    "caption",
    "corrupted",
    "phrase_of",
    "said_alone",
    "stated_in",
    "worded",
]

UNSAID: Final = {"eyes": "plain", "accessory": "none", "facial_hair": "none"}
"""Values that captions never state."""
NEUTRAL: Final = (
    *("a", "an", "the", "and", "with", "in", "wearing", "has", "of", "on", "who", "is", "his"),
    *("her", "person", "man", "woman", "avatar", "portrait", "cartoon", "picture", "face"),
)
"""Words without information about an avatar. They include man, woman and person: the drawings
show no such distinction."""

_SAID: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "top": {
        "short": ("short hair", "short haircut"),
        "long": ("long hair", "long straight hair"),
        "bob": ("bob", "bob haircut"),
        "bun": ("bun", "hair bun"),
        "curly": ("curly hair", "curls"),
        "wavy": ("wavy hair", "long wavy hair"),
        "afro": ("afro", "afro hair"),
        "dreads": ("dreadlocks", "dreads"),
        "mohawk": ("mohawk", "quiff"),
        "bald": ("bald", "bald head", "no hair"),
        "hat": ("hat", "wide hat"),
        "beanie": ("beanie", "woolly hat"),
        "hijab": ("hijab", "headscarf"),
        "turban": ("turban",),
    },
    "clothes": {
        "shirt": ("shirt", "t-shirt"),
        "hoodie": ("hoodie",),
        "blazer": ("blazer", "jacket"),
        "sweater": ("sweater", "pullover"),
        "overalls": ("overalls", "dungarees"),
    },
    "skin": {
        "light": ("light skin", "pale skin", "fair skin"),
        "tan": ("tan skin", "tanned skin"),
        "brown": ("brown skin",),
        "dark": ("dark skin", "black skin"),
        "yellow": ("yellow skin",),
    },
    "mouth": {
        "smile": ("smiling", "smile", "happy", "laughing"),
        "serious": ("serious", "neutral expression"),
        "sad": ("sad", "frowning", "unhappy"),
        "scream": ("screaming", "scream", "shouting", "open mouth"),
        "tongue": ("tongue out", "sticking the tongue out", "sticking tongue out"),
        "grimace": ("grimacing", "grimace", "gritted teeth", "showing teeth"),
    },
    "eyes": {
        "hearts": ("heart eyes", "hearts for eyes", "in love"),
        "closed": ("closed eyes", "eyes closed", "sleeping"),
        "wide": ("wide eyes", "surprised", "surprised eyes"),
        "wink": ("winking", "wink"),
        "dizzy": ("dizzy", "dizzy eyes", "crossed eyes"),
    },
    "accessory": {
        "glasses": ("glasses", "spectacles", "eyeglasses"),
        "sunglasses": ("sunglasses", "shades", "dark glasses"),
        "eyepatch": ("eyepatch", "eye patch"),
    },
    "facial_hair": {
        "beard": ("beard", "bearded"),
        "moustache": ("moustache", "mustache"),
    },
}
_COLOUR_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "purple": ("purple", "violet"),
    "grey": ("grey", "gray"),
    "blonde": ("blonde", "blond"),
    "red": ("red",),
    "brown": ("brown", "brunette"),
}


@dataclass(frozen=True)
class Caption:
    """A text and the constraints that it states."""

    text: str
    constraints: Mapping[str, str]


def caption(avatar: Mapping[str, str], rng: Generator, most: int = 8) -> Caption:
    """Describes 1 to `most` visible attributes of an avatar, in any order."""
    sayable = [n for n, v in visible(avatar).items() if UNSAID.get(n) != v]
    count = int(rng.integers(1, min(most, len(sayable)) + 1))
    chosen = {str(n): avatar[str(n)] for n in rng.choice(sayable, size=count, replace=False)}
    return worded(chosen, avatar, rng)


def worded(stated: Constraints, avatar: Mapping[str, str], rng: Generator) -> Caption:
    """Words these constraints as a caption; a colour adds its object."""
    stated = dict(stated)
    if "hat_colour" in stated:
        stated["top"] = avatar["top"]
    if "facial_hair_colour" in stated:
        stated["facial_hair"] = avatar["facial_hair"]
    said = dict(stated)
    phrases: list[str] = []
    for noun, colour in (
        ("top", "hat_colour"),
        ("top", "hair_colour"),
        ("clothes", "clothes_colour"),
        ("facial_hair", "facial_hair_colour"),
    ):
        if colour in said:
            phrases.append(_coloured(noun, said.pop(noun, None), said.pop(colour), rng))
    phrases += [phrase_of(name, value, rng) for name, value in said.items()]
    rng.shuffle(phrases)
    return Caption(_sentence(phrases, rng), stated)


def corrupted(one: Caption, rng: Generator) -> Caption:
    """Returns a near miss of a caption: two colours swapped, or one constraint changed."""
    stated = dict(one.constraints)
    colours = [n for n in ("hat_colour", "hair_colour", "clothes_colour") if n in stated]
    if len(colours) == 2 and rng.random() < 0.6:
        first, second = colours
        a, b = stated[first], stated[second]
        if a != b and b in ATTRIBUTES[first] and a in ATTRIBUTES[second]:
            stated[first], stated[second] = b, a
            return worded(stated, stated, rng)
    free = [n for n in stated if not (n == "top" and ("hat_colour" in stated))]
    free = [n for n in free if not (n == "top" and "hair_colour" in stated)]
    name = str(rng.choice(free)) if free else str(rng.choice(list(stated)))
    if name == "top":
        options = [v for v in ATTRIBUTES["top"] if v != stated["top"]]
    else:
        options = [v for v in ATTRIBUTES[name] if v != stated[name] and v != UNSAID.get(name)]
    stated[name] = str(rng.choice(options))
    return worded(stated, stated, rng)


def said_alone(name: str, value: str, rng: Generator) -> str:
    """Words a single value; a colour comes with an object that can have it."""
    bearers = {
        "hair_colour": ("hair",),
        "hat_colour": HEADGEAR,
        "clothes_colour": ("clothes", "outfit", "shirt"),
        "facial_hair_colour": ("beard", "moustache"),
    }
    if name in bearers:
        return f"{_colour(value, rng)} {rng.choice(bearers[name])}"
    return phrase_of(name, value, rng)


def phrase_of(name: str, value: str, rng: Generator) -> str:
    """Words one attribute's value."""
    if name == "background":
        return f"{_colour(value, rng)} background"
    return str(rng.choice(_SAID[name][value]))


def stated_in(text: str) -> Constraints:
    """Parses the constraints that a text states, phrase by phrase; other words are skipped.

    A colour belongs to the next object that can have it, or to the one whose phrase contains it:
    "red hat", "long red hair".
    """
    words = WORD.findall(text.lower())
    stated: Constraints = {}
    colour: str | None = None
    place = 0
    while place < len(words):
        length, meaning, inside = _longest(words[place:])
        if meaning is not None:
            name, value = meaning
            stated[name] = value
            colour = _bind(stated, name, value, inside or colour)
        elif words[place] in _COLOUR_NAMES:
            colour = _COLOUR_NAMES[words[place]]
        elif words[place] in _BEARERS and colour is not None:
            owner = _BEARERS[words[place]]
            if colour in ATTRIBUTES[owner]:
                stated[owner] = colour
            colour = None
        place += length
    return stated


def _longest(words: list[str]) -> tuple[int, tuple[str, str] | None, str | None]:
    """Returns the word count and meaning of the longest phrase, and a colour inside of it."""
    if len(words) > 2 and words[1] in _COLOUR_NAMES:
        without = [words[0], *words[2:]]
        for length in range(min(len(without), _LONGEST), 1, -1):
            meaning = _MEANINGS.get(" ".join(without[:length]))
            if meaning is not None and meaning[0] == "top":
                return length + 1, meaning, _COLOUR_NAMES[words[1]]
    for length in range(min(len(words), _LONGEST), 0, -1):
        meaning = _MEANINGS.get(" ".join(words[:length]))
        if meaning is not None:
            return length, meaning, None
    return 1, None, None


def _bind(stated: Constraints, name: str, value: str, colour: str | None) -> str | None:
    """Assigns a pending colour to the latest object; returns the colour that is still pending."""
    owner = {"clothes": "clothes_colour", "facial_hair": "facial_hair_colour"}.get(name)
    if name == "top" and value != "bald":
        owner = "hat_colour" if value in HEADGEAR else "hair_colour"
    if owner is None or colour is None:
        return colour
    if colour in ATTRIBUTES[owner]:
        stated[owner] = colour
    return None


def _coloured(noun: str, value: str | None, colour: str, rng: Generator) -> str:
    word = _colour(colour, rng)
    if noun == "clothes" and value is None:
        return f"{word} {rng.choice(['clothes', 'outfit'])}"
    if noun == "top" and (value is None or value not in (*HAIR, *HEADGEAR)):
        return f"{word} hair"
    assert value is not None
    said = str(rng.choice(_SAID[noun][value]))
    said = "beard" if said == "bearded" else said
    if noun == "top" and " " in said and rng.random() < 0.5:
        first, rest = said.split(" ", 1)
        return f"{first} {word} {rest}"
    return f"{word} {said}"


def _colour(value: str, rng: Generator) -> str:
    return str(rng.choice(_COLOUR_WORDS.get(value, (value,))))


def _sentence(phrases: list[str], rng: Generator) -> str:
    who = str(rng.choice(["", "", "a person", "a man", "a woman", "portrait of a person"]))
    style = rng.random()
    if style < 0.5:
        joined = ", ".join(phrases)
    elif style < 0.75:
        joined = " and ".join(phrases)
    else:
        joined = " ".join(f"a {p}" if rng.random() < 0.5 else p for p in phrases)
    if who:
        joined = f"{who} {rng.choice(['with', 'wearing', 'with a'])} {joined}"
    return joined


def _vocabulary() -> tuple[str, ...]:
    words = set(NEUTRAL) | set(COLOURS) | set(HAIR_COLOURS) | {"hair", "clothes", "outfit"}
    words |= {"background", "grey"}
    words |= {word for group in _COLOUR_WORDS.values() for word in group}
    for values in _SAID.values():
        for phrases in values.values():
            words |= {word for phrase in phrases for word in phrase.split()}
    return tuple(sorted(words))


WORDS: Final = _vocabulary()
"""Every word that a caption can contain, in token order."""


def _meanings() -> dict[str, tuple[str, str]]:
    return {
        phrase: (name, value)
        for name, values in _SAID.items()
        for value, phrases in values.items()
        for phrase in phrases
    }


_MEANINGS: Final = _meanings()
_LONGEST: Final = max(len(phrase.split()) for phrase in _MEANINGS)
_COLOUR_NAMES: Final = {
    word: value
    for value in (*COLOURS, *HAIR_COLOURS, "grey")
    for word in _COLOUR_WORDS.get(value, (value,))
}
_BEARERS: Final = {
    "hair": "hair_colour",
    "clothes": "clothes_colour",
    "outfit": "clothes_colour",
    "background": "background",
}
