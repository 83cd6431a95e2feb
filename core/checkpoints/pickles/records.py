"""Inert records that pickles are read into."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch

__all__ = [
    "Array",
    "Dtype",
    "Hostile",
    "LeftOut",
    "Name",
    "Record",
    "Refused",
    "Storage",
    "View",
]

NUMBERS = {
    "f2": torch.float16,
    "f4": torch.float32,
    "f8": torch.float64,
    "i1": torch.int8,
    "i2": torch.int16,
    "i4": torch.int32,
    "i8": torch.int64,
    "u1": torch.uint8,
    "u2": torch.uint16,
    "u4": torch.uint32,
    "u8": torch.uint64,
    "b1": torch.bool,
    "c8": torch.complex64,
    "c16": torch.complex128,
}
"""NumPy type codes of the number types that tensors support."""


class Refused(Exception):
    """The file is invalid; the message follows its name."""


class Hostile(Refused):
    """The file requests something that only attacks need; refused whatever else it holds."""


class LeftOut(Refused):
    """A single tensor is invalid; the error is raised once that tensor is requested."""


class Name(NamedTuple):
    """A name used in the file; always inert."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False)
class Storage:
    """Numbers of the file that are not read yet.

    Attributes:
        dtype: dtype of the numbers.
        key: the file's key for it.
        numel: declared number of elements.
        content: the bytes, if they are in the pickle itself.
    """

    dtype: torch.dtype
    key: str
    numel: int
    content: bytearray | None = None


class View(NamedTuple):
    """A tensor as declared in the file, not checked yet."""

    storage: Any
    offset: Any
    shape: Any
    stride: Any
    dtype: torch.dtype | None = None


@dataclass(eq=False)
class Dtype:
    """A NumPy dtype.

    Attributes:
        number: the equivalent torch dtype; None for text and dates, which are omitted.
        width: bytes per element.
        why: why such arrays are not read, in words that follow the file's name.
    """

    number: torch.dtype | None
    width: int
    built: bool = False
    why: str | None = None

    @classmethod
    def of(cls, code: object) -> "Dtype":
        """Parses a NumPy type code, such as `f4` or `<f4`.

        Raises:
            Refused: objects, records, or another byte order.
        """
        if not isinstance(code, str) or not 1 < len(code) < 12:
            raise Refused(f"has an array of kind {code!r:.40}; numbers are expected")
        plain = code[1:] if code[0] in "<|=" else code
        if plain in NUMBERS:
            return cls(NUMBERS[plain], NUMBERS[plain].itemsize)
        if plain[0] == "O":
            raise Refused("has an array of Python objects; arrays of numbers are expected")
        if plain[0] in "USmM" and plain[1:].isdecimal():
            return cls(None, int(plain[1:]) * (4 if plain[0] == "U" else 1))
        raise Refused(f"has an array of kind {code!r}; little-endian numbers are expected")

    def set_state(self, state: object) -> None:
        """Checks version, byte order and the fields that only records have."""
        if self.built or type(state) is not tuple or len(state) < 5:
            raise Refused("describes a kind of array in an unknown way")
        _, order, *records = state
        if order not in ("<", "|", "="):
            raise Refused(f"has numbers of byte order {order!r:.9}; little-endian is expected")
        if any(part is not None for part in records[:3]):
            raise Refused("has an array of records; arrays of numbers are expected")
        self.built = True


@dataclass(eq=False)
class Array:
    """A NumPy array, not checked yet."""

    dtype: Any = None
    shape: Any = ()
    content: Any = b""
    fortran: bool = False
    built: bool = False
    why: str | None = None

    def set_state(self, state: object) -> None:
        """Sets version, shape, dtype, order and bytes, once."""
        if self.built or type(state) is not tuple or len(state) != 5:
            raise Refused("describes an array in an unknown way")
        _, self.shape, self.dtype, self.fortran, self.content = state
        self.built = True


@dataclass(eq=False)
class Record:
    """An object of the file as plain data; its class is only a name.

    Attributes:
        kind: name of the class.
        arguments: constructor arguments.
        state: attributes, usually a dict.
        items: entries of a dict subclass, such as an EasyDict.
        entries: entries of a list subclass.
        source: sha256 of the accompanying source text, which is dropped.
        why: for the result of a call, why it is unknown, in words that follow the file's name.
    """

    kind: Name
    arguments: tuple[Any, ...] = ()
    state: Any = None
    items: dict[Any, Any] = field(default_factory=dict[Any, Any])
    entries: list[Any] = field(default_factory=list[Any])
    source: str | None = None
    built: bool = False
    why: str | None = None

    @property
    def attributes(self) -> dict[Any, Any]:
        """The state as a dict, with slots merged in; empty if it is anything else."""
        if type(self.state) is dict:
            return self.state
        if type(self.state) is tuple:
            return {k: v for part in self.state[:2] if type(part) is dict for k, v in part.items()}
        return {}

    def set_state(self, state: object) -> None:
        """Sets the state, once."""
        if self.built:
            raise Refused(f"sets the attributes of a `{self.kind}` twice")
        self.state, self.built = state, True
