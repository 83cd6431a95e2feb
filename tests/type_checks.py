"""Types and shapes of the core, checked at each call: beartype, and jaxtyping where arrays are.

jaxtyping's wrapper binds the arguments of every call to compare the sizes of axes, which costs
many times what beartype does. A signature that names no array has no axes: beartype alone checks
the same of it.
"""

import functools
import inspect
import typing

import jaxtyping

CHECKER = "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"
"""The tower: an int is a float, as pyright has it."""


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


def install(package: str) -> None:
    """Check the modules of a package that are imported from here on."""
    shaped = jaxtyping.jaxtyped

    def checked(function, typechecker):
        hints = getattr(function, "__annotations__", {}).values()
        if inspect.isfunction(function) and not any(map(names_an_array, hints)):
            return typechecker(function)
        return shaped(function, typechecker=typechecker)

    def decorator(*, typechecker):
        return functools.partial(checked, typechecker=typechecker)

    jaxtyping.jaxtyped = decorator  # what the hook puts before every function
    jaxtyping.install_import_hook(package, CHECKER)
