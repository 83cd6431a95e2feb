"""Refuses a generator that still needs inputs, at every node that takes a plain one."""

import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, get_args

from ..core.errors import InvalidInput
from ..core.generator import ConditionalGenerator

__all__ = ["conditional_inputs", "refuse_conditional"]


def conditional_inputs(method: Callable[..., Any]) -> frozenset[str]:
    """The inputs of a node that take a `ConditionalGenerator`, by their annotations."""
    parameters = inspect.signature(method).parameters.items()
    return frozenset(n for n, p in parameters if ConditionalGenerator in get_args(p.annotation))


def refuse_conditional(given: Mapping[str, object], taking: Collection[str]) -> None:
    """Refuses generators that need inputs where a plain one is expected.

    Args:
        given: the values of a node's inputs.
        taking: names of inputs that take such a generator.

    Raises:
        InvalidInput: one is given elsewhere; the message names what it needs and the cure.
    """
    for name, value in given.items():
        if isinstance(value, ConditionalGenerator) and name not in taking:
            raise InvalidInput(f"{value.needed} Give what it needs with Give Inputs.")
