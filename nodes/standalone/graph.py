"""Parses an API-format workflow and validates it as a whole before anything runs."""

from __future__ import annotations

import graphlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from .canvas.workflow_file import is_ui, read_workflow
from .errors import WorkflowError
from .graph_node import Link, Node, NodeParser, as_link, called
from .registry import Nodes, Schemas, schemas_of
from .values import listed

__all__ = [
    "Api",
    "Graph",
    "Link",
    "Node",
    "as_link",
    "called",
    "check_shape",
    "is_ui",
    "read_workflow",
    "validate",
]

Api = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Graph:
    """A validated graph.

    Attributes:
        nodes: all nodes by id, in file order.
        order: ids of the nodes that an output node needs, each after its sources.
        notes: what is ignored, one sentence each.
    """

    nodes: dict[str, Node]
    order: tuple[str, ...]
    notes: tuple[str, ...] = ()


def validate(api: Mapping[str, Any], nodes: Nodes) -> Graph:
    """Validates a whole graph and sorts it.

    A node that no output node needs may lack inputs, as in ComfyUI; everything else is checked for
    it too. Unknown inputs of a node are noted and ignored, as ComfyUI ignores them: frontends send
    some of their own. A node's `validate_inputs` alone validates the inputs that it names.

    Args:
        api: workflow in API format; not changed.
        nodes: supported nodes.

    Raises:
        WorkflowError: the graph is invalid; lists every problem found.
    """
    check_shape(api)
    _check_known(api, nodes)
    schemas = schemas_of(nodes, api)
    order = _order(api, schemas, nodes)
    needed, found = set(order), dict[str, Node]()
    problems: list[str] = []
    notes: list[str] = []
    for node_id, raw in api.items():
        parser = NodeParser(node_id, api, nodes[raw["class_type"]], schemas)
        found[node_id] = parser.parse(required=node_id in needed)
        problems += parser.problems
        notes += parser.notes
    if problems:
        raise WorkflowError(problems)
    return Graph(found, order, tuple(notes))


def check_shape(api: Mapping[str, Any]) -> None:
    """Checks that a workflow is in API format, regardless of its nodes.

    Raises:
        WorkflowError: it is not, or it has no nodes.
    """
    if not api:
        raise WorkflowError("the workflow has no nodes")
    problems: list[str] = []
    for node_id, raw in api.items():
        if not isinstance(raw, dict) or not isinstance(raw.get("class_type"), str):
            problems.append(
                f"entry {node_id!r} is not a node: expected an object with class_type and inputs "
                "(API format; save it from ComfyUI with File > Export (API))"
            )
        elif not all(isinstance(raw.get(key, {}), dict) for key in ("inputs", "_meta")):
            problems.append(f"node {node_id}: inputs and _meta must be objects")
    if problems:
        raise WorkflowError(problems)


def _check_known(api: Mapping[str, Any], nodes: Nodes) -> None:
    unknown = [
        _unknown_node(node_id, raw["class_type"], nodes)
        for node_id, raw in api.items()
        if raw["class_type"] not in nodes
    ]
    if unknown:
        raise WorkflowError(unknown)


def _unknown_node(node_id: str, kind: str, nodes: Nodes) -> str:
    close = get_close_matches(kind, nodes, n=3, cutoff=0.4)
    hint = f"the closest are {', '.join(close)}" if close else f"known: {listed(nodes)}"
    return (
        f"node {node_id} is a {kind!r}, which is not available here; {hint}. "
        "Nodes of ComfyUI and of other packs need a running ComfyUI: use --server"
    )


def _links(raw: Mapping[str, Any]) -> Iterable[Link]:
    return (link for value in raw.get("inputs", {}).values() if (link := as_link(value)))


def _order(api: Mapping[str, Any], schemas: Schemas, nodes: Nodes) -> tuple[str, ...]:
    sources = {
        node_id: [link.node for link in _links(raw) if link.node in api]
        for node_id, raw in api.items()
    }
    try:
        everything = tuple(graphlib.TopologicalSorter(sources).static_order())
    except graphlib.CycleError as error:
        cycle = " -> ".join(called(node_id, api[node_id]) for node_id in error.args[1])
        raise WorkflowError(
            f"the graph has a cycle: {cycle}; remove one of these links"
        ) from error
    waiting = [n for n, raw in api.items() if schemas[raw["class_type"]].is_output_node]
    if not waiting:
        outputs = [name for name, node in nodes.items() if node.schema().is_output_node]
        raise WorkflowError(
            "the graph has no output node, so nothing would run; "
            f"add one, for instance {listed(sorted(outputs))}"
        )
    needed: set[str] = set()
    while waiting:
        node_id = waiting.pop()
        if node_id not in needed:
            needed.add(node_id)
            waiting += sources[node_id]
    return tuple(node_id for node_id in everything if node_id in needed)
