"""Reads the values of image files with 1, 8 or 16 bits, or floats, in one range."""

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from ..errors import InvalidInput

__all__ = ["Levels", "levels", "turned"]

FULL_16 = 65535.0


class Levels(NamedTuple):
    """Values of an image.

    Attributes:
        rgb: (height, width, 3) in [0, 1], float32.
        alpha: (height, width) in [0, 1], float32, 0 where transparent; None for an image without
            transparency.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None


def levels(picture: Image.Image) -> Levels:
    """Returns an image's values, scaled from the range of its mode.

    Grey images with 16 bits are divided by 65535; floats are unchanged.

    Raises:
        InvalidInput: floats outside [0, 1], or 32-bit integers, whose range is undefined; the
            message contains the range of the values.
    """
    if picture.mode.startswith("I;16"):
        return _grey(picture, np.asarray(picture).astype(np.float32) / FULL_16)
    if picture.mode == "I" and picture.format == "PNG":
        return _grey(picture, np.asarray(picture, dtype=np.float32) / FULL_16)
    if picture.mode in ("I", "F"):
        return _grey(picture, _unbounded(picture))
    transparent = picture.mode != "LAB" and not {"A", "a"}.isdisjoint(picture.getbands())
    if not transparent and "transparency" not in picture.info:
        return Levels(_bytes(picture, "RGB"), None)
    return Levels(_bytes(picture, "RGB"), _bytes(picture, "RGBA")[..., 3])


def turned(file: Image.Image) -> Image.Image:
    """Returns an image rotated by its EXIF; it keeps its file format."""
    picture = ImageOps.exif_transpose(file)
    picture.format = file.format
    return picture


def _bytes(picture: Image.Image, mode: str) -> np.ndarray:
    return np.asarray(picture.convert(mode), dtype=np.float32) / 255


def _unbounded(picture: Image.Image) -> np.ndarray:
    """Returns floats that are in [0, 1] already."""
    numbers = np.asarray(picture)
    low, high = numbers.min(), numbers.max()
    if picture.mode == "F" and low >= 0 and high <= 1:
        return numbers.astype(np.float32)
    what = "32-bit integers" if picture.mode == "I" else "floats"
    raise InvalidInput(
        f"it has {what} from {low:g} to {high:g}, whose black and white levels are unknown. Save "
        "it with 8 or 16 bits a channel, or as floats from 0 to 1"
    )


def _grey(picture: Image.Image, grey: np.ndarray) -> Levels:
    rgb = np.repeat(grey[..., None], 3, axis=2)
    clear = picture.info.get("transparency")
    if not isinstance(clear, int):
        return Levels(rgb, None)
    return Levels(rgb, (np.asarray(picture) != clear).astype(np.float32))
