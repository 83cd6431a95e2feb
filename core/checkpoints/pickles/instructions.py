"""Supported pickle instructions and their effect on the machine's stack."""

from collections.abc import Callable
from typing import Any

__all__ = ["ACTIONS", "LITERALS"]

NUMBERS = {"BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"}
TEXTS = {"BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE"}
OLD_TEXTS = {"STRING", "BINSTRING", "SHORT_BINSTRING"}
BYTES = {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"}
LITERALS = frozenset(NUMBERS | TEXTS | OLD_TEXTS | BYTES)

ACTIONS: dict[str, Callable[[Any, Any], object]] = {
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
    "GLOBAL": lambda m, arg: m.stack.append(m.name(*arg.split(" ", 1))),
    "STACK_GLOBAL": lambda m, arg: m.stack_global(),
    "PERSID": lambda m, arg: m.refer(arg),
    "BINPERSID": lambda m, arg: m.refer(m.stack.pop()),
    "REDUCE": lambda m, arg: m.call(),
    "NEWOBJ": lambda m, arg: m.new_object(),
    "NEWOBJ_EX": lambda m, arg: m.new_object(m.stack.pop()),
    "INST": lambda m, arg: m.old_object(m.name(*arg.split(" ", 1)), m.since_mark()),
    "OBJ": lambda m, arg: (lambda found: m.old_object(found[0], found[1:]))(m.since_mark()),
    "NEXT_BUFFER": lambda m, arg: m.outside("has an out-of-band buffer that is not in the file"),
    "READONLY_BUFFER": lambda m, arg: None,
    "POP": lambda m, arg: m.drop(),
    "POP_MARK": lambda m, arg: m.since_mark(),
    "BUILD": lambda m, arg: m.set_state(),
}
"""Instruction name to its action, called with the machine of `machine` and an argument."""
