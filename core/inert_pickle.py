"""Pickles of weights, read without running any of them.

A small machine of our own knows the instructions that weights need and no others. A name in the
file selects a builder of our own or stays an inert name; nothing is imported.
"""

import io
import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .inert_names import STORAGES, Builder, builder_of, key, known, makes
from .inert_records import Array, Dtype, Name, Record, Refused, Storage

__all__ = ["Bounded", "storage_of", "unpickle"]

MOST_STEPS = 4_000_000
"""Instructions of a pickle; that of the largest StyleGAN-XL has some hundred thousand."""
LONGEST_LINE = 1 << 20
FREE_ITEMS = 64
"""Arguments of builders that are not counted, being so short."""
NUMBERS = {"BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"}
TEXTS = {"BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE"}
OLD_TEXTS = {"STRING", "BINSTRING", "SHORT_BINSTRING"}
BYTES = {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"}
LITERALS = frozenset(NUMBERS | TEXTS | OLD_TEXTS | BYTES)
Persistent = Callable[[Any], object]
"""What stands for a reference to something outside of the pickle."""


class Bounded:
    """A file that gives no more than it has, so that no declared length is allocated first.

    Args:
        file: at the start of the pickle.
        size: how many bytes there are from there on.
    """

    def __init__(self, file: io.BufferedIOBase, size: int) -> None:
        self._file, self._left = file, size

    @classmethod
    def of(cls, content: bytes) -> "Bounded":
        """A pickle in memory."""
        return cls(io.BytesIO(content), len(content))

    def read(self, count: int) -> bytes:
        """As many bytes.

        Raises:
            Refused: there are fewer.
        """
        if not 0 <= count <= self._left:
            raise Refused(
                f"ends within a pickle: {count} bytes were to follow, {self._left} do. Fetch or "
                "save it again"
            )
        self._left -= count
        return self._file.read(count)

    def readline(self) -> bytes:
        """Bytes up to and with the next line break."""
        line = self._file.readline(min(self._left, LONGEST_LINE))
        self._left -= len(line)
        return line

    def tell(self) -> int:
        """The place in the file."""
        return self._file.tell()

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return self._left


def unpickle(
    file: Bounded,
    persistent: Persistent | None = None,
    builders: Mapping[Name, Builder] | None = None,
) -> object:
    """What a pickle describes: dicts, lists, tuples, numbers, texts, names, views and records.

    Sets and sizes come as lists, modules and other objects as records.

    Args:
        file: left where the pickle ends.
        persistent: what to make of references to something outside; without it they are refused.
        builders: for names beside those that are always known.

    Raises:
        Refused: it asks for anything else.
        LookupError, TypeError, ValueError: it is damaged.
    """
    return _Machine(file.left, persistent, builders or {}).run(file)


def storage_of(reference: Any) -> Storage | Name:  # noqa: ANN401 - whatever a file says
    """('storage', type, key, where it was, count) as a storage; ('module', class, ...) as a name.

    Raises:
        Refused: anything else.
    """
    if type(reference) is not tuple or len(reference) < 2 or type(reference[1]) is not Name:
        raise Refused("refers to something outside of the pickle; storages alone are known")
    kind, name, *rest = reference
    if kind == "module" and len(rest) == 2:
        return name
    if kind != "storage" or name.name not in STORAGES or not name.module.startswith("torch"):
        raise Refused(f"refers to a `{name}` outside of the pickle; storages alone are known")
    label, _, numel, *view = rest
    if view not in ([], [None]):
        raise Refused("has a storage within another, as PyTorch before 0.4 could write")
    if type(label) is not str or type(numel) is not int:
        raise Refused("has a storage without a key or a count")
    return Storage(STORAGES[name.name], label, numel)


@dataclass
class _Machine:
    """The stack of a pickle.

    Attributes:
        left: how many items may still be copied by builders: arguments can be shared without end.
        after: how many bytes follow the piece that is being read.
    """

    left: int
    persistent: Persistent | None
    builders: Mapping[Name, Builder]
    stack: list[Any] = field(default_factory=list[Any])
    marks: list[int] = field(default_factory=list[int])
    memo: dict[int, Any] = field(default_factory=dict[int, Any])
    after: int = 2**63

    def run(self, file: Bounded) -> object:
        """What the pickle describes."""
        for step, (code, argument, _) in enumerate(pickletools.genops(file)):  # pyright: ignore[reportArgumentType]
            if step > MOST_STEPS:
                raise Refused(f"has a pickle of more than {MOST_STEPS} instructions")
            if code.name in LITERALS:
                self.stack.append(argument)
            elif code.name == "STOP":
                return self.end()
            elif code.name == "FRAME":
                self.frame(file, int(argument or 0))
            elif (action := _ACTIONS.get(code.name)) is not None:
                action(self, argument)
            else:
                raise Refused(f"has the pickle instruction {code.name}, which no weights need")
        raise Refused("has a pickle without an end")

    def frame(self, file: Bounded, length: int) -> None:
        """The start of a piece that is read at once; the one before it is over."""
        if file.left > self.after or length > file.left:
            raise Refused("has pieces that overlap or are longer than it is; it is damaged")
        self.after = file.left - length

    def end(self) -> object:
        """The one thing that is left."""
        if len(self.stack) != 1 or self.marks:
            raise Refused("has a pickle that ends in the midst of something; it is damaged")
        return self.stack.pop()

    def since_mark(self) -> list[Any]:
        """What was put on the stack after the last mark."""
        start = self.marks.pop()
        found, self.stack[start:] = self.stack[start:], []
        return found

    def last(self, count: int) -> list[Any]:
        """The topmost entries, taken off."""
        return [self.stack.pop() for _ in range(count)][::-1]

    def expect(self, value: object, kind: type) -> None:
        """Refuses a value of another type."""
        if type(value) is not kind:
            raise Refused(f"has a {type(value).__name__} where a {kind.__name__} was expected")

    def put(self, place: int) -> None:
        """Remembers what is on top; picklers use every place once and in turn, from 0 or 1."""
        if place in self.memo or place > len(self.memo) + 1:
            raise Refused(f"remembers things out of turn, in place {place}; it is damaged")
        self.memo[place] = self.stack[-1]

    def set_items(self, items: list[Any]) -> None:
        """Pairs into the dict on top."""
        top = self.stack[-1]
        held = top.items if type(top) is Record else top
        self.expect(held, dict)
        for name, value in zip(items[::2], items[1::2], strict=True):
            plain = key(name)
            if plain in held:
                raise Refused(f"has `{plain!s:.80}` twice in one dict; it is damaged")
            held[plain] = value

    def as_dict(self) -> None:
        """The pairs since the mark as a new dict."""
        items = self.since_mark()
        self.stack.append({})
        self.set_items(items)

    def extend(self, items: list[Any]) -> None:
        """Items onto the list on top."""
        top = self.stack[-1]
        held = top.entries if type(top) is Record else top
        self.expect(held, list)
        held.extend(items)

    def call(self) -> None:
        """The builder that stands for the name below its arguments."""
        name, arguments = self.last(2)
        self.expect(name, Name)
        self.expect(arguments, tuple)
        builder = self.builders.get(name) or builder_of(name)
        sizes = [len(a) for a in arguments if isinstance(a, bytes | dict | list | str)]
        self.left -= sum(size for size in sizes if size > FREE_ITEMS)
        if self.left < 0:
            raise Refused("uses the same parts over and over; it is damaged or an attack")
        self.stack.append(builder(*arguments))

    def refer(self, reference: object) -> None:
        """Something outside of the pickle."""
        if self.persistent is None:
            raise Refused("refers to something outside of the pickle, which only torch.save does")
        self.stack.append(self.persistent(reference))

    def new_object(self) -> None:
        """An object, as a record."""
        name, arguments = self.last(2)
        self.expect(name, Name)
        self.expect(arguments, tuple)
        self.stack.append(makes(name, arguments))

    def set_state(self) -> None:
        """Attributes of a record; those of a dict, such as versions, are of no use here."""
        state = self.stack.pop()
        top = self.stack[-1]
        if type(top) in (Array, Dtype, Record):
            top.set_state(state)
        else:
            self.expect(top, dict)
            self.expect(state, dict)

    def stack_global(self) -> None:
        """The name that lies on the stack."""
        module, name = self.last(2)
        self.expect(module, str)
        self.expect(name, str)
        self.stack.append(known(Name(module, name)))


_ACTIONS: dict[str, Callable[[_Machine, Any], object]] = {
    "PROTO": lambda m, arg: None,
    "NONE": lambda m, arg: m.stack.append(None),
    "NEWTRUE": lambda m, arg: m.stack.append(True),
    "NEWFALSE": lambda m, arg: m.stack.append(False),
    "EMPTY_DICT": lambda m, arg: m.stack.append({}),
    "EMPTY_LIST": lambda m, arg: m.stack.append([]),
    "EMPTY_SET": lambda m, arg: m.stack.append([]),
    "EMPTY_TUPLE": lambda m, arg: m.stack.append(()),
    "MARK": lambda m, arg: m.marks.append(len(m.stack)),
    "LIST": lambda m, arg: m.stack.append(m.since_mark()),
    "DICT": lambda m, arg: m.as_dict(),
    "FROZENSET": lambda m, arg: m.stack.append(m.since_mark()),
    "TUPLE": lambda m, arg: m.stack.append(tuple(m.since_mark())),
    "TUPLE1": lambda m, arg: m.stack.append(tuple(m.last(1))),
    "TUPLE2": lambda m, arg: m.stack.append(tuple(m.last(2))),
    "TUPLE3": lambda m, arg: m.stack.append(tuple(m.last(3))),
    "APPEND": lambda m, arg: m.extend([m.stack.pop()]),
    "APPENDS": lambda m, arg: m.extend(m.since_mark()),
    "ADDITEMS": lambda m, arg: m.extend(m.since_mark()),
    "SETITEM": lambda m, arg: m.set_items(m.last(2)),
    "SETITEMS": lambda m, arg: m.set_items(m.since_mark()),
    "PUT": lambda m, arg: m.put(arg),
    "BINPUT": lambda m, arg: m.put(arg),
    "LONG_BINPUT": lambda m, arg: m.put(arg),
    "MEMOIZE": lambda m, arg: m.put(len(m.memo)),
    "GET": lambda m, arg: m.stack.append(m.memo[arg]),
    "BINGET": lambda m, arg: m.stack.append(m.memo[arg]),
    "LONG_BINGET": lambda m, arg: m.stack.append(m.memo[arg]),
    "GLOBAL": lambda m, arg: m.stack.append(known(Name(*arg.split(" ", 1)))),
    "STACK_GLOBAL": lambda m, arg: m.stack_global(),
    "PERSID": lambda m, arg: m.refer(arg),
    "BINPERSID": lambda m, arg: m.refer(m.stack.pop()),
    "REDUCE": lambda m, arg: m.call(),
    "NEWOBJ": lambda m, arg: m.new_object(),
    "BUILD": lambda m, arg: m.set_state(),
}
