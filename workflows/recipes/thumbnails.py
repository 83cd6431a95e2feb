"""The pictures of the templates in the host's list, and the times of the runs behind them."""

from __future__ import annotations

import json
import math
import tempfile
import textwrap
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ...core.files import replacing
from ...nodes.standalone.executor import execute
from ...nodes.standalone.host import StandaloneHost
from .template_canvas import SECONDS

if TYPE_CHECKING:
    import torch

    from .graph import Recipe
    from .template import Template

__all__ = ["SIDE", "pictured"]

SIDE = 320
"""Side of a picture, a square."""
_QUALITY, _WORST, _MOST = 80, 40, 20_000
"""A template list shows many pictures at once: each stays under 20 kB."""


def pictured(recipe: Recipe, path: Path) -> int:
    """Writes the picture of a template: from a run, or its title where files are missing here.

    The processor seconds of a run are written to `SECONDS`, from which notes take them.

    Returns:
        The size of the file in bytes.
    """
    return _card(recipe, path) if recipe.files else _ran(recipe, path)


def _ran(recipe: Recipe, path: Path) -> int:
    from PIL import Image

    from ...nodes.images import from_host, grid

    template = cast("Template", recipe.template)
    begun = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        result = execute(recipe.api, StandaloneHost(Path(folder)))
    _note_seconds(recipe.id, time.process_time() - begun)
    ids = {node["_meta"]["title"]: number for number, node in recipe.api.items()}
    if template.tiles:
        shown = [
            cast("torch.Tensor", result.outputs[ids[title]][0])[number : number + 1]
            for title, number in template.tiles
        ]
    else:
        node, output = _last(recipe.api)
        batch = cast("torch.Tensor", result.outputs[node][output])
        shown = [batch[number : number + 1] for number in range(template.shown)]
    side = math.isqrt(len(shown))
    tiles = _stacked([from_host(one) for one in shown])
    picture = grid(tiles, side).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return _saved(picture, path)


def _last(api: Mapping[str, Any]) -> tuple[str, int]:
    """Returns the images that are saved, before they are put into one picture."""
    node, output = next(
        raw["inputs"]["images"] for raw in api.values() if raw["class_type"] == "SaveImage"
    )
    if api[node]["class_type"] == "LatentSteer_ImageGrid":
        node, output = api[node]["inputs"]["images"]
    return node, output


def _stacked(batches: list[torch.Tensor]) -> torch.Tensor:
    """Returns images as one batch, in the size of the smallest, which a generator drew."""
    import torch

    from ...core.images import resized

    least = min(one.shape[2:] for one in batches)
    return torch.cat([resized(one, (least[0], least[1])) for one in batches])


def _saved(picture: object, path: Path) -> int:
    from PIL import Image

    image = cast("Image.Image", picture)
    for quality in range(_QUALITY, _WORST, -5):
        image.convert("RGB").save(path, "JPEG", quality=quality, optimize=True)
        if path.stat().st_size < _MOST:
            break
    return path.stat().st_size


def _note_seconds(name: str, seconds: float) -> None:
    known = json.loads(SECONDS.read_text("utf-8")) | {name: round(seconds, 1)}
    with replacing(SECONDS) as part:
        part.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _card(recipe: Recipe, path: Path) -> int:
    """Writes the picture of a graph that cannot run here: its title and the files it needs."""
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("RGB", (SIDE, SIDE), "#20242b")
    draw = ImageDraw.Draw(picture)
    title = "\n".join(textwrap.wrap(recipe.heading, 18))
    # Below the mark that the newer host lays over the top left corner.
    draw.multiline_text((24, 64), title, "white", ImageFont.load_default(30), spacing=10)
    below = SIDE - 34 - 20 * len(recipe.files)
    draw.text((24, below - 26), "needs", "#8fa3bf", ImageFont.load_default(14))
    for line, name in enumerate(recipe.files):
        draw.text((24, below + 20 * line), name, "#d7deea", ImageFont.load_default(14))
    return _saved(picture, path)
