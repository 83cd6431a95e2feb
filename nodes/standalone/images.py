"""Conversion between IMAGE tensors and picture files."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.files import creating
from .errors import WorkflowError

if TYPE_CHECKING:
    import torch
    from PIL import Image

__all__ = ["inside", "load", "save", "stem_of", "to_pil"]

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
# Windows forbids these in file names; a graph made elsewhere must still run there.
_FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f]')


def inside(folder: Path, name: str, what: str) -> Path:
    """Returns the path of a name in a folder.

    Raises:
        WorkflowError: the name leads out of the folder, or is not a possible file name.
    """
    try:
        path = (folder / name).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # too long, a cycle of links, a null
        why = getattr(error, "strerror", None) or str(error)
        raise WorkflowError(f"{what} {name!r} cannot be used: {why}") from error
    if not path.is_relative_to(folder.resolve()):
        raise WorkflowError(
            f"{what} {name!r} leads out of {folder}; give a name inside that folder, without '..'"
        )
    return path


def load(path: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Loads one picture file.

    Returns:
        The image "1 height width 3" in [0, 1], and the mask "1 height width": 1 where the picture
        is transparent, or "1 64 64" zeros for a picture without transparency (as in ComfyUI).

    Raises:
        WorkflowError: the picture is empty, damaged, too large or not readable, or its black and
            white levels are unknown.
    """
    import torch
    from PIL import Image

    from ...core.data.pictures import levels, turned
    from ...core.errors import InvalidInput

    try:
        with Image.open(path) as file:
            rgb, alpha = levels(turned(file))
    except (InvalidInput, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        with contextlib.suppress(OSError):
            why = "it is empty" if path.stat().st_size == 0 else why
        raise WorkflowError(f"the picture {path.name} cannot be read: {why}") from error
    image = torch.from_numpy(rgb.copy())[None]
    if alpha is None:
        return image, torch.zeros(1, 64, 64)
    return image, 1.0 - torch.from_numpy(alpha.copy())[None]


def to_pil(image: torch.Tensor) -> Image.Image:
    """Converts an image "height width 3" in [0, 1] to 8-bit RGB, truncated as in ComfyUI.

    Raises:
        ValueError: it has another shape.
    """
    import torch
    from PIL import Image

    if image.ndim != 3 or image.shape[-1] != 3:
        raise ValueError(
            f"expected an image of shape (height, width, 3), got {tuple(image.shape)}; "
            "repeat a grey channel three times"
        )
    levels = (image.detach().float().cpu() * 255.0).clamp(0, 255).to(torch.uint8)
    return Image.fromarray(levels.numpy())


def save(
    images: torch.Tensor, folder: Path, prefix: str, texts: Mapping[str, object]
) -> list[Path]:
    """Writes a batch as `<prefix>_00001_.png` and so on, never over an existing file.

    Args:
        images: "batch height width 3" in [0, 1].
        folder: output folder.
        prefix: start of the file names; can include a subfolder.
        texts: text chunks of the PNG, written as JSON.

    Raises:
        WorkflowError: the prefix leads out of the folder.
        ValueError: the images have another shape.
    """
    from PIL.PngImagePlugin import PngInfo

    if images.ndim != 4:
        raise ValueError(
            f"expected images of shape (batch, height, width, 3), got {tuple(images.shape)}"
        )
    stem = stem_of(folder, prefix)
    stem.parent.mkdir(parents=True, exist_ok=True)
    info = PngInfo()
    for key, value in texts.items():
        info.add_text(key, json.dumps(value))
    counter, paths = _highest(stem), []
    for image in images:
        picture = to_pil(image)
        while True:
            counter += 1
            path = stem.parent / f"{stem.name}_{counter:05}_.png"
            try:
                with creating(path) as file:
                    picture.save(file, format="PNG", pnginfo=info, compress_level=4)
            except FileExistsError:
                continue
            paths.append(path)
            break
    return paths


def stem_of(folder: Path, prefix: str) -> Path:
    """Returns the path prefix of the saved files.

    Raises:
        WorkflowError: the prefix is empty, leads out of the folder, or is too long for the system.
    """
    try:
        stem = inside(folder, _FORBIDDEN.sub("_", prefix), "the file name prefix")
        if stem == folder.resolve():
            raise WorkflowError(f"the file name prefix {prefix!r} names no file; give a name")
        there = next(path for path in stem.parents if path.is_dir())
        for part in (*stem.parent.relative_to(there).parts, f"{stem.name}_00001_.png"):
            (there / part).exists()
    except OSError as error:
        raise WorkflowError(
            f"files cannot be named with the prefix {prefix!r}: {error.strerror or error}"
        ) from error
    return stem


def _highest(stem: Path) -> int:
    numbered = re.compile(re.escape(stem.name) + r"_(\d+)_")
    found = (numbered.match(path.name) for path in stem.parent.iterdir())
    return max((int(match[1]) for match in found if match), default=0)
