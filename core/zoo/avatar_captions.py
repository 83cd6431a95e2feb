"""Captions for the avatars' figures, generated once from drawable values alone."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .avatar_words import UNSAID, said_alone, worded
from .avatars import COLOURS, draw, visible

__all__ = [
    "PROMPTS",
    "AvatarPrompt",
    "captions",
    "colour_pairs",
    "drawable",
    "make_captions",
    "single_values",
]

_HERE = Path(__file__).parent
_FILE = _HERE / "avatar_captions.json"
COUNT, LEAST, MOST = 48, 3, 5
PAIRS = 30
PROMPTS = (
    "a person with sunglasses, red hat, green shirt",
    "smiling woman with pink long hair, blue background",
    "black beard, bald, serious, white shirt",
    "purple hijab, glasses, yellow background",
    "screaming, red afro, dark skin",
    "blonde bun, heart eyes, black blazer",
    "eyepatch, brown moustache, orange hoodie",
    "a yellow turban, sticking the tongue out, dark skin, purple background",
)
"""Eight readable examples."""


@dataclass(frozen=True)
class AvatarPrompt:
    """A caption and the constraints that it states."""

    text: str
    constraints: dict[str, str]


def drawable() -> dict[str, list[str]]:
    """Maps each attribute to the values that the generator can draw, according to the judge."""
    text = (_HERE / "avatars_drawable.json").read_text(encoding="utf-8")
    return json.loads(text)["drawable"]


def captions() -> list[AvatarPrompt]:
    """Returns 48 captions, each with three or more drawable values."""
    return _read("captions")


def single_values() -> list[AvatarPrompt]:
    """Returns one caption for every drawable value that can be stated alone."""
    return _read("single_values")


def colour_pairs() -> list[AvatarPrompt]:
    """Returns 30 captions, each of a hat and a shirt in two colours."""
    return _read("colour_pairs")


def _read(name: str) -> list[AvatarPrompt]:
    lists = json.loads(_FILE.read_text(encoding="utf-8"))
    return [AvatarPrompt(one["text"], one["constraints"]) for one in lists[name]]


def make_captions(seed: int = 2026) -> dict[str, list[dict[str, object]]]:
    """Generates the three lists in the file's form."""
    rng = np.random.default_rng(seed)
    can = drawable()
    made: dict[str, list[AvatarPrompt]] = {"captions": [], "single_values": [], "colour_pairs": []}
    while len(made["captions"]) < COUNT:
        avatar = draw(rng)
        sayable = [
            name
            for name, value in visible(avatar).items()
            if value in can[name] and UNSAID.get(name) != value
        ]
        count = int(rng.integers(LEAST, MOST + 1))
        if len(sayable) < count:
            continue
        chosen = {str(n): avatar[str(n)] for n in rng.choice(sayable, size=count, replace=False)}
        one = worded(chosen, avatar, rng)
        if all(value in can[name] for name, value in one.constraints.items()):
            made["captions"].append(AvatarPrompt(one.text, dict(one.constraints)))
    for name, values in can.items():
        if name in ("hat_colour", "facial_hair_colour"):
            continue  # a colour cannot be stated without its object
        for value in values:
            if UNSAID.get(name) == value:
                continue
            text = said_alone(name, value, rng)
            if "shirt" in text.split() and name == "clothes_colour":
                text = f"{value} clothes"
            made["single_values"].append(AvatarPrompt(text, {name: value}))
    colours = [c for c in COLOURS if c in can["hat_colour"] and c in can["clothes_colour"]]
    pairs = [(a, b) for a in colours for b in colours if a != b]
    for index in rng.permutation(len(pairs))[:PAIRS]:
        hat, shirt = pairs[int(index)]
        stated = {"top": "hat", "hat_colour": hat, "clothes": "shirt", "clothes_colour": shirt}
        made["colour_pairs"].append(AvatarPrompt(f"{hat} hat, {shirt} shirt", stated))
    return {
        name: [{"text": p.text, "constraints": p.constraints} for p in prompts]
        for name, prompts in made.items()
    }


def main() -> None:
    """Writes the file of captions."""
    text = json.dumps(make_captions(), indent=1) + "\n"
    _FILE.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
