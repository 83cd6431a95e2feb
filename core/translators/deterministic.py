"""Deterministic translators, the regression of TR0N eq. (8)."""

from jaxtyping import Float
from torch import Tensor

from ..errors import InvalidInput
from ..rng import SampleRng
from .law import Law
from .mixture import Mixture, MixtureTranslator
from .translator import TranslatorConfig

__all__ = ["DeterministicTranslator", "Point"]


class Point(Law):
    """A single point per condition, without a density.

    Args:
        value: (batch, dim).
    """

    def __init__(self, value: Float[Tensor, "batch dim"]) -> None:
        self.value = value

    def log_prob(self, z: Float[Tensor, "batch dim"]) -> Float[Tensor, " batch"]:
        """See `Law`; there is no density."""
        raise InvalidInput(
            "A deterministic translator has no density. Train one of kind mixture or flow."
        )

    def draw(self, rng: SampleRng) -> Float[Tensor, "batch dim"]:
        """Returns the point; draws nothing."""
        return self.value

    @property
    def mean(self) -> Float[Tensor, "batch dim"]:
        """The point."""
        return self.value

    @property
    def mode(self) -> Float[Tensor, "batch dim"]:
        """The point."""
        return self.value

    def loss(
        self, z: Float[Tensor, "batch dim"], scale: float | None, *, fused: bool
    ) -> Float[Tensor, ""]:
        """See `Law`; the squared distance of eq. (8), the mean over coordinates."""
        return (self.value - z).square().mean()


class DeterministicTranslator(MixtureTranslator):
    """A network that gives a single latent, the ablation of TR0N eq. (8).

    It is the network of a mixture with one component. Its deviation is neither trained nor used;
    files of earlier versions have it too.

    Args:
        config: configuration of the network, with one component.
        seed: as in `MixtureTranslator`.
    """

    @classmethod
    def check_config(cls, config: TranslatorConfig) -> None:
        """See `Translator`."""
        if config.components != 1:
            raise InvalidInput(
                f"A deterministic translator of {config.components} components; it must have 1."
            )

    def law(self, condition: Float[Tensor, "batch embed"]) -> Law:
        """See `Translator`."""
        return Point(Mixture(*self.parameters_of(condition), self.log_std).mean)
