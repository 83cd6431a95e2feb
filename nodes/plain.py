"""Refuses a generator that still needs inputs, at every node that takes a plain one."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, get_args

from ..core.errors import InvalidInput
from ..core.generator import ConditionalGenerator
from .host import io

__all__ = ["plain_alone"]

N = TypeVar("N", bound="type[io.ComfyNode]")
_MARK = "_latentsteer_plain"


def plain_alone(node: N) -> N:
    """The node class itself, which refuses a `ConditionalGenerator` with the cure.

    An input whose annotation in `execute` names `ConditionalGenerator` takes one.

    Args:
        node: a node class; marked, so that a second call changes nothing.
    """
    if _MARK not in node.__dict__:
        node.execute = _guarded(node.execute)  # pyright: ignore[reportAttributeAccessIssue]
        setattr(node, _MARK, True)
    return node


def _guarded(method: Callable[..., Any]) -> Any:  # noqa: ANN401 - a class method
    function = method.__func__  # pyright: ignore[reportFunctionMemberAccess]
    taking = {
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if ConditionalGenerator in get_args(parameter.annotation)
    }

    @functools.wraps(function)
    def guarded(cls: type[io.ComfyNode], *args: object, **given: object) -> object:
        for name, value in given.items():
            if isinstance(value, ConditionalGenerator) and name not in taking:
                raise InvalidInput(f"{value.needed} Give what it needs with Give Inputs.")
        return function(cls, *args, **given)

    return classmethod(guarded)
