"""Distributions over latents: what a translator gives for a batch of conditions."""

from abc import ABC, abstractmethod

from jaxtyping import Float
from torch import Tensor

from ..rng import SampleRng

__all__ = ["Law"]


class Law(ABC):
    """A distribution over latents for each condition of a batch.

    The interface follows torch.distributions, but draws come from the samples' own streams.
    """

    @abstractmethod
    def log_prob(self, z: Float[Tensor, "batch dim"]) -> Float[Tensor, " batch"]:
        """Returns the log-density at the points, in nats.

        Raises:
            InvalidInput: the law has no density.
        """

    @abstractmethod
    def draw(self, rng: SampleRng) -> Float[Tensor, "batch dim"]:
        """Draws one point per condition, each from its sample's stream."""

    @property
    @abstractmethod
    def mean(self) -> Float[Tensor, "batch dim"]:
        """Mean of the law.

        Raises:
            InvalidInput: there is no closed form.
        """

    @property
    @abstractmethod
    def mode(self) -> Float[Tensor, "batch dim"]:
        """Point of high density; see each law.

        Raises:
            InvalidInput: there is no closed form.
        """

    @abstractmethod
    def loss(
        self, z: Float[Tensor, "batch dim"], scale: float | None, *, fused: bool
    ) -> Float[Tensor, ""]:
        """Returns the training loss, the mean over the batch.

        Args:
            z: latents of the pairs.
            scale: factor on the negative log-likelihood in nats; None divides it by the number of
                coordinates. A squared distance is always the mean over coordinates, unscaled.
            fused: whether to use the fused closed form, where there is one.
        """


def scaled(nll: Tensor, scale: float | None, dim: int) -> Tensor:
    """Multiplies a negative log-likelihood by the loss scale; None is 1 / dim."""
    return nll / dim if scale is None else scale * nll
