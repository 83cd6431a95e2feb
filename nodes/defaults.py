"""Inputs with a default are optional in the API, on every host.

A canvas sends every widget; a program that writes a prompt by hand should name what it changes
and no more. ComfyUI refuses a graph that lacks a required input, and does not hand an optional
one that is left out to the node. So one place marks every widget that has a default as optional,
and fills the default in where a node's methods are called without it. The same place refuses a
generator that still needs inputs wherever a plain one is expected.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from .host import io
from .plain import conditional_inputs, refuse_conditional

__all__ = ["defaults_of", "with_defaults"]

N = TypeVar("N", bound="type[io.ComfyNode]")
FILLED = ("execute", "validate_inputs", "fingerprint_inputs")
"""The methods that take inputs by name, a node's own or those of a base that nodes share."""
_MARK = "_latentsteer_filled"


def with_defaults(node: N) -> N:
    """The node class itself, each of its inputs with a default made optional.

    The order of widgets on a canvas stays that of the schema as long as widgets without a default
    precede those with one, since canvases list required inputs first.

    Args:
        node: a node class; marked, so that a second call changes nothing.

    Raises:
        TypeError: a widget without a default follows one with a default, which would move it.
    """
    if _MARK not in node.__dict__:
        own = [c for c in node.__mro__ if c not in io.ComfyNode.__mro__]
        names = [name for name in FILLED if any(name in vars(c) for c in own)]
        define = node.define_schema
        node.define_schema = _optional(define)  # pyright: ignore[reportAttributeAccessIssue]
        for name in names:
            setattr(node, name, _filled(getattr(node, name), define))
        setattr(node, _MARK, True)
    return node


def defaults_of(schema: io.Schema) -> dict[str, object]:
    """The default of each widget that has one, by id."""
    sockets = schema.inputs or ()
    return {s.id: s.default for s in sockets if getattr(s, "default", None) is not None}  # pyright: ignore[reportAttributeAccessIssue]


def _optional(define: Callable[[], io.Schema]) -> "classmethod[Any, [], io.Schema]":
    @functools.wraps(define)
    def define_schema(cls: type[io.ComfyNode]) -> io.Schema:
        schema = define.__func__(cls)  # pyright: ignore[reportFunctionMemberAccess]
        known, seen = defaults_of(schema), ""
        for socket in schema.inputs or ():
            if socket.id in known:
                socket.optional, seen = True, socket.id
            elif seen and hasattr(socket, "default"):
                raise TypeError(
                    f"{schema.node_id}: the widget {socket.id!r} has no default and follows "
                    f"{seen!r}, which has one; give it a default, or put it first"
                )
        return schema

    return classmethod(define_schema)


def _filled(method: Callable[..., Any], define: Callable[[], io.Schema]) -> Any:  # noqa: ANN401
    """A class method that is called with the defaults of what it takes and was not given."""
    signature = inspect.signature(method)
    takes = list(signature.parameters)
    rest = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in signature.parameters.values())
    function = method.__func__  # pyright: ignore[reportFunctionMemberAccess]
    conditional = conditional_inputs(method)
    known: dict[str, object] = {}

    def defaults() -> Mapping[str, object]:
        if not known:
            found = defaults_of(define())
            known.update({k: v for k, v in found.items() if rest or k in takes})
        return known

    @functools.wraps(function)
    def filled(cls: type[io.ComfyNode], *args: object, **given: object) -> object:
        refuse_conditional(given, conditional)
        left = {k: v for k, v in defaults().items() if k not in takes[: len(args)]}
        return function(cls, *args, **{**left, **given})

    # Hosts read a validator's parameters without unwrapping it.
    vars(filled)["__signature__"] = inspect.signature(function)
    return classmethod(filled)
