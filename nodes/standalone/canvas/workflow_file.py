"""Reads workflow files in all forms of ComfyUI and its users."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from ..errors import WorkflowError

__all__ = ["is_ui", "read_workflow"]

_PNG = b"\x89PNG\r\n\x1a\n"
_WRAPPERS = ("prompt", "output", "workflow")
"""Keys under which other programs store a graph: the body of POST /prompt, the canvas's own answer
and a saved history; the API's key has priority."""


def read_workflow(path: Path) -> dict[str, Any]:
    """Reads the workflow in a file, in canvas or API format.

    A picture saved by ComfyUI contains the graph that made it. An object with a graph under
    "prompt", "output" or "workflow" is replaced by that graph.

    Raises:
        WorkflowError: the file is missing, not a JSON object, or a picture without a graph.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WorkflowError(f"cannot read the workflow {path}: {error.strerror}") from error
    content = _in_picture(path) if data.startswith(_PNG) else _parsed(data, path)
    if not isinstance(content, dict):
        raise WorkflowError(
            f"the workflow {path} holds a {type(content).__name__}, not an object; save it from "
            "ComfyUI with File > Save or File > Export (API)"
        )
    return _unwrapped(cast("dict[str, Any]", content))


def is_ui(workflow: Mapping[str, Any]) -> bool:
    """Whether a workflow is in the canvas' format rather than in API format."""
    return isinstance(workflow.get("nodes"), list)


def _parsed(data: bytes | str, path: Path) -> object:
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WorkflowError(f"the workflow {path} is not JSON: {error}") from error


def _in_picture(path: Path) -> object:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            picture.load()  # texts may follow the pixels
            texts = dict(picture.info)
    except (OSError, SyntaxError, ValueError) as error:
        raise WorkflowError(f"the picture {path} cannot be read: {error}") from error
    for key in ("prompt", "workflow"):
        if isinstance(texts.get(key), str):
            return _parsed(texts[key], path)
    raise WorkflowError(
        f"the picture {path} contains no workflow; ComfyUI and latentsteer write one into the "
        "PNG files that they save, unless this is disabled or another program changes the file"
    )


def _unwrapped(content: dict[str, Any]) -> dict[str, Any]:
    if is_ui(content):
        return content
    for key in _WRAPPERS:
        inner = content.get(key)
        # A node's id can be any text: an object with a class_type is a node.
        if isinstance(inner, dict) and "class_type" not in inner and _is_graph(inner):
            return cast("dict[str, Any]", inner)
    return content


def _is_graph(inner: Mapping[str, Any]) -> bool:
    values = list(inner.values())
    return is_ui(inner) or bool(values and all(isinstance(v, dict) for v in values))
