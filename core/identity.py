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
    "OptionValue",
    "Options",
    "belonging",
    "check_options",
    "chosen_differently",
    "id_with_options",
    "identity_of",
    "options_of",
    "same_auxiliary",
    "shown_options",
    "written",
]

OptionValue: TypeAlias = str | int | float
Options: TypeAlias = Mapping[str, OptionValue]
WIDGETS = MappingProxyType({"psi": "truncation"})
"""Loader's name of an option, where it differs."""
WEIGHTS = 64
"""Number of hexadecimal digits of a sha256."""
logger = logging.getLogger("latentsteer")


class ModelId(str):
    """The sha256 of a model's weights, with the options that its map depends on.

    As text and in comparisons it is the hash alone, so code that only needs the weights (messages,
    caches, files written before there were options) works unchanged. Guards also read `options`,
    through `options_of`. A plain `str` has unknown options.

    Args:
        weights: sha256 of the weights.
        options: resolved options under core's names: the value used for "auto", never "auto".

    Attributes:
        options: the same options.
    """

    options: Options

    def __new__(cls, weights: str, options: Options) -> "ModelId":
        """Creates the hash with its options."""
        made = super().__new__(cls, weights)
        made.options = dict(sorted(options.items()))
        return made

    def __reduce__(self) -> tuple[type["ModelId"], tuple[str, Options]]:
        """Supports copying and pickling."""
        return ModelId, (str(self), self.options)


def options_of(model: str) -> Options | None:
    """Returns the options of a model's id; None for plain text, whose options are unknown."""
    return model.options if isinstance(model, ModelId) else None


def id_with_options(model: str, options: object) -> str:
    """Returns the id for a file's weights and, if it stores them, options.

    Args:
        model: sha256 of the weights.
        options: options from the file's JSON, or None.

    Raises:
        TypeError: the options have another form.
    """
    if options is None:
        return model
    if not isinstance(options, Mapping):
        raise TypeError(f"options {options!r}")
    return ModelId(model, {str(name): value for name, value in options.items()})


def belonging(model: str, name: str) -> str:
    """Describes an owner by its generator's id and name, for display."""
    options = options_of(model)
    if options is None:
        return f"{name}, identified by its weights alone"
    return f"{name}, with {shown_options(options)}" if options else name


def shown_options(options: Options) -> str:
    """Formats options for display: psi 0.7 (truncation), latent w."""
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
    """Refuses a generator with the same weights that was loaded with other options.

    Objects saved before options were stored are accepted, with a note in the log.

    Args:
        what: plural noun of what belongs to the generator: "The latents".
        own: the id stored with them.
        given: id of the given generator.
        name: name of the generator.
        cure: alternative to loading it with the stored options: "initialise new latents".
        against: subject and verb of what they are compared with.

    Raises:
        GeneratorMismatch: lists each option that differs, with both values.
    """
    theirs, new = options_of(own), options_of(given)
    if not new:
        return
    if theirs is None:
        logger.warning(
            "%s were made before the options of a generator were stored: they are checked by the "
            "weights of %r alone, and assumed to have %s.",
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
    """Whether two auxiliaries have the same weights and the same options.

    Their ids are a sha256 with the user's choices, see
    `core.auxiliaries.classifiers.preprocessing.model_id`. Older ids may include a choice equal to
    the file's own value; these are the same if `given` has known options.

    Args:
        own: the stored id.
        given: id of the given auxiliary.
    """
    if own == given:
        return True
    if own[:WEIGHTS] != given[:WEIGHTS]:
        return False
    then, now, resolved = _chosen(own), _chosen(given), options_of(given) or {}
    return now.keys() <= then.keys() and all(resolved.get(n) == v for n, v in then.items())


def chosen_differently(own: str, given: str) -> str:
    """Describes the options that differ between two auxiliaries with the same weights.

    Args:
        own: the stored id.
        given: id of the given auxiliary.

    Returns:
        Each option with both values; empty if the weights differ or no option does.
    """
    if own[:WEIGHTS] != given[:WEIGHTS]:
        return ""
    then, now = _chosen(own), _chosen(given)
    named = [n for n in sorted(then.keys() | now.keys()) if then.get(n) != now.get(n)]
    return "; ".join(f"{n} {then.get(n, 'auto')} then, {now.get(n, 'auto')} now" for n in named)


def written(value: object) -> str:
    """Normalises an auxiliary's option for comparison: numbers separated by commas."""
    return ",".join(map(_plain, re.sub(r"[\[\]() ]", "", str(value)).split(",")))


def _plain(text: str) -> str:
    try:
        return repr(float(text)).removesuffix(".0")
    except ValueError:
        return text


def _chosen(model: str) -> dict[str, str]:
    """Parses the user's choices from an auxiliary's id."""
    ending = model[WEIGHTS:]
    if ending in ("-quickgelu", "-gelu"):
        return {"activation": ending[1:]}
    parts = re.split(r"-([a-z_]+)=", ending)
    return {n: written(v) for n, v in zip(parts[1::2], parts[2::2], strict=True)}


def _number(value: OptionValue) -> str:
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
