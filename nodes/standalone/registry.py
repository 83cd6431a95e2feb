"""The nodes that a graph may name: ours and ComfyUI's few."""

from __future__ import annotations

from collections.abc import Mapping

from .api.node import ComfyNode, Schema

__all__ = ["Nodes", "Schemas", "load_nodes", "schemas_of"]

Nodes = Mapping[str, type[ComfyNode]]
Schemas = Mapping[str, Schema]


def load_nodes() -> dict[str, type[ComfyNode]]:
    """Every node that runs without ComfyUI, by its id."""
    from ..catalogue import ALL_NODES
    from .builtin.images import BUILTIN_NODES

    return {node.schema().node_id: node for node in (*ALL_NODES, *BUILTIN_NODES)}


def schemas_of(nodes: Nodes) -> dict[str, Schema]:
    """The schemas of nodes as they are now: lists of files are read again."""
    return {node_id: node.GET_SCHEMA() for node_id, node in nodes.items()}
