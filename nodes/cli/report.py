"""`report.json`: settings, versions, timings and the nodes' measurements of a run."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ...core.files import replacing
from ..standalone.executor import RunResult
from ..standalone.graph_node import as_link
from ..standalone.version import version

__all__ = ["KEY", "build", "measures", "write_report"]

KEY = "latentsteer"
"""Key of a node's ui under which it passes JSON-serialisable dicts to the report."""


def build(
    result: RunResult, *, workflow: str, device: str, server: str | None = None
) -> dict[str, Any]:
    """Builds the report of a run, JSON-serialisable.

    Args:
        result: result of the run.
        workflow: name of the workflow file.
        device: device that computed it.
        server: address of the ComfyUI that ran it, if any.
    """
    import torch

    return {
        "workflow": {"file": workflow, "graph": result.api},
        "versions": {
            "latentsteer": version(),
            "python": platform.python_version(),
            "torch": str(torch.__version__),
            "platform": platform.platform(),
        },
        "server": server,
        "device": device,
        "threads": torch.get_num_threads(),
        "chunks": _settings(result, lambda name: "chunk" in name),
        "seeds": _settings(result, lambda name: name.split("_")[-1] == "seed"),
        "seconds": {"total": result.total, "nodes": result.seconds},
        "outputs": [str(path) for path in result.files],
        "measures": measures(result.api, result.ui),
    }


def measures(
    api: Mapping[str, Any], ui: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Returns the dicts that nodes passed to the report, by node."""
    return {
        node_id: {
            "class_type": api.get(node_id, {}).get("class_type"),
            "title": (api.get(node_id, {}).get("_meta") or {}).get("title"),
            "items": list(shown[KEY]),
        }
        for node_id, shown in ui.items()
        if shown.get(KEY)
    }


def write_report(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON file atomically."""
    text = json.dumps(content, indent=2, default=_plain) + "\n"
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def _settings(result: RunResult, wanted: Callable[[str], bool]) -> dict[str, object]:
    """Returns widgets by node and name, including those that the graph leaves at their default."""
    return {
        f"{node_id}.{name}": value
        for node_id, raw in result.api.items()
        for name, value in {**raw.get("inputs", {}), **result.values.get(node_id, {})}.items()
        if wanted(name) and as_link(value) is None
    }


def _plain(value: object) -> object:
    """Converts paths, and NumPy and PyTorch values of any shape, to JSON types."""
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return value.tolist()  # pyright: ignore[reportAttributeAccessIssue]
    raise TypeError(f"the report cannot hold a {type(value).__name__}: {value!r}")
