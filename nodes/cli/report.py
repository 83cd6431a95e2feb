"""`report.json`: what was run, with what, for how long, and what the nodes measured."""

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

__all__ = ["KEY", "build", "measures", "write"]

KEY = "latentsteer"
"""Under this key of its ui, a node hands over a list of JSON-able dicts for the report."""


def build(
    result: RunResult, *, workflow: str, device: str, server: str | None = None
) -> dict[str, Any]:
    """The report of a run, JSON-able.

    Args:
        result: of the run.
        workflow: the name of the workflow's file.
        device: what was computed on.
        server: the address of the ComfyUI that ran it, if one did.
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
    """What the nodes handed over for the report, by node."""
    return {
        node_id: {
            "class_type": api.get(node_id, {}).get("class_type"),
            "title": (api.get(node_id, {}).get("_meta") or {}).get("title"),
            "items": list(shown[KEY]),
        }
        for node_id, shown in ui.items()
        if shown.get(KEY)
    }


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file whole or not at all."""
    text = json.dumps(content, indent=2, default=_plain) + "\n"
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def _settings(result: RunResult, wanted: Callable[[str], bool]) -> dict[str, object]:
    """Widgets by node and name, those that the graph leaves to their default too."""
    return {
        f"{node_id}.{name}": value
        for node_id, raw in result.api.items()
        for name, value in {**raw.get("inputs", {}), **result.values.get(node_id, {})}.items()
        if wanted(name) and as_link(value) is None
    }


def _plain(value: object) -> object:
    """JSON for the numbers of NumPy and PyTorch, of one element or many, and for paths."""
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return value.tolist()  # pyright: ignore[reportAttributeAccessIssue]
    raise TypeError(f"the report cannot hold a {type(value).__name__}: {value!r}")
