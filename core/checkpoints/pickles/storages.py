"""References in torch.save files to the storages of their tensors."""

import re
from typing import Any, NamedTuple

import torch

from .hostile_names import refuse_hostile
from .names import STORAGES
from .records import Name, Refused, Storage

__all__ = ["Reference", "StorageView", "reference_of"]

QUANTISED = {
    "QInt8Storage": torch.int8,
    "QInt32Storage": torch.int32,
    "QUInt8Storage": torch.uint8,
    "QUInt2x4Storage": torch.uint8,
    "QUInt4x2Storage": torch.uint8,
}
"""Quantised storages and their element types; their tensors are not read."""
PRINTED = re.compile(
    r"\('(?P<kind>storage|module)', <class '(?P<name>\w+(?:\.\w+)+)'>, "
    r"(?:'(?P<key>\w+)', '(?P<place>[\w:]+)', (?P<count>\d{1,18})(?:, None)?\)|.*)",
    re.ASCII | re.DOTALL,
)


class StorageView(NamedTuple):
    """A storage that is a slice of another, as PyTorch before 0.4 wrote views.

    Attributes:
        key: the file's key for it.
        start: index of its first element in the other.
        numel: number of elements.
    """

    key: str
    start: int
    numel: int


class Reference(NamedTuple):
    """A reference to a storage.

    Attributes:
        storage: the whole storage.
        part: the referenced slice, unless it is the whole.
        why: why its numbers are not read, in words that follow the file's name.
    """

    storage: Storage
    part: StorageView | None = None
    why: str | None = None


def reference_of(reference: Any) -> Reference | Name:  # noqa: ANN401 - whatever a file says
    """Parses ('storage', type, key, location, count, part); of ('module', ...) returns the name.

    In protocol 0 the reference is the printed form of that tuple.

    Raises:
        Hostile: it names something that only attacks need.
        Refused: it is anything else.
    """
    if type(reference) is str:
        reference = _from_text(reference)
    if type(reference) is not tuple or len(reference) < 2 or type(reference[1]) is not Name:
        raise Refused("refers to something outside of the pickle; only storages are supported")
    kind, name, *rest = reference
    if kind == "module" and len(rest) == 2:
        return name
    dtype = STORAGES.get(name.name) or QUANTISED.get(name.name)
    if kind != "storage" or dtype is None or not name.module.startswith("torch"):
        raise Refused(f"refers to a `{name}` outside of the pickle; only storages are supported")
    label, _, numel, *view = rest
    if type(label) is not str or type(numel) is not int:
        raise Refused("has a storage without a key or a count")
    why = f"has a `{name}`, whose numbers are not read" if name.name in QUANTISED else None
    return Reference(Storage(dtype, label, numel), _part(view, numel), why)


def _part(view: list[Any], numel: int) -> StorageView | None:
    if view in ([], [None]):
        return None
    if len(view) != 1 or type(view[0]) is not tuple or len(view[0]) != 3:
        raise Refused("has a storage within another in an unknown way")
    key, start, count = view[0]
    if type(key) is not str or type(start) is not int or type(count) is not int:
        raise Refused("has a storage within another in an unknown way")
    if start < 0 or count < 0 or start + count > numel:
        raise Refused(f"has a storage {key:.40} that exceeds the storage that it is a slice of")
    return StorageView(key, start, count)


def _from_text(reference: str) -> object:
    found = PRINTED.fullmatch(reference)
    if found is None:
        return None
    name = Name(*found["name"].rsplit(".", 1))
    refuse_hostile(name)
    if found["kind"] == "module":
        return "module", name, "", ""
    if found["key"] is None:
        return None
    return "storage", name, found["key"], found["place"], int(found["count"])
