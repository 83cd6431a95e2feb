"""Workflow files in all the forms that ComfyUI and its users keep them in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from ..errors import WorkflowError

__all__ = ["is_ui", "read"]

_PNG = b"\x89PNG\r\n\x1a\n"
_WRAPPERS = ("prompt", "output", "workflow")
"""Keys under which other programs keep a graph: the body of POST /prompt, the canvas' own answer
and a saved history; what the API takes comes first."""


def read(path: Path) -> dict[str, Any]:
    """The workflow in a file: canvas or API format.

    A picture that ComfyUI saved gives the graph that made it. An object that holds a graph under
    "prompt", "output" or "workflow" gives that graph.

    Raises:
        WorkflowError: no such file, no JSON, no object, or a picture without a graph.
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
            picture.load()  # texts may stand behind the pixels
            texts = dict(picture.info)
    except (OSError, SyntaxError, ValueError) as error:
        raise WorkflowError(f"the picture {path} cannot be read: {error}") from error
    for key in ("prompt", "workflow"):
        if isinstance(texts.get(key), str):
            return _parsed(texts[key], path)
    raise WorkflowError(
        f"the picture {path} carries no workflow; ComfyUI and latentsteer write one into the "
        "PNG files that they save, unless told not to or changed by another program"
    )


def _unwrapped(content: dict[str, Any]) -> dict[str, Any]:
    if is_ui(content):
        return content
    for key in _WRAPPERS:
        inner = content.get(key)
        # A node's id may be any text: what has a class_type is a node.
        if isinstance(inner, dict) and "class_type" not in inner and _is_graph(inner):
            return cast("dict[str, Any]", inner)
    return content


def _is_graph(inner: Mapping[str, Any]) -> bool:
    values = list(inner.values())
    return is_ui(inner) or bool(values and all(isinstance(v, dict) for v in values))
