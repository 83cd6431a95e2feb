"""What people type for a node besides its name: `web/js/aliases.json`.

Newer hosts take a node's `search_aliases` from its schema; 0.3.64 ignores them and searches ids
and display names alone, so `web/js/search.js` reads them from this file there.
"""

from __future__ import annotations

import json
from pathlib import Path

from .standalone.registry import Nodes

__all__ = ["FILE", "alias_file", "aliases_of"]

FILE = Path(__file__).resolve().parents[1] / "web" / "js" / "aliases.json"


def aliases_of(nodes: Nodes) -> dict[str, list[str]]:
    """Returns the aliases of every node of this package, by its id."""
    return {
        name: list(node.schema().search_aliases)
        for name, node in sorted(nodes.items())
        if name.startswith("LatentSteer_")
    }


def alias_file(nodes: Nodes) -> dict[Path, str]:
    """Returns the generated file, by path."""
    return {FILE: json.dumps(aliases_of(nodes), indent=1, ensure_ascii=False) + "\n"}
