"""Checks types and shapes of the core at each call: beartype, and jaxtyping where arrays are.

jaxtyping's own decorator binds the arguments of every call to a signature and checks them twice,
which costs many times what beartype does. To compare the sizes of axes, beartype's checks of the
arguments and of the result only need one of jaxtyping's contexts around the call. A nested
function is decorated in each call of the outer one: beartype generates its checks once. Which
types satisfy a protocol is remembered. Loops call a function thousands of times with the same
types: the first calls in each test are checked.
"""

import contextlib
import dataclasses
import functools
import inspect
import sys
import types
import typing
from typing import Any

import beartype
import jaxtyping

HELD = "__beartype_func"
"""The keyword with which beartype's wrappers hold the function that they check."""

CONTEXT = jaxtyping.jaxtyped("context")
"""Within it, sizes of axes with one name are equal."""

CHECKED = 10
"""Number of calls of a function that are checked in each test."""

calls: dict[types.CodeType, int] = {}
"""Checked calls of each function since the test began."""


def names_an_array(annotation: object) -> bool:
    """Whether a type hint holds one of jaxtyping's; of text and type variables it is assumed."""
    if isinstance(annotation, (str, typing.ForwardRef, typing.TypeVar)):
        return True
    if isinstance(annotation, list):  # the arguments of a Callable
        return any(map(names_an_array, annotation))
    if isinstance(annotation, type) and annotation.__module__.partition(".")[0] == "jaxtyping":
        return True
    if isinstance(annotation, type) and issubclass(annotation, jaxtyping.AbstractArray):
        return True
    return any(map(names_an_array, typing.get_args(annotation)))


def rebound(made: Any, function: Any) -> Any:
    """A copy of beartype's wrapper for another function of the same code and type hints."""
    copy = types.FunctionType(made.__code__, made.__globals__, made.__name__)
    copy.__kwdefaults__ = {**made.__kwdefaults__, HELD: function}
    return functools.update_wrapper(copy, function)


class Checks:
    """The decorator of every class and function of the checked modules."""

    def __init__(self) -> None:
        conf = beartype.BeartypeConf(is_pep484_tower=True)  # an int is a float, as pyright has it
        self.typechecker = beartype.beartype(conf=conf)
        self.nested: dict[object, tuple[Any, bool]] = {}

    def __call__(self, what: Any) -> Any:
        if dataclasses.is_dataclass(what) and "__init__" in vars(what):
            what.__init__ = self.function(what.__init__)
        return self.function(what) if inspect.isfunction(what) else what

    def function(self, function: types.FunctionType) -> Any:
        """The function with its types checked and, if its type hints name arrays, its sizes.

        The checks are made at the first call; most functions are imported and not called. Those
        of a nested function are made once for its code and type hints.
        """
        if not function.__annotations__:
            return function
        code, checked = function.__code__, None

        @functools.wraps(function)
        def within(*args: Any, **kwargs: Any) -> Any:
            nonlocal checked
            done = calls.get(code, 0)
            if done >= CHECKED:
                return function(*args, **kwargs)
            calls[code] = done + 1
            if checked is None:
                checked = self.checked(function)
            made, sized = checked
            with CONTEXT if sized else contextlib.nullcontext():
                return made(*args, **kwargs)

        return within

    def checked(self, function: types.FunctionType) -> tuple[Any, bool]:
        """The function in beartype's wrapper, and whether its type hints name arrays."""
        if "<locals>" not in function.__qualname__:
            return self.made(function)
        key = function.__code__, repr(function.__annotations__)
        if key not in self.nested:
            self.nested[key] = self.made(function)
        made, sized = self.nested[key]
        if HELD not in (made.__kwdefaults__ or ()):
            return function, sized
        return rebound(made, function), sized

    def made(self, function: types.FunctionType) -> tuple[Any, bool]:
        """The function in a new wrapper of beartype, and whether its type hints name arrays."""
        if "TYPE_CHECKING" in function.__globals__:
            # Hints in quotes may name what is imported for pyright alone.
            hints = function.__annotations__
            hints |= {name: Any for name, hint in hints.items() if isinstance(hint, str)}
        sized = any(map(names_an_array, function.__annotations__.values()))
        return self.typechecker(function), sized


def on_every_object(kind: type, protocol: type) -> bool:
    """Whether all objects of a type have the members of a protocol: by its class or as fields."""
    bases = [base for base in protocol.__mro__ if getattr(base, "_is_protocol", False)]
    names = {name for base in bases for name in (*vars(base), *inspect.get_annotations(base))}
    members = {name for name in names if name == "__call__" or not name.startswith("_")}
    fields = getattr(kind, "__dataclass_fields__", {})
    return all(name in fields or hasattr(kind, name) for name in members)


def remember_protocols() -> None:
    """Remembers which types satisfy a protocol, so that they are not checked at each call.

    Before Python 3.12 a check reads each member of the object, and so evaluates its properties.
    """
    meta: Any = type(typing.Protocol)
    satisfies = meta.__instancecheck__
    known: set[tuple[type, type]] = set()

    def check(protocol: Any, what: object) -> bool:
        kind = type(what)
        if (protocol, kind) in known:
            return True
        found = satisfies(protocol, what)
        if found and getattr(protocol, "_is_protocol", False) and on_every_object(kind, protocol):
            known.add((protocol, kind))
        return found

    meta.__instancecheck__ = check


def install(package: str) -> None:
    """Check the modules of a package that are imported from here on."""
    checks = Checks()
    jaxtyping.jaxtyped = lambda **_: checks  # the hook decorates every class and function with it
    jaxtyping.install_import_hook(package, None)
    if sys.version_info < (3, 12):
        remember_protocols()
