"""Mean and covariance of features: distances to many images without the images, and their file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from ..checkpoints.checkpoint import read, write
from ..errors import CheckpointError, ConditionMismatch, InvalidInput

__all__ = ["FeatureMoments", "frechet_between", "load_moments", "save_moments"]

WHAT = "feature moments"


@dataclass(frozen=True, eq=False)
class FeatureMoments:
    """Mean and covariance of the features of a set of images, in float64.

    Attributes:
        count: number of images, at least 2.
        mean: mean of the features.
        root: a matrix R such that R^T R is the covariance, of divisor count - 1.

    Raises:
        InvalidInput: fewer than 2 images, or shapes that do not fit.
    """

    count: int
    mean: Float[Tensor, " features"]
    root: Float[Tensor, "rows features"]

    def __post_init__(self) -> None:
        if self.count < 2:
            raise InvalidInput(f"Moments of {self.count} rows of features; at least 2 needed.")
        if self.root.shape[1] != len(self.mean):
            raise InvalidInput(
                f"A mean of {len(self.mean)} features with a covariance of {self.root.shape[1]}."
            )

    @classmethod
    def of(cls, features: Float[Tensor, "images features"]) -> "FeatureMoments":
        """Returns the moments of features.

        Raises:
            InvalidInput: fewer than 2 rows, or numbers that are not finite.
        """
        if len(features) < 2:
            raise InvalidInput(f"{len(features)} rows of features; at least 2 needed.")
        if not bool(features.isfinite().all()):
            raise InvalidInput("Features that are not finite.")
        rows = features.double()
        mean = rows.mean(dim=0)
        return cls(len(rows), mean, _short((rows - mean) / (len(rows) - 1) ** 0.5))

    def merged(self, other: "FeatureMoments") -> "FeatureMoments":
        """Returns the moments of both sets of images together, as if of all their features.

        Raises:
            InvalidInput: features of another number.
        """
        _check_widths(self, other)
        count = self.count + other.count
        apart = (self.count * other.count / count) ** 0.5 * (other.mean - self.mean)
        own, given = ((m.count - 1) ** 0.5 * m.root for m in (self, other))
        squares = torch.cat([own, given, apart[None]])
        mean = self.mean + (other.count / count) * (other.mean - self.mean)
        return FeatureMoments(count, mean, _short(squares / (count - 1) ** 0.5))

    @property
    def covariance(self) -> Float[Tensor, "features features"]:
        """The covariance."""
        return self.root.T @ self.root


def frechet_between(first: FeatureMoments, second: FeatureMoments) -> float:
    """|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), the Frechet distance of two normal laws.

    The trace of the root is the sum of the singular values of R1 R2^T, where S = R^T R. This
    avoids matrix roots and complex numbers.

    Raises:
        InvalidInput: features of different numbers.
    """
    _check_widths(first, second)
    cross = torch.linalg.svdvals(first.root @ second.root.T).sum()
    squares = first.root.square().sum() + second.root.square().sum()
    return float(((first.mean - second.mean).square().sum() + squares - 2 * cross).clamp_min(0))


def save_moments(
    moments: Mapping[str, FeatureMoments],
    path: str | Path,
    *,
    features: str,
    origin: Mapping[str, object],
) -> None:
    """Writes named moments of the features of one model as safetensors.

    Roots are stored as float16 triangles. The Frechet distance of the stored law from the exact
    one is at most the squared error of the root, about 1e-7 of the features' variance.

    Args:
        moments: the moments by name.
        path: output path.
        features: id of the model whose features they are.
        origin: what the images are, for readers of the file.

    Raises:
        InvalidInput: there are none, or too few images for a triangle.
    """
    if not moments:
        raise InvalidInput("No moments to save.")
    tensors: dict[str, Tensor] = {}
    for name, one in moments.items():
        size = len(one.mean)
        if one.root.shape != (size, size):
            raise InvalidInput(
                f"Moments {name!r} of {one.count} images with {size} features; a file needs more "
                "images than features."
            )
        tensors[f"{name}.mean"] = one.mean.float()
        tensors[f"{name}.root"] = one.root[tuple(torch.triu_indices(size, size))].half()
    counts = {name: one.count for name, one in moments.items()}
    write(path, tensors, {"what": WHAT, "features": features, "counts": counts, "origin": origin})


def load_moments(path: str | Path, *, features: str) -> dict[str, FeatureMoments]:
    """Reads the named moments of a file of `save_moments`.

    Args:
        path: the file.
        features: id of the model whose features are compared with them.

    Raises:
        CheckpointError: no such file, or a file without moments.
        ConditionMismatch: moments of another model's features.
    """
    checkpoint = read(path)
    config = checkpoint.config
    if config.get("what") != WHAT:
        raise CheckpointError(f"{checkpoint.path.name} holds no feature moments.")
    if config["features"] != features:
        raise ConditionMismatch(
            f"{checkpoint.path.name} has moments of the features of model "
            f"{config['features'][:12]}; got {features[:12]}. Make the moments again with it."
        )
    return {
        name: _opened(
            count, checkpoint.tensors[f"{name}.mean"], checkpoint.tensors[f"{name}.root"]
        )
        for name, count in config["counts"].items()
    }


def _opened(count: int, mean: Tensor, packed: Tensor) -> FeatureMoments:
    size = len(mean)
    root = torch.zeros(size, size, dtype=torch.float64)
    root[tuple(torch.triu_indices(size, size))] = packed.double()
    return FeatureMoments(count, mean.double(), root)


def _short(rows: Tensor) -> Tensor:
    """Returns a matrix with the same R^T R and at most as many rows as columns."""
    return torch.linalg.qr(rows, mode="r").R if len(rows) > rows.shape[1] else rows


def _check_widths(first: FeatureMoments, second: FeatureMoments) -> None:
    if len(first.mean) != len(second.mean):
        raise InvalidInput(f"Features of widths {len(first.mean)} and {len(second.mean)}.")
