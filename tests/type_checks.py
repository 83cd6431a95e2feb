"""Checks types and shapes of the core at each call: beartype, and jaxtyping where arrays are.

jaxtyping's own decorator binds the arguments of every call to a signature and checks them twice,
which costs many times what beartype does. To compare the sizes of axes, beartype's checks of the
arguments and of the result only need one of jaxtyping's contexts around the call. A nested
function is decorated in each call of the outer one: beartype generates its checks once.
"""

import dataclasses
import functools
import inspect
import types
import typing
from typing import Any

import beartype
import jaxtyping

HELD = "__beartype_func"
"""The keyword with which beartype's wrappers hold the function that they check."""

CONTEXT = jaxtyping.jaxtyped("context")
"""Within it, sizes of axes with one name are equal."""


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
        self.nested: dict[object, Any] = {}

    def __call__(self, what: Any) -> Any:
        if dataclasses.is_dataclass(what) and "__init__" in vars(what):
            what.__init__ = self.function(what.__init__)
        return self.function(what) if inspect.isfunction(what) else what

    def function(self, function: types.FunctionType) -> Any:
        """The function with its types checked and, if its type hints name arrays, its sizes."""
        if "TYPE_CHECKING" in function.__globals__:
            # Hints in quotes may name what is imported for pyright alone.
            hints = function.__annotations__
            hints |= {name: Any for name, hint in hints.items() if isinstance(hint, str)}
        made = self.made(function)
        if not any(map(names_an_array, function.__annotations__.values())):
            return made

        @functools.wraps(function)
        def sized(*args: Any, **kwargs: Any) -> Any:
            with CONTEXT:
                return made(*args, **kwargs)

        return sized

    def made(self, function: types.FunctionType) -> Any:
        """The function in beartype's wrapper, which is generated once per code if nested."""
        if "<locals>" not in function.__qualname__:
            return self.typechecker(function)
        key = function.__code__, repr(function.__annotations__)
        if key in self.nested:
            return rebound(self.nested[key], function)
        made = self.typechecker(function)
        if HELD in (made.__kwdefaults__ or ()):
            self.nested[key] = made
        return made


def install(package: str) -> None:
    """Check the modules of a package that are imported from here on."""
    checks = Checks()
    jaxtyping.jaxtyped = lambda **_: checks  # the hook decorates every class and function with it
    jaxtyping.install_import_hook(package, None)
