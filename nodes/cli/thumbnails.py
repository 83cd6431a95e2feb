"""The pictures of the shipped workflows in the host's list of templates."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from .executor import execute
from .standalone import StandaloneHost

if TYPE_CHECKING:
    import torch

__all__ = ["thumbnail"]

_COLUMNS, _SHOWN = 2, 3
"""Columns of classes, and samples of a class."""
_SIZE, _QUALITY = (360, 300), 45


def thumbnail(api: Mapping[str, Any], path: Path) -> int:
    """Runs a graph here and writes some of what it decodes: a row a class, in two columns.

    Returns:
        The size of the file in bytes.
    """
    from PIL import Image

    from ..images import from_host, grid

    with tempfile.TemporaryDirectory() as folder:
        result = execute(api, StandaloneHost(Path(folder)))
    (node,) = [name for name, raw in api.items() if raw["class_type"] == "LatentSteer_Decode"]
    (images,) = cast("tuple[torch.Tensor]", result.outputs[node])
    per_class = _per_class(api)
    classes = from_host(images).unflatten(0, (-1, per_class))[:, :_SHOWN]
    rows = len(classes) // _COLUMNS
    # Classes 0 to 4 in the left column, 5 to 9 in the right.
    tiles = classes.unflatten(0, (_COLUMNS, rows)).movedim(1, 0).flatten(0, 2)
    picture = grid(tiles, _COLUMNS * _SHOWN).resize(_SIZE, Image.Resampling.LANCZOS)
    picture.convert("L").save(path, "JPEG", quality=_QUALITY, optimize=True)
    return path.stat().st_size


def _per_class(api: Mapping[str, Any]) -> int:
    (found,) = [
        raw["inputs"]["samples_per_class"]
        for raw in api.values()
        if raw["class_type"] == "LatentSteer_ClassCondition"
    ]
    return int(found)
