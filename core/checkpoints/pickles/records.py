"""What pickles are read into: plain records, none of which can do anything."""

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
"""NumPy's codes of the numbers that tensors hold too."""


class Refused(Exception):
    """What is wrong with the file, in words that follow its name."""


class Hostile(Refused):
    """The file asks for what only attacks need: refused whatever else lies in it."""


class LeftOut(Refused):
    """What is wrong with a single tensor: the file is refused once that tensor is taken."""


class Name(NamedTuple):
    """A name that the file asks for: inert, whatever it is called."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(eq=False)
class Storage:
    """Numbers of the file, not read yet.

    Attributes:
        dtype: of the numbers.
        key: by which the file knows it.
        numel: how many the file says there are.
        content: the bytes, where they lie in the pickle itself.
    """

    dtype: torch.dtype
    key: str
    numel: int
    content: bytearray | None = None


class View(NamedTuple):
    """A tensor as the file declares it, not checked yet."""

    storage: Any
    offset: Any
    shape: Any
    stride: Any
    dtype: torch.dtype | None = None


@dataclass(eq=False)
class Dtype:
    """A kind of numbers of NumPy.

    Attributes:
        number: that of tensors; None for text and dates, which are left out.
        width: bytes of one.
        why: why arrays of this kind are not read, in words that follow the file's name.
    """

    number: torch.dtype | None
    width: int
    built: bool = False
    why: str | None = None

    @classmethod
    def of(cls, code: object) -> "Dtype":
        """From NumPy's code, such as `f4` or `<f4`.

        Raises:
            Refused: objects, records, numbers of another byte order.
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
        """Version, byte order and what only records have."""
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
    """Numbers of NumPy, not checked yet."""

    dtype: Any = None
    shape: Any = ()
    content: Any = b""
    fortran: bool = False
    built: bool = False
    why: str | None = None

    def set_state(self, state: object) -> None:
        """Version, shape, kind, order and bytes, once."""
        if self.built or type(state) is not tuple or len(state) != 5:
            raise Refused("describes an array in an unknown way")
        _, self.shape, self.dtype, self.fortran, self.content = state
        self.built = True


@dataclass(eq=False)
class Record:
    """An object of the file as plain data; its class is a name and nothing more.

    Attributes:
        kind: the class's name.
        arguments: what it was to be made from.
        state: its attributes, for most a dict.
        items: what it holds as a dict of its own kind, such as an EasyDict.
        entries: what it holds as a list of its own kind.
        source: sha256 of the source text that came with it and was dropped.
        why: of what stands for the result of a call: why that is not known, in words that follow
            the file's name.
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
        """The state where it is a dict; those of slots are not told apart."""
        if type(self.state) is dict:
            return self.state
        if type(self.state) is tuple:
            return {k: v for part in self.state[:2] if type(part) is dict for k, v in part.items()}
        return {}

    def set_state(self, state: object) -> None:
        """The state, once."""
        if self.built:
            raise Refused(f"sets the attributes of a `{self.kind}` twice")
        self.state, self.built = state, True
