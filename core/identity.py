"""Model ids: the hash of the weights, with the options that the map depends on."""

import logging
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

from .errors import GeneratorMismatch

__all__ = [
    "ModelId",
    "OptionValue",
    "Options",
    "belonging",
    "check_options",
    "chosen_differently",
    "options_of",
    "same_auxiliary",
    "shown_options",
    "told_options",
    "written",
]

OptionValue: TypeAlias = str | int | float
Options: TypeAlias = Mapping[str, OptionValue]
WIDGETS = MappingProxyType({"psi": "truncation"})
"""The loader's names of options, where they differ."""
WEIGHTS = 64
"""Hexadecimal digits of a sha256."""
logger = logging.getLogger("latentsteer")


class ModelId(str):
    """The sha256 of a model's weights, with the options that its map depends on.

    As a text and in comparisons it is the hash alone, for whatever depends on the weights alone
    (messages, caches, files written before there were options). Guards read the options by
    `options_of` too. A plain `str` has no options.

    Args:
        weights: the sha256.
        options: resolved values by the core's names, never "auto".

    Attributes:
        options: likewise.
    """

    options: Options

    def __new__(cls, weights: str, options: Options) -> "ModelId":
        """The hash, with options."""
        made = super().__new__(cls, weights)
        made.options = dict(sorted(options.items()))
        return made

    def __reduce__(self) -> tuple[type["ModelId"], tuple[str, Options]]:
        """For copies."""
        return ModelId, (str(self), self.options)


def options_of(model: str) -> Options | None:
    """The options of a model's id; None for a plain text, which has none."""
    return model.options if isinstance(model, ModelId) else None


def told_options(model: str, options: object) -> str:
    """The id that a file names by the weights' hash and, in newer files, the options.

    Args:
        model: the sha256.
        options: as the file's JSON has them, or None.

    Raises:
        TypeError: options of another form.
    """
    if options is None:
        return model
    if not isinstance(options, Mapping):
        raise TypeError(f"options {options!r}")
    return ModelId(model, {str(name): value for name, value in options.items()})


def belonging(model: str, name: str) -> str:
    """A generator's name and options, for messages."""
    options = options_of(model)
    if options is None:
        return f"{name}, known by its weights alone"
    return f"{name}, with {shown_options(options)}" if options else name


def shown_options(options: Options) -> str:
    """Options in words, for messages: psi 0.7 (truncation), latent w."""
    parts: list[str] = []
    for name, value in options.items():
        widget = f" ({WIDGETS[name]})" if name in WIDGETS else ""
        parts.append(f"{name} {_number(value)}{widget}")
    return ", ".join(parts) or "no option"


def check_options(
    what: str,
    own: str,
    given: str,
    name: str,
    cure: str,
    *,
    against: str = "the generator given has",
) -> None:
    """Refuses a generator of the same weights that was loaded with other options.

    Ids without options, of older files, are accepted with a note in the log.

    Args:
        what: belongs to the generator, a plural: "The latents".
        own: the id that they were made with.
        given: the id of the generator given.
        name: of the generator.
        cure: another than to load it otherwise: "initialise new latents".
        against: what they are compared with, and its verb.

    Raises:
        GeneratorMismatch: naming each option that differs, with both values.
    """
    theirs, new = options_of(own), options_of(given)
    if not new:
        return
    if theirs is None:
        logger.warning(
            "%s were made before the options of a generator were kept: they are checked by the "
            "weights of %r alone, and taken for those of %s.",
            what,
            name,
            shown_options(new),
        )
        return
    wrong = [n for n in theirs if n in new and theirs[n] != new[n]]
    if wrong:
        then, now = ({n: side[n] for n in wrong} for side in (theirs, new))
        raise GeneratorMismatch(
            f"{what} are of {name!r} with {shown_options(then)}; {against} the same "
            f"weights with {shown_options(now)}, which is another map. Load {name!r} "
            f"with {shown_options(then)}, or {cure}."
        )


def same_auxiliary(own: str, given: str) -> bool:
    """Whether two auxiliaries have the same weights and use them alike.

    Their ids are a sha256 with the choices made beside the file, see
    `core.auxiliaries.classifiers.preprocessing.model_id`. Older ids may hold a choice that equals
    the file's own value; these count as the same where `given` has options.

    Args:
        own: the id that was kept.
        given: that of the auxiliary given.
    """
    if own == given:
        return True
    if own[:WEIGHTS] != given[:WEIGHTS]:
        return False
    then, now, resolved = _chosen(own), _chosen(given), options_of(given) or {}
    return now.keys() <= then.keys() and all(resolved.get(n) == v for n, v in then.items())


def chosen_differently(own: str, given: str) -> str:
    """The choices in which two auxiliaries of the same weights differ, in words.

    Args:
        own: the id that was kept.
        given: that of the auxiliary given.

    Returns:
        Each option with both values; empty where the weights differ, or nothing does.
    """
    if own[:WEIGHTS] != given[:WEIGHTS]:
        return ""
    then, now = _chosen(own), _chosen(given)
    named = [n for n in sorted(then.keys() | now.keys()) if then.get(n) != now.get(n)]
    return "; ".join(f"{n} {then.get(n, 'auto')} then, {now.get(n, 'auto')} now" for n in named)


def written(value: object) -> str:
    """An auxiliary's option in a comparable form: numbers with commas between them."""
    return ",".join(map(_plain, re.sub(r"[\[\]() ]", "", str(value)).split(",")))


def _plain(text: str) -> str:
    try:
        return repr(float(text)).removesuffix(".0")
    except ValueError:
        return text


def _chosen(model: str) -> dict[str, str]:
    """The choices in an auxiliary's id, by name."""
    ending = model[WEIGHTS:]
    if ending in ("-quickgelu", "-gelu"):
        return {"activation": ending[1:]}
    parts = re.split(r"-([a-z_]+)=", ending)
    return {n: written(v) for n, v in zip(parts[1::2], parts[2::2], strict=True)}


def _number(value: OptionValue) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
