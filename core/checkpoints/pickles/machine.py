"""Reads pickles of weights without running any of their contents.

A small interpreter follows the instructions. A name in the file selects one of LatentSteer's
builders or stays inert; nothing is imported. The result of an unknown call becomes an inert
record, which has no attributes, is never called, and makes no tensor.
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

__all__ = ["MOST_STEPS", "Unpickled", "unpickle"]

MOST_STEPS = 4_000_000
"""Limit on instructions; the largest StyleGAN-XL pickle has some hundred thousand."""
FREE_ITEMS = 64
"""Builder arguments up to this length are not counted."""
COPIES = 4
"""Limit on what builders copy, as a multiple of the file: protocols 0 to 2 write bytes as text."""
MOST_UNKNOWN = 16
"""Number of unknown names and calls kept for messages."""
REACHING = {"getattr", "_getattr", "_get_attr", "_getattribute", "attrgetter"}
"""Functions that return an attribute of their argument."""
Persistent = Callable[[Any], object]
"""Resolves a reference to something outside of the pickle."""


class Unpickled(NamedTuple):
    """Contents of a pickle.

    Attributes:
        content: dicts, lists, tuples, numbers, texts, names, views and records.
        unknown: the first unknown names and calls, in words that follow the file's name.
    """

    content: object
    unknown: tuple[str, ...]


def unpickle(
    file: Bounded,
    persistent: Persistent | None = None,
    builders: Mapping[Name, Builder] | None = None,
    most_steps: int = MOST_STEPS,
) -> Unpickled:
    """Reads the contents of a pickle.

    Sets and sizes become lists; modules, other objects and results of unknown calls become
    records.

    Args:
        file: the pickle; left at its end.
        persistent: resolves references to something outside; without it they are unknown.
        builders: additional builders by name.
        most_steps: limit on its instructions.

    Raises:
        Hostile: the pickle requests something that only attacks need.
        Refused: it is not a pickle of values, or is too large.
        LookupError, TypeError, ValueError: it is damaged.
    """
    machine = _Machine(COPIES * file.left, persistent, builders or {}, most_steps)
    return Unpickled(machine.run(file), tuple(machine.unknown))


@dataclass
class _Machine:
    """Interpreter state of a pickle.

    Attributes:
        left: number of items that builders may still copy; shared arguments could repeat forever.
        most_steps: limit on the instructions.
        after: number of bytes after the current frame.
        unknown: the first unknown names and calls.
        written_out: ids of dicts with keys that were converted to text.
    """

    left: int
    persistent: Persistent | None
    builders: Mapping[Name, Builder]
    most_steps: int
    stack: list[Any] = field(default_factory=list[Any])
    marks: list[int] = field(default_factory=list[int])
    memo: dict[int, Any] = field(default_factory=dict[int, Any])
    after: int = 2**63
    unknown: list[str] = field(default_factory=list[str])
    written_out: set[int] = field(default_factory=set[int])

    def run(self, file: Bounded) -> object:
        """Runs the pickle and returns its contents."""
        for step, (code, argument, _) in enumerate(pickletools.genops(file)):  # pyright: ignore[reportArgumentType]
            if step > self.most_steps:
                raise Refused(f"has a pickle of more than {self.most_steps} instructions")
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
        """Starts a frame; the previous one must have ended."""
        if file.left > self.after or length > file.left:
            raise Refused("has frames that overlap or exceed it; it is damaged")
        self.after = file.left - length

    def end(self) -> object:
        """Returns the only remaining object."""
        if len(self.stack) != 1 or self.marks:
            raise Refused("has a pickle that ends prematurely; it is damaged")
        return self.stack.pop()

    def since_mark(self) -> list[Any]:
        """Pops everything above the last mark."""
        start = self.marks.pop()
        found, self.stack[start:] = self.stack[start:], []
        return found

    def last(self, count: int) -> list[Any]:
        """Pops the topmost `count` entries, in stack order."""
        return [self.stack.pop() for _ in range(count)][::-1]

    def expect(self, value: object, kind: type) -> None:
        """Raises Refused unless the value is of exactly this type."""
        if type(value) is not kind:
            raise Refused(f"has a {type(value).__name__} where a {kind.__name__} was expected")

    def put(self, place: int) -> None:
        """Memoises the top; picklers use each place once, in order, starting at 0 or 1."""
        if place in self.memo or place > len(self.memo) + 1:
            raise Refused(f"memoises out of order, at place {place}; it is damaged")
        self.memo[place] = self.stack[-1]

    def set_items(self, items: list[Any]) -> None:
        """Adds key-value pairs to the dict on top."""
        top = self.stack[-1]
        held = top.items if type(top) is Record else top
        self.expect(held, dict)
        for name, value in zip(items[::2], items[1::2], strict=True):
            self.set_item(held, name, value)

    def set_item(self, held: dict[Any, Any], name: object, value: object) -> None:
        """Adds an entry; a converted key yields to a key that is already text or a number."""
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
        """Pushes a new dict of the pairs above the mark."""
        items = self.since_mark()
        self.stack.append({})
        self.set_items(items)

    def extend(self, items: list[Any]) -> None:
        """Appends items to the list on top."""
        top = self.stack[-1]
        held = top.entries if type(top) is Record else top
        self.expect(held, list)
        held.extend(items)

    def note(self, why: str) -> str:
        """Records an unknown item and returns its description."""
        if len(self.unknown) < MOST_UNKNOWN:
            self.unknown.append(why)
        return why

    def name(self, module: str, name: str) -> Name:
        """Returns a name, which stays inert."""
        found = known(Name(module, name))
        if not is_expected(found):
            self.note(f"asks for `{found}`, which no weights need; nothing of it was run")
        return found

    def call(self) -> None:
        """Replaces a name and its arguments by the builder's result or a record."""
        callee, arguments = self.last(2)
        self.expect(arguments, tuple)
        if type(callee) is not Record:
            self.expect(callee, Name)
        self.stack.append(self.made(callee, arguments))

    def made(self, callee: Name | Record, arguments: tuple[Any, ...]) -> object:
        """Returns the result of a call. Nothing from the file is ever called."""
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
        """Charges a builder's arguments to the copy limit."""
        sizes = [len(a) for a in arguments if isinstance(a, bytes | dict | list | str)]
        self.left -= sum(size for size in sizes if size > FREE_ITEMS)
        if self.left < 0:
            raise Refused("reuses the same parts without limit; it is damaged or an attack")

    def refer(self, reference: object) -> None:
        """Pushes the target of a reference to something outside of the pickle."""
        try:
            if self.persistent is None:
                raise Refused("refers to something outside of it, which only torch.save does")
            self.stack.append(self.persistent(reference))
        except Hostile:
            raise
        except Refused as refusal:
            self.outside(str(refusal))

    def outside(self, why: str) -> None:
        """Pushes a record for something that is not in the file."""
        self.stack.append(Record(Name("", "reference"), why=self.note(why)))

    def new_object(self, options: object = None) -> None:
        """Pushes an object as a record."""
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
        """Pushes an instance of an old-style Python 2 class."""
        if type(name) is not Record:
            self.expect(name, Name)
        self.stack.append(self.made(name, tuple(arguments)))  # pyright: ignore[reportArgumentType]

    def set_state(self) -> None:
        """Sets the attributes of a record; those of a dict, such as versions, are ignored."""
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
        """Pops the top, or the mark there."""
        if self.marks and self.marks[-1] == len(self.stack):
            self.marks.pop()
        else:
            self.stack.pop()

    def stack_global(self) -> None:
        """Pushes a name whose module and name are on the stack."""
        module, name = self.last(2)
        self.expect(module, str)
        self.expect(name, str)
        self.stack.append(self.name(module, name))
