"""The pictures of the curated workflows in the host's list of templates."""

from __future__ import annotations

import tempfile
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ...nodes.standalone.executor import execute
from ...nodes.standalone.host import StandaloneHost

if TYPE_CHECKING:
    import torch

    from .graph import Recipe

__all__ = ["card", "thumbnail"]

_SIZE = (360, 300)
_GREY_QUALITY, _COLOUR_QUALITY = 45, 34
"""A template list shows many at once: each stays under 15 kB."""


def thumbnail(recipe: Recipe, path: Path) -> int:
    """Runs a graph and writes a part of its last grid, in columns of rows.

    Returns:
        The size of the file in bytes.
    """
    from PIL import Image, ImageOps

    from ...nodes.images import from_host, grid

    with tempfile.TemporaryDirectory() as folder:
        result = execute(recipe.api, StandaloneHost(Path(folder)))
    grids = (raw for raw in recipe.api.values() if raw["class_type"] == "LatentSteer_ImageGrid")
    node, output = list(grids)[-1]["inputs"]["images"]
    images = cast("torch.Tensor", result.outputs[node][output])
    shown = recipe.shown or recipe.per_row
    rows = from_host(images).unflatten(0, (-1, recipe.per_row))[:, :shown]
    # The first rows in the left column.
    tiles = rows.unflatten(0, (recipe.columns, -1)).movedim(1, 0).flatten(0, 2)
    picture = grid(tiles, recipe.columns * shown)
    # Padded, never stretched.
    picture = ImageOps.pad(picture, _SIZE, Image.Resampling.LANCZOS, color="white")
    grey = "digits" in recipe.id
    quality = _GREY_QUALITY if grey else _COLOUR_QUALITY
    picture.convert("L" if grey else "RGB").save(path, "JPEG", quality=quality, optimize=True)
    return path.stat().st_size


def card(recipe: Recipe, path: Path) -> int:
    """Writes the picture of a graph that cannot run here: its title and the files it needs.

    Returns:
        The size of the file in bytes.
    """
    from PIL import Image, ImageDraw, ImageFont

    needs = recipe.files
    picture = Image.new("RGB", _SIZE, "#20242b")
    draw = ImageDraw.Draw(picture)
    title = "\n".join(textwrap.wrap(recipe.heading, 24))
    draw.multiline_text((24, 28), title, "white", ImageFont.load_default(24), spacing=8)
    below = 300 - 34 - 20 * len(needs)
    draw.text((24, below - 26), "needs", "#8fa3bf", ImageFont.load_default(14))
    for line, name in enumerate(needs):
        draw.text((24, below + 20 * line), name, "#d7deea", ImageFont.load_default(14))
    picture.save(path, "JPEG", quality=80, optimize=True)
    return path.stat().st_size
