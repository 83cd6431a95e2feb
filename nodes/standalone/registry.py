"""Nodes that run without ComfyUI: LatentSteer's and stand-ins for some of ComfyUI's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .api.node import ComfyNode, Schema

__all__ = ["Nodes", "Schemas", "load_nodes", "schemas_of"]

Nodes = Mapping[str, type[ComfyNode]]
Schemas = Mapping[str, Schema]


def load_nodes() -> dict[str, type[ComfyNode]]:
    """Returns every node that runs without ComfyUI, by id."""
    from ..catalogue import ALL_NODES
    from .builtin.images import BUILTIN_NODES

    return {node.schema().node_id: node for node in (*ALL_NODES, *BUILTIN_NODES)}


def schemas_of(nodes: Nodes, api: Mapping[str, Any] | None = None) -> dict[str, Schema]:
    """Returns the current schemas of nodes: lists of files are read again.

    Args:
        nodes: the nodes.
        api: workflow in API format; only the nodes that it has, if it is given.
    """
    kinds = nodes.keys() if api is None else {raw["class_type"] for raw in api.values()}
    return {node_id: node.GET_SCHEMA() for node_id, node in nodes.items() if node_id in kinds}
