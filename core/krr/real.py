"""Density of real images: their features, computed once, and their weights."""

import hashlib
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from ..chunking import Chunking
from ..errors import DomainMismatch, InvalidInput
from ..features import FeatureMap
from ..rng import stream_of
from .density import KernelDensity, fit_density, ridge_of
from .kernel import offsets, widened, width_of
from .settings import FlowSettings

__all__ = ["RealImages", "noised"]


class RealImages:
    """The real images {x'_i} of eq. (5): all, or a subset drawn for the run or each step.

    Features are cached, and weights until sigma or the draw changes. The width of the kernel is
    that of all images.

    Args:
        images: images in [0, 1], (n, 3, height, width).
        features: d.
        settings: settings of the flow.
        image_size: (height, width) of the images of the generator.
        chunking: how many images d sees at a time.
        seed: seed of the mollifier's samples and of the draws.

    Raises:
        DomainMismatch: images of another size or number of channels.
        InvalidInput: fewer than two images, or fewer than are to be drawn; non-finite values.
    """

    def __init__(
        self,
        images: Tensor,
        features: FeatureMap,
        settings: FlowSettings,
        *,
        image_size: tuple[int, int],
        chunking: Chunking,
        seed: int,
    ) -> None:
        if images.ndim != 4 or images.shape[1:] != (3, *image_size):
            raise DomainMismatch(
                f"Real images of shape {tuple(images.shape)}; the generator makes (batch, 3, "
                f"{image_size[0]}, {image_size[1]}). Resize or crop the images to "
                f"{image_size[1]} x {image_size[0]} pixels in colour, or load another generator."
            )
        if len(images) < 2:
            raise InvalidInput(f"{len(images)} real images; a density needs at least 2.")
        if len(images) < settings.real_samples:
            raise InvalidInput(
                f"{settings.real_samples} real images of a step requested; {len(images)} are "
                "there. Give more, or draw fewer (0 for all)."
            )
        if not bool(images.isfinite().all()):
            raise InvalidInput("Real images contain values that are not finite.")
        self.images, self.features, self.settings = images, features, settings
        self.chunking, self.seed = chunking, seed
        content = images.detach().cpu().float().contiguous().numpy().tobytes()
        self.digest = hashlib.sha256(content).hexdigest()[:16]
        self._clean: Tensor | None = None
        self._width: float | None = None
        self._kept: tuple[tuple[float, int], KernelDensity] | None = None

    def __len__(self) -> int:
        return len(self.images)

    def width(self, like: Tensor) -> float:
        """Returns h of the kernel, without the mollifier."""
        if self._width is None:
            self._width = width_of(self.settings.bandwidth, self._features(like))
        return self._width

    def __str__(self) -> str:
        own = f"{len(self)} of {self.digest}"
        if not self._drawing:
            return own
        when = "at each step" if self.settings.real_fresh else "once"
        return f"{self.settings.real_samples} drawn {when} from {own}"

    @property
    def _drawing(self) -> bool:
        return 0 < self.settings.real_samples < len(self)

    def drawn(self, step: int) -> tuple[int, ...]:
        """Returns the indices of the images of a step.

        They depend only on the seed and the step, so that a resumed run draws the same.
        """
        if not self._drawing:
            return tuple(range(len(self)))
        when = step if self.settings.real_fresh else 0
        stream = stream_of(self.seed, "real images", when)
        order = torch.randperm(len(self), generator=stream)
        return tuple(order[: self.settings.real_samples].tolist())

    def density(self, sigma: float, like: Tensor, step: int = 0) -> KernelDensity:
        """Returns the density at a step.

        Args:
            sigma: standard deviation of the mollifier.
            like: images on the device of the networks.
            step: step of the run.
        """
        fresh = self._drawing and self.settings.real_fresh
        key = (sigma, step if fresh else 0)
        if self._kept is None or self._kept[0] != key:
            self._kept = (key, self._made(sigma, like, step))
        return self._kept[1]

    def _made(self, sigma: float, like: Tensor, step: int) -> KernelDensity:
        settings, every = self.settings, self._features(like)
        width, chosen = self.width(like), list(self.drawn(step))
        clean = every[chosen] if self._drawing else every
        points = clean[:, None]
        if settings.mollifier.kind == "feature":
            width = widened(width, sigma)
        elif sigma > 0:
            count, shape = settings.mollifier.samples, tuple(self.images.shape[1:])
            eps = sigma * offsets(count, shape, self.seed, like=like)
            images = self.images[chosen] if self._drawing else self.images
            points = self._mapped(lambda part: noised(self.features, part, eps), images, like)
        ridge = None if settings.estimator == "kde" else ridge_of(settings.xi, len(clean))
        return fit_density(clean, points, width=width, ridge=ridge, name="xi")

    def _features(self, like: Tensor) -> Float[Tensor, "n features"]:
        if self._clean is None or self._clean.device != like.device:
            clean = self._mapped(self.features.of, self.images, like)
            bad = (~clean.isfinite().all(dim=1)).nonzero()[:, 0].tolist()
            if bad:
                raise InvalidInput(
                    f"The features {self.features} of real images {bad[:8]} are not finite. Take "
                    "these images out, or take other features."
                )
            self._clean, self._kept, self._width = clean, None, None
        return self._clean

    @torch.no_grad()
    def _mapped(
        self, function: Callable[[Tensor], Tensor], images: Tensor, like: Tensor
    ) -> Tensor:
        return self.chunking.apply(lambda part: function(part.to(like)), images)


@torch.no_grad()
def noised(
    features: FeatureMap,
    images: Float[Tensor, "batch 3 height width"],
    eps: Float[Tensor, "samples 3 height width"],
) -> Float[Tensor, "batch samples features"]:
    """Returns the features d(x - eps) of each image with each offset, in chunks of images."""
    return torch.stack([features.of(images - one) for one in eps], dim=1)
