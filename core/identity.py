"""Identities: of a model, its weights' hash and its map's options; of a run, its settings."""

import logging
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from types import MappingProxyType
from typing import TypeAlias

from .errors import GeneratorMismatch, InvalidInput

__all__ = [
    "ModelId",
    "Option",
    "Options",
    "belonging",
    "check_options",
    "chosen_differently",
    "identity_of",
    "options_of",
    "same_auxiliary",
    "shown_options",
    "told_options",
    "written",
]

Option: TypeAlias = str | int | float
Options: TypeAlias = Mapping[str, Option]
WIDGETS = MappingProxyType({"psi": "truncation"})
"""What the loader calls an option, where that differs."""
WEIGHTS = 64
"""Hexadecimal digits of a sha256."""
logger = logging.getLogger("latentsteer")


class ModelId(str):
    """The sha256 of a model's weights, with the options that its map depends on.

    As a text, and when it is compared, it is the hash alone: what only needs to know the weights
    (messages, caches, files written before there were options) goes on as it is. Guards read
    `options` by `options_of` too. A plain `str` says nothing of options.

    Args:
        weights: the sha256.
        options: resolved, by the core's names: what "auto" came to, never "auto".

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
    """The options of a model's id; None where it is a plain text that knows of none."""
    return model.options if isinstance(model, ModelId) else None


def told_options(model: str, options: object) -> str:
    """The id of a file that names weights and, unless it was written before, options.

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
    """For people: whose something is, by its generator's id and name."""
    options = options_of(model)
    if options is None:
        return f"{name}, known by its weights alone"
    return f"{name}, with {shown_options(options)}" if options else name


def shown_options(options: Options) -> str:
    """For people: psi 0.7 (truncation), latent w."""
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

    What was written before options were kept is let through with a note in the log.

    Args:
        what: belongs to the generator, a plural: "The latents".
        own: the id that they remember.
        given: the id of the generator given.
        name: of the generator.
        cure: another than to load it otherwise: "initialise new latents".
        against: what they are held against, with its verb.

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

    Their ids are a sha256 with what was chosen beside the file, see
    `core.auxiliaries.classifiers.preprocessing.model_id`. Ids written before may hold a choice of
    the very value that the file gives by itself; these are the same where `given` knows its
    options.

    Args:
        own: the id that is remembered.
        given: that of the auxiliary given.
    """
    if own == given:
        return True
    if own[:WEIGHTS] != given[:WEIGHTS]:
        return False
    then, now, resolved = _chosen(own), _chosen(given), options_of(given) or {}
    return now.keys() <= then.keys() and all(resolved.get(n) == v for n, v in then.items())


def chosen_differently(own: str, given: str) -> str:
    """What was chosen differently for two auxiliaries of the same weights, in words.

    Args:
        own: the id that is remembered.
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
    """An auxiliary's option as it is compared: numbers with commas between them."""
    return ",".join(map(_plain, re.sub(r"[\[\]() ]", "", str(value)).split(",")))


def _plain(text: str) -> str:
    try:
        return repr(float(text)).removesuffix(".0")
    except ValueError:
        return text


def _chosen(model: str) -> dict[str, str]:
    """What was chosen, in an auxiliary's id."""
    ending = model[WEIGHTS:]
    if ending in ("-quickgelu", "-gelu"):
        return {"activation": ending[1:]}
    parts = re.split(r"-([a-z_]+)=", ending)
    return {n: written(v) for n, v in zip(parts[1::2], parts[2::2], strict=True)}


def _number(value: Option) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


KIND = "kind"
"""The key of a dataclass' name in its identity."""


def identity_of(value: object) -> object:
    """The identity of settings as JSON: equal for equal settings, changed by each of their fields.

    A frozen dataclass becomes its name and its compared fields, in their order. What a field
    excludes by `field(compare=False)` is no part of the identity: devices, callbacks, and what
    another part of the run's identity covers.

    Args:
        value: None, a boolean, a number, a text, a dataclass, or a mapping or a sequence of these.

    Returns:
        The same of JSON's types: mappings are sorted by their keys, sequences are lists, and
        numbers that are not finite are texts.

    Raises:
        InvalidInput: a value of another type, which has no identity.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        own = {
            one.name: identity_of(getattr(value, one.name)) for one in fields(value) if one.compare
        }
        return {KIND: type(value).__name__, **own}
    if isinstance(value, Mapping):
        return {str(key): identity_of(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, Sequence):
        return [identity_of(one) for one in value]
    raise InvalidInput(
        f"{value!r} of type {type(value).__name__} has no identity; expected None, a boolean, a "
        "number, a text, a dataclass, or a mapping or a sequence of these. Exclude the field that "
        "holds it by field(compare=False)."
    )
