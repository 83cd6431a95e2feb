"""Pickles of weights, read without running any of them.

A small machine of our own follows the instructions. A name in the file selects a builder of our
own or stays inert; nothing is imported. What an unknown call would give becomes an inert record,
which has no attributes, is never called, and makes no tensor.
"""

import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..bounded import Bounded
from .hostile_names import refuse_hostile, refuse_reaching
from .instructions import ACTIONS, LITERALS
from .keys import key
from .names import Builder, builder_of, is_expected, known, makes
from .records import Array, Dtype, Hostile, Name, Record, Refused

__all__ = ["Unpickled", "unpickle"]

MOST_STEPS = 4_000_000
"""Instructions of a pickle; that of the largest StyleGAN-XL has some hundred thousand."""
FREE_ITEMS = 64
"""Arguments of builders that are not counted, being so short."""
COPIES = 4
"""How often builders may copy as much as the file has; protocols 0 to 2 write bytes as texts."""
MOST_UNKNOWN = 16
"""Unknown names and calls that are remembered for messages."""
REACHING = {"getattr", "_getattr", "_get_attr", "_getattribute", "attrgetter"}
"""Functions that take an attribute of what they are given."""
Persistent = Callable[[Any], object]
"""What stands for a reference to something outside of the pickle."""


class Unpickled(NamedTuple):
    """What a pickle describes.

    Attributes:
        content: dicts, lists, tuples, numbers, texts, names, views and records.
        unknown: the first names and calls in it that are not known, in words that follow the
            file's name.
    """

    content: object
    unknown: tuple[str, ...]


def unpickle(
    file: Bounded,
    persistent: Persistent | None = None,
    builders: Mapping[Name, Builder] | None = None,
) -> Unpickled:
    """What a pickle describes.

    Sets and sizes come as lists, modules, other objects and the results of unknown calls as
    records.

    Args:
        file: left where the pickle ends.
        persistent: what to make of references to something outside; without it they are unknown.
        builders: for names beside those that are always known.

    Raises:
        Hostile: it asks for what only attacks need.
        Refused: it is no pickle of values, or too large.
        LookupError, TypeError, ValueError: it is damaged.
    """
    machine = _Machine(COPIES * file.left, persistent, builders or {})
    return Unpickled(machine.run(file), tuple(machine.unknown))


@dataclass
class _Machine:
    """The stack of a pickle.

    Attributes:
        left: how many items may still be copied by builders: arguments can be shared without end.
        after: how many bytes follow the piece that is being read.
        unknown: the first names and calls that are not known.
        written_out: which dicts have keys that were written out as texts.
    """

    left: int
    persistent: Persistent | None
    builders: Mapping[Name, Builder]
    stack: list[Any] = field(default_factory=list[Any])
    marks: list[int] = field(default_factory=list[int])
    memo: dict[int, Any] = field(default_factory=dict[int, Any])
    after: int = 2**63
    unknown: list[str] = field(default_factory=list[str])
    written_out: set[int] = field(default_factory=set[int])

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
            elif (action := ACTIONS.get(code.name)) is not None:
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
            self.set_item(held, name, value)

    def set_item(self, held: dict[Any, Any], name: object, value: object) -> None:
        """An entry; keys that are no texts or numbers are written out, and give way to those."""
        plain = key(name)
        if plain is not name:
            self.written_out.add(id(held))
            if type(name) is tuple and not name:
                self.note("has an empty tuple as a key")
            while plain in held:
                plain = f"{plain} again"
        elif plain in held:
            if id(held) not in self.written_out:
                raise Refused(f"has `{plain!s:.80}` twice in one dict; it is damaged")
            self.set_item(held, (plain, "again"), held.pop(plain))
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

    def note(self, why: str) -> str:
        """Remembers that something is not known."""
        if len(self.unknown) < MOST_UNKNOWN:
            self.unknown.append(why)
        return why

    def name(self, module: str, name: str) -> Name:
        """A name, which stays inert."""
        found = known(Name(module, name))
        if not is_expected(found):
            self.note(f"asks for `{found}`, which no weights need; nothing of it was run")
        return found

    def call(self) -> None:
        """What the builder makes that stands for the name below its arguments, or a record."""
        callee, arguments = self.last(2)
        self.expect(arguments, tuple)
        if type(callee) is not Record:
            self.expect(callee, Name)
        self.stack.append(self.made(callee, arguments))

    def made(self, callee: Name | Record, arguments: tuple[Any, ...]) -> object:
        """What a call gives: nothing that the file brings is called."""
        name = callee if isinstance(callee, Name) else callee.kind
        refuse_hostile(name, called=True)
        if name.name.rpartition(".")[2] in REACHING:
            for argument in arguments:
                refuse_reaching(argument)
        builder = None
        if isinstance(callee, Name):
            builder = self.builders.get(name) or builder_of(name)
        why = f"calls `{name}`, which is not known; nothing of it was run"
        if builder is not None:
            self.count(arguments)
            try:
                return builder(*arguments)
            except Hostile:
                raise
            except (LookupError, Refused, TypeError, ValueError) as error:
                why = str(error) if isinstance(error, Refused) else f"calls `{name}` wrongly"
        return Record(name, arguments, why=self.note(why))

    def count(self, arguments: tuple[Any, ...]) -> None:
        """Counts what a builder may copy."""
        sizes = [len(a) for a in arguments if isinstance(a, bytes | dict | list | str)]
        self.left -= sum(size for size in sizes if size > FREE_ITEMS)
        if self.left < 0:
            raise Refused("uses the same parts over and over; it is damaged or an attack")

    def refer(self, reference: object) -> None:
        """Something outside of the pickle."""
        try:
            if self.persistent is None:
                raise Refused("refers to something outside of it, which only torch.save does")
            self.stack.append(self.persistent(reference))
        except Hostile:
            raise
        except Refused as refusal:
            self.outside(str(refusal))

    def outside(self, why: str) -> None:
        """Something that is not in the file, as a record."""
        self.stack.append(Record(Name("", "reference"), why=self.note(why)))

    def new_object(self, options: object = None) -> None:
        """An object, as a record."""
        name, arguments = self.last(2)
        self.expect(arguments, tuple)
        if type(name) is Record:
            self.stack.append(self.made(name, arguments))
            return
        self.expect(name, Name)
        record = makes(name, arguments)
        if options is not None and record.why is None:
            record.why = f"makes a `{name}` by names, which no weights need"
        if record.why is not None:
            self.note(record.why)
        self.stack.append(record)

    def old_object(self, name: object, arguments: list[Any]) -> None:
        """An object as Python 2 wrote those of its old classes."""
        if type(name) is not Record:
            self.expect(name, Name)
        self.stack.append(self.made(name, tuple(arguments)))  # pyright: ignore[reportArgumentType]

    def set_state(self) -> None:
        """Attributes of a record; those of a dict, such as versions, are of no use here."""
        state = self.stack.pop()
        top = self.stack[-1]
        if type(top) is Record:
            top.set_state(state)
        elif type(top) in (Array, Dtype):
            try:
                top.set_state(state)
            except Refused as refusal:
                top.why = self.note(str(refusal))
        else:
            self.expect(top, dict)
            self.expect(state, dict)

    def drop(self) -> None:
        """Forgets what is on top, or the mark there."""
        if self.marks and self.marks[-1] == len(self.stack):
            self.marks.pop()
        else:
            self.stack.pop()

    def stack_global(self) -> None:
        """The name that lies on the stack."""
        module, name = self.last(2)
        self.expect(module, str)
        self.expect(name, str)
        self.stack.append(self.name(module, name))
