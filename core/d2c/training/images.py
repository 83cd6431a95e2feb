"""The images of a training, in memory or read from their files for each batch."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from ...data.image_set import SUFFIXES, Fit, pictures, read_picture
from ...errors import InvalidInput

__all__ = ["FiledImages", "HeldImages", "TrainingImages", "held_images", "training_images"]

MEMORY = 2 << 30
"""Bytes up to which images are held in memory."""
READERS = 4
"""Threads that read files."""


@runtime_checkable
class TrainingImages(Protocol):
    """Images of one size, by number."""

    @property
    def resolution(self) -> int:
        """Side in pixels."""
        ...

    @property
    def digest(self) -> str:
        """A hash of what decides the images."""
        ...

    def __len__(self) -> int: ...

    def read(self, numbers: Sequence[int]) -> Float[Tensor, "batch 3 height width"]:
        """Returns images in [0, 1], with 8 bits."""
        ...


@dataclass(frozen=True)
class HeldImages:
    """Images in memory.

    Attributes:
        images: (count, 3, side, side).
    """

    images: UInt8[Tensor, "count 3 side side"]

    @property
    def resolution(self) -> int:
        """See `TrainingImages`."""
        return self.images.shape[3]

    @property
    def digest(self) -> str:
        """See `TrainingImages`."""
        found = hashlib.blake2b(str(tuple(self.images.shape)).encode(), digest_size=16)
        for image in self.images:
            found.update(image.contiguous().numpy().data)
        return found.hexdigest()

    def __len__(self) -> int:
        return len(self.images)

    def read(self, numbers: Sequence[int]) -> Float[Tensor, "batch 3 height width"]:
        """See `TrainingImages`."""
        return self.images[torch.as_tensor(numbers, dtype=torch.long)].float() / 255


@dataclass(frozen=True)
class FiledImages:
    """Images that are read from their files when they are needed.

    Attributes:
        paths: the files.
        resolution: side that they are brought to.
        fit: see `core.data.image_set.read_image_set`.
    """

    paths: tuple[Path, ...]
    resolution: int
    fit: Fit = "crop"
    _readers: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(READERS), repr=False, compare=False
    )

    @property
    def digest(self) -> str:
        """A hash of the names and sizes of the files."""
        parts = [f"{self.resolution} {self.fit}"]
        parts += [f"{path.name} {path.stat().st_size}" for path in self.paths]
        return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, numbers: Sequence[int]) -> Float[Tensor, "batch 3 height width"]:
        """See `TrainingImages`."""
        read = self._readers.map(self._one, [self.paths[number] for number in numbers])
        return torch.cat([*read]).float() / 255

    def _one(self, path: Path) -> UInt8[Tensor, "1 3 side side"]:
        side = (self.resolution, self.resolution)
        return _bytes(read_picture(path, size=side, fit=self.fit))

    def held(self, report: Callable[[int], None]) -> HeldImages:
        """Returns all images in memory."""
        read = self._readers.map(self._one, self.paths)
        return HeldImages(torch.cat([*_counted(read, report)]))

    def check(self, report: Callable[[int], None]) -> None:
        """Checks that the files are whole images, without decoding them.

        Raises:
            InvalidInput: one is not; the message names it.
        """
        for _ in _counted(self._readers.map(_verify, self.paths), report):
            pass


def training_images(
    folder: Path,
    resolution: int,
    *,
    fit: Fit = "crop",
    report: Callable[[int], None] = lambda done: None,
    memory: int = MEMORY,
) -> TrainingImages:
    """Returns the images of a folder at one size, after checking that each can be read.

    Args:
        folder: folder of images; subfolders are ignored.
        resolution: side in pixels that they are brought to.
        fit: see `core.data.image_set.read_image_set`.
        report: called after each image with the number checked; may raise to stop.
        memory: bytes up to which they are held in memory.

    Raises:
        InvalidInput: the folder does not exist or has fewer than 2 images, or one of them cannot
            be read.
    """
    if not folder.is_dir():
        raise InvalidInput(f"There is no folder {folder}. Give one with pictures.")
    paths = pictures(folder)
    if not paths:
        raise InvalidInput(
            f"There is no picture in {folder}. It should hold files of {', '.join(SUFFIXES)}; "
            "subfolders are not read."
        )
    _check_count(len(paths), str(folder))
    filed = FiledImages(tuple(paths), resolution, fit)
    if len(paths) * 3 * resolution**2 <= memory:
        return filed.held(report)
    filed.check(report)
    return filed


def held_images(images: Float[Tensor, "count 3 height width"], resolution: int) -> HeldImages:
    """Returns a batch of images as those of a training.

    Args:
        images: images in [0, 1].
        resolution: side that the training needs.

    Raises:
        InvalidInput: fewer than 2 images, or of another size, or numbers that are not in [0, 1].
    """
    _check_count(len(images), "The batch")
    if tuple(images.shape[2:]) != (resolution, resolution):
        raise InvalidInput(
            f"Images of {images.shape[3]} x {images.shape[2]} pixels; this configuration needs "
            f"{resolution} x {resolution}. Give this width and height to Load Image Set."
        )
    if not bool(((images >= 0) & (images <= 1)).all()):
        raise InvalidInput("The images have numbers outside 0 to 1, or that are not finite.")
    return HeldImages(_bytes(images))


def _check_count(count: int, what: str) -> None:
    if count < 2:
        raise InvalidInput(
            f"{what} holds {count} picture; a training needs at least 2, and thousands to "
            "generate new ones."
        )


def _bytes(images: Tensor) -> UInt8[Tensor, "batch 3 height width"]:
    return (images * 255).round().clamp(0, 255).to(torch.uint8).cpu()


def _verify(path: Path) -> None:
    try:
        with Image.open(path) as file:
            file.verify()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InvalidInput(f"The picture {path} cannot be read: {error}. Remove it.") from error


def _counted(found: Iterable[Tensor | None], report: Callable[[int], None]) -> Iterable[Tensor]:
    for number, one in enumerate(found):
        report(number + 1)
        if one is not None:
            yield one
