"""Notation of the numbers of a paper's experiments."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from ...core.views.augclip import OPERATIONS

__all__ = ["VIEWS", "Each", "Has", "Inputs", "OneOf", "PaperRow"]

Inputs: TypeAlias = Mapping[str, object]
"""Values by the ids of inputs."""
VIEWS: Inputs = {"views": 50, **dict.fromkeys(OPERATIONS, True)}
"""TR0N B.3: samples of p(phi). FuseDream section 3.1: its four operations."""


@dataclass(frozen=True)
class Each:
    """One value for each of several nodes of a kind, in the order of the graph."""

    values: tuple[object, ...]


@dataclass(frozen=True)
class Has:
    """Values that occur among several nodes of a kind; others may occur too."""

    values: tuple[object, ...]


@dataclass(frozen=True)
class OneOf:
    """Values of which each node of a kind has any."""

    values: tuple[object, ...]


@dataclass(frozen=True)
class PaperRow:
    """A setup of a paper.

    Attributes:
        where: table, figure, section or appendix of the numbers.
        nodes: inputs by kind of node. A plain value applies to every node of the kind.
    """

    where: str
    nodes: Mapping[str, Inputs]
