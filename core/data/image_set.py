"""Reads a folder of images, each with a caption or a label, as one batch."""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import torch
from einops import rearrange
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from ..errors import InvalidInput
from ..images import resized
from .pictures import levels, turned
from .subsets import Order, Portion, chosen, portion

__all__ = [
    "SUFFIXES",
    "Fit",
    "ImageSet",
    "labels_file",
    "pictures",
    "read_image_set",
    "read_picture",
]

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
LABEL_FILES = ("captions.txt", "labels.csv")
SEPARATORS = ("\t", "|", ": ")
"""Separators between a file's name and its caption."""

Fit: TypeAlias = Literal["crop", "stretch"]


@dataclass(frozen=True)
class ImageSet:
    """Images of one size.

    Attributes:
        images: images in [0, 1].
        names: file names.
        labels: a caption or label per image; the file names if none are supplied.
    """

    images: Float[Tensor, "batch 3 height width"]
    names: tuple[str, ...]
    labels: tuple[str, ...]


def pictures(folder: Path) -> list[Path]:
    """Lists the image files of a folder by name; subfolders are ignored."""
    if not folder.is_dir():
        return []
    found = (path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    return sorted((path for path in found if path.is_file()), key=lambda path: path.name)


def labels_file(folder: Path, name: str = "auto") -> Path | None:
    """Returns the file with the labels, or None.

    Args:
        folder: folder of the images.
        name: `none`, a file in that folder, or `auto`: captions.txt or labels.csv, if present.

    Raises:
        InvalidInput: the file is missing, or both are present for `auto`.
    """
    if name == "none":
        return None
    known = [folder / entry for entry in LABEL_FILES if (folder / entry).is_file()]
    if name == "auto":
        if len(known) > 1:
            raise InvalidInput(
                f"{folder} holds {' and '.join(LABEL_FILES)}. Choose which of the two to use."
            )
        return known[0] if known else None
    path = folder / name
    if Path(name).name != name or not path.is_file():
        texts = sorted(
            entry.name for entry in folder.glob("*") if entry.suffix in (".txt", ".csv")
        )
        raise InvalidInput(
            f"There is no file {name!r} with labels in {folder}; its text files: "
            f"{', '.join(texts) or 'none'}."
        )
    return path


def read_image_set(
    folder: Path,
    *,
    size: tuple[int, int] | None = None,
    fit: Fit = "crop",
    first: int = 0,
    limit: int = 0,
    labels: str = "auto",
    order: Order = "as filed",
    seed: int = 0,
    part: Portion = "all",
    report: Callable[[int], None] = lambda done: None,
) -> ImageSet:
    """Reads the images of a folder, sorted by name, rotated by their EXIF, in colour.

    Images with 16 bits or floats are scaled, see `core.data.pictures.levels`.

    Labels are read from captions.txt or labels.csv. captions.txt has one caption per line, either
    in the order of the images or after the file's name and a tab, a `|` or a colon. labels.csv has
    one row per image with its name and its label, with or without a header.

    Args:
        folder: path of the folder.
        size: (height, width) to resize to, antialiased; None: unchanged, all must be equal.
        fit: `crop` keeps the aspect ratio and cuts the excess equally on both sides; `stretch`
            does not.
        first: number of images of the part to skip, at least 0.
        limit: maximum number of images to read; 0 for all.
        labels: as for `labels_file`.
        order: as for `core.data.subsets.portion`; `as filed` is by name, `balanced` over the
            labels.
        seed: seed of the order.
        part: part of that order: all, or a half.
        report: called after each image with the number read; may raise to stop.

    Raises:
        InvalidInput: there are no images, or one cannot be read; sizes differ without `size`;
            labels do not match the images, or are missing for a balanced order; a number is
            outside its range.
    """
    if fit not in get_args(Fit):
        raise InvalidInput(f"Fit {fit!r}; expected one of {', '.join(get_args(Fit))}.")
    if first < 0 or limit < 0 or (size is not None and min(size) < 1):
        raise InvalidInput(
            f"First {first}, limit {limit}, size {size} out of range; expected first and limit "
            "of at least 0, sizes of at least 1."
        )
    every = pictures(folder)
    if not every:
        raise InvalidInput(
            f"There is no picture in {folder}. It should hold files of {', '.join(SUFFIXES)}."
        )
    file = labels_file(folder, labels)
    known = _labels(file, every)
    own = () if file is None else [known[path.name] for path in every]
    numbers = portion(len(every), order=order, seed=seed, part=part, labels=own)
    what = str(folder) if part == "all" else f"The {part} of {folder}"
    taken = [every[number] for number in chosen(numbers, first, limit, what)]
    images: list[Tensor] = []
    for number, path in enumerate(taken):
        images.append(read_picture(path, size=size, fit=fit))
        if images[-1].shape != images[0].shape:
            raise InvalidInput(
                f"{path.name} is {_pixels(images[-1])} pixels and {taken[0].name} "
                f"{_pixels(images[0])}. Give a size to bring all to, such as the generator's."
            )
        report(number + 1)
    names = tuple(path.name for path in taken)
    return ImageSet(torch.cat(images), names, tuple(known[name] for name in names))


def read_picture(
    path: Path, *, size: tuple[int, int] | None = None, fit: Fit = "crop"
) -> Float[Tensor, "1 3 height width"]:
    """Reads an image file, rotated by its EXIF, in colour; values are in [0, 1].

    Args:
        path: path of the file.
        size: as for `read_image_set`.
        fit: as for `read_image_set`.

    Raises:
        InvalidInput: it cannot be read.
    """
    return _brought(_opened(path), size, fit)


def _pixels(image: Tensor) -> str:
    return f"{image.shape[3]} x {image.shape[2]}"


def _opened(path: Path) -> Float[Tensor, "1 3 height width"]:
    try:
        with Image.open(path) as file:
            rgb = levels(turned(file)).rgb
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InvalidInput(f"The picture {path} cannot be read: {error}. Remove it.") from error
    pixels = torch.from_numpy(rgb.copy())
    return rearrange(pixels, "height width colours -> 1 colours height width").contiguous()


def _brought(image: Tensor, size: tuple[int, int] | None, fit: Fit) -> Tensor:
    if size is None:
        return image
    high, wide = size
    if fit == "crop":
        height, width = image.shape[2:]
        # The largest centred part with the requested aspect ratio.
        kept_high = min(height, max(1, round(width * high / wide)))
        kept_wide = min(width, max(1, round(height * wide / high)))
        top, left = (height - kept_high) // 2, (width - kept_wide) // 2
        image = image[:, :, top : top + kept_high, left : left + kept_wide]
    return resized(image, size).clamp(0, 1)


def _labels(path: Path | None, every: Sequence[Path]) -> Mapping[str, str]:
    names = [picture.name for picture in every]
    if path is None:
        return {name: name for name in names}
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read as UTF-8 text: {error}.") from error
    pairs = _rows(path, text) if path.suffix.lower() == ".csv" else _lines(path, text, names)
    found: dict[str, str] = {}
    for name, label in pairs:
        if name in found:
            raise InvalidInput(f"{path} labels {name!r} twice. Keep one of the lines.")
        found[name] = label
    missing = [name for name in names if name not in found]
    if missing:
        raise InvalidInput(
            f"{path} has no label for {', '.join(missing[:5])}"
            f"{' and others' if len(missing) > 5 else ''}. Add a line for each picture, or use "
            "no labels."
        )
    return found


def _rows(path: Path, text: str) -> list[tuple[str, str]]:
    rows = [row for row in csv.reader(text.splitlines()) if any(cell.strip() for cell in row)]
    if rows and not rows[0][0].strip().lower().endswith(SUFFIXES):
        rows = rows[1:]
    for row in rows:
        if len(row) < 2:
            raise InvalidInput(f"{path}: the row {row} has no label; expected `name,label`.")
    return [(row[0].strip(), _in_one_line(row[1])) for row in rows]


def _lines(path: Path, text: str, names: Sequence[str]) -> list[tuple[str, str]]:
    lines = [line for line in text.splitlines() if line.strip()]
    named = [pair for line in lines if (pair := _named(line)) is not None]
    if named and len(named) == len(lines):
        return named
    if len(lines) != len(names):
        raise InvalidInput(
            f"{path} has {len(lines)} captions for {len(names)} pictures. Write a line per "
            "picture, in the order of their names, or each as `name: caption`."
        )
    return [(name, line.strip()) for name, line in zip(names, lines, strict=True)]


def _named(line: str) -> tuple[str, str] | None:
    for separator in SEPARATORS:
        name, found, caption = line.partition(separator)
        if found and name.strip().lower().endswith(SUFFIXES):
            return name.strip(), _in_one_line(caption)
    return None


def _in_one_line(text: str) -> str:
    return " ".join(text.split())
