"""Real images as a density: their features and weights, computed once."""

import hashlib
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from ..chunks import Chunking
from ..errors import DomainMismatch, InvalidInput
from .density import Bank, bank_of
from .features import FeatureMap
from .kernels import width_of
from .mollifier import offsets, widened
from .settings import FlowSettings

__all__ = ["RealImages", "noised"]


class RealImages:
    """The images {x'_i} of eq. (5). Features and weights are kept; they change with sigma alone.

    Args:
        images: (n, 3, height, width) in [0, 1].
        features: d.
        settings: of the flow.
        image_size: (height, width) that the generator makes.
        chunking: how many images d sees at a time.
        seed: of the mollifier's samples.

    Raises:
        DomainMismatch: images of another size or number of channels.
        InvalidInput: fewer than two images, or values that are not finite.
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
        if not bool(images.isfinite().all()):
            raise InvalidInput("Real images hold values that are not finite.")
        self.images, self.features, self.settings = images, features, settings
        self.chunking, self.seed = chunking, seed
        content = images.detach().cpu().float().contiguous().numpy().tobytes()
        self.digest = hashlib.sha256(content).hexdigest()[:16]
        self._clean: Tensor | None = None
        self._banks: tuple[float, Bank] | None = None

    def __len__(self) -> int:
        return len(self.images)

    def width(self, like: Tensor) -> float:
        """The h of the kernel, without the mollifier's share."""
        return width_of(self.settings.bandwidth, self._features(like))

    def bank(self, sigma: float, like: Tensor) -> Bank:
        """The density at a mollifier's sigma.

        Args:
            sigma: its standard deviation.
            like: images on the device where the networks are.
        """
        if self._banks is None or self._banks[0] != sigma:
            self._banks = (sigma, self._made(sigma, like))
        return self._banks[1]

    def _made(self, sigma: float, like: Tensor) -> Bank:
        settings, clean = self.settings, self._features(like)
        width, points = width_of(settings.bandwidth, clean), clean[:, None]
        if settings.mollifier.kind == "feature":
            width = widened(width, sigma)
        elif sigma > 0:
            count, shape = settings.mollifier.samples, tuple(self.images.shape[1:])
            eps = sigma * offsets(count, shape, self.seed, like=like)
            points = self._mapped(lambda part: noised(self.features, part, eps), like)
        ridge = None if settings.estimator == "kde" else settings.xi
        return bank_of(clean, points, width=width, ridge=ridge, name="xi")

    def _features(self, like: Tensor) -> Float[Tensor, "n features"]:
        if self._clean is None or self._clean.device != like.device:
            clean = self._mapped(self.features.of, like)
            bad = (~clean.isfinite().all(dim=1)).nonzero()[:, 0].tolist()
            if bad:
                raise InvalidInput(
                    f"The features {self.features} of real images {bad[:8]} are not finite. Take "
                    "these images out, or take other features."
                )
            self._clean, self._banks = clean, None
        return self._clean

    @torch.no_grad()
    def _mapped(self, function: Callable[[Tensor], Tensor], like: Tensor) -> Tensor:
        return self.chunking.apply(lambda part: function(part.to(like)), self.images)


@torch.no_grad()
def noised(
    features: FeatureMap,
    images: Float[Tensor, "batch 3 height width"],
    eps: Float[Tensor, "samples 3 height width"],
) -> Float[Tensor, "batch samples features"]:
    """The features d(x - eps) of every image with every offset, as many images at a time."""
    return torch.stack([features.of(images - one) for one in eps], dim=1)
