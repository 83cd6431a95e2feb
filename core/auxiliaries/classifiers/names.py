"""The names of a classifier's classes: chosen, saved beside the weights, or a library's."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...checkpoints.checkpoint import Checkpoint
from ...errors import CheckpointError, InvalidInput

__all__ = ["class_names", "imagenet_names", "read_class_names", "saved_names"]

NAMED = ("classes", "class_names", "classnames", "label_names", "labels", "categories")
NUMBERED = ("class_to_idx", "class_to_index", "label2id")
TEXT_BYTES = 4 << 20
"""Longest text file of class names; that of ImageNet-22k has half a MiB."""


def class_names(
    model: str, count: int, options: Mapping[str, object], told: Sequence[object] | None
) -> tuple[str, ...]:
    """The names of a model's classes: those chosen, else those it tells, else numbers from 0.

    Lists of classes are written with commas, so of the model's own names that have one, the part
    before it stands for the whole where no other begins so. Names that a model gives to several
    classes get their numbers.

    Args:
        model: its name, for messages.
        count: its classes.
        options: `classes` among them, where the user chose names.
        told: by the model.

    Raises:
        InvalidInput: names chosen are too few, too many, empty, or not distinct.
        CheckpointError: the model tells names of another number of classes.
    """
    chosen = options.get("classes")
    if chosen is not None:
        if not isinstance(chosen, list | tuple):
            raise InvalidInput(f"classes is {chosen!r}; expected a sequence of names.")
        return _checked([str(name).strip() for name in chosen], model, count)
    if told is None:
        return tuple(str(number) for number in range(count))
    if len(told) != count:
        raise CheckpointError(f"{model} names {len(told)} classes and has {count} logits.")
    return _distinct([str(name).strip() for name in told])


def _checked(names: list[str], model: str, count: int) -> tuple[str, ...]:
    if len(names) != count:
        raise InvalidInput(
            f"{len(names)} class names given; {model} has {count} classes. Give one name for "
            "each, in the order of its logits."
        )
    if "" in names:
        raise InvalidInput(f"The name of class {names.index('')} is empty.")
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        at = [number for number, name in enumerate(names) if name == repeated[0]]
        raise InvalidInput(
            f"{repeated[0]!r} names {len(at)} classes: {', '.join(map(str, at))}. Names must be "
            "distinct; add something to one of them."
        )
    return tuple(names)


def _distinct(names: list[str]) -> tuple[str, ...]:
    begun = Counter(name.split(",")[0] for name in names)
    short = [
        first if begun[first := name.split(",")[0]] == 1 else name.replace(",", " /")
        for name in names
    ]
    times = Counter(short)
    numbered = [
        name if name and times[name] == 1 else f"{name} ({number})".strip()
        for number, name in enumerate(short)
    ]
    return tuple(numbered)


def read_class_names(path: str | Path) -> tuple[str, ...]:
    """Class names of a text file, one per line in the order of the logits; blank lines are none.

    Raises:
        InvalidInput: no such file, not text, no name in it, or a name that stands there twice.
    """
    path = Path(path)
    if not path.is_file():
        raise InvalidInput(f"There is no file of class names {path}. Check the name.")
    if path.stat().st_size > TEXT_BYTES:
        raise InvalidInput(f"{path} has {path.stat().st_size} bytes; that is no list of names.")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is no text in UTF-8: {error}. Save it as one.") from error
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        name = line.strip()
        if name in seen:
            raise InvalidInput(
                f"{path} names {name!r} twice, in the lines {seen[name]} and {number}. Names must "
                "be distinct; add something to one of them."
            )
        if name:
            seen[name] = number
    if not seen:
        raise InvalidInput(f"{path} has no class names. Write one per line.")
    return tuple(seen)


def imagenet_names() -> tuple[str, ...] | None:
    """ImageNet's 1000 classes as torchvision calls them, or None where it has no such list."""
    try:
        from torchvision.models import _meta
    except ImportError:
        return None
    names = getattr(_meta, "_IMAGENET_CATEGORIES", None)
    return None if names is None or len(names) != 1000 else tuple(str(name) for name in names)


def saved_names(checkpoint: Checkpoint, count: int) -> list[str] | None:
    """Class names that were saved beside the weights, if there are as many as classes."""
    if isinstance(own := checkpoint.config.get("classes"), list):
        return [str(name) for name in own]
    level: list[Any] = [checkpoint.config.get("values")]
    for _ in range(3):
        objects = [value for value in level if isinstance(value, dict)]
        for found in (_listed(values, count) for values in objects):
            if found is not None:
                return found
        level = [value for values in objects for value in values.values()]
    return None


def _listed(values: Mapping[str, Any], count: int) -> list[str] | None:
    for key in NAMED:
        found = values.get(key)
        names: list[Any] = found if isinstance(found, list) else []
        if isinstance(found, dict):
            names = [found.get(str(number)) for number in range(len(found))]
        if len(names) == count and all(isinstance(name, str) for name in names):
            return names
    for key in NUMBERED:
        numbers = values.get(key)
        if isinstance(numbers, dict) and sorted(map(str, numbers.values())) == sorted(
            map(str, range(count))
        ):
            return sorted(numbers, key=lambda name: int(numbers[name]))
    return None
