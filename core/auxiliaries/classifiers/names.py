"""Class names of a classifier: chosen by the user, saved with the weights, or a library's."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...checkpoints.record import Checkpoint
from ...errors import CheckpointError, InvalidInput

__all__ = ["class_names", "imagenet_names", "read_class_names", "saved_names"]

NAMED = ("classes", "class_names", "classnames", "label_names", "labels", "categories")
NUMBERED = ("class_to_idx", "class_to_index", "label2id")
TEXT_BYTES = 4 << 20
"""Size limit of a class name file; that of ImageNet-22k has half a MiB."""


def class_names(
    model: str, count: int, options: Mapping[str, object], supplied: Sequence[object] | None
) -> tuple[str, ...]:
    """Returns a model's class names: the chosen ones, else its own, else numbers from 0.

    Lists of classes are written with commas. If one of the model's own names has a comma, the part
    before it is used when no other name starts with it. Names shared by several classes get their
    class number appended.

    Args:
        model: name of the model, for messages.
        count: number of classes.
        options: options; `classes` holds names chosen by the user.
        supplied: names supplied by the model.

    Raises:
        InvalidInput: chosen names are too few, too many, empty, or not distinct.
        CheckpointError: the model supplies another number of names than classes.
    """
    chosen = options.get("classes")
    if chosen is not None:
        if not isinstance(chosen, list | tuple):
            raise InvalidInput(f"classes is {chosen!r}; expected a sequence of names.")
        return _checked([str(name).strip() for name in chosen], model, count)
    if supplied is None:
        return tuple(str(number) for number in range(count))
    if len(supplied) != count:
        raise CheckpointError(f"{model} names {len(supplied)} classes and has {count} logits.")
    return _distinct([str(name).strip() for name in supplied])


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
    """Reads class names from a text file, one per line in logit order; blank lines are skipped.

    Raises:
        InvalidInput: the file is missing or not text, has no name, or repeats one.
    """
    path = Path(path)
    if not path.is_file():
        raise InvalidInput(f"There is no file of class names {path}. Check the name.")
    if path.stat().st_size > TEXT_BYTES:
        raise InvalidInput(f"{path} has {path.stat().st_size} bytes; that is not a list of names.")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not UTF-8 text: {error}. Save it as such.") from error
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        name = line.strip()
        if name in seen:
            raise InvalidInput(
                f"{path} names {name!r} twice, on lines {seen[name]} and {number}. Names must be "
                "distinct; add something to one of them."
            )
        if name:
            seen[name] = number
    if not seen:
        raise InvalidInput(f"{path} has no class names. Write one per line.")
    return tuple(seen)


def imagenet_names() -> tuple[str, ...] | None:
    """Returns torchvision's names of ImageNet's 1000 classes, or None if it lacks the list."""
    try:
        from torchvision.models import _meta
    except ImportError:
        return None
    names = getattr(_meta, "_IMAGENET_CATEGORIES", None)
    return None if names is None or len(names) != 1000 else tuple(str(name) for name in names)


def saved_names(checkpoint: Checkpoint, count: int) -> list[str] | None:
    """Returns class names saved with the weights, if there is one per class."""
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
