"""The law of an image given its latents: a mixture of discretised logistics for each pixel.

Salimans et al., "PixelCNN++" (2017), section 2.1 and 2.2: the colours of a pixel are drawn in
turn, and the means of later ones depend on the earlier ones.
"""

from dataclasses import dataclass
from typing import Final

import torch
from einops import rearrange, reduce
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ....errors import InvalidInput
from ....rng import SampleRng
from ..layouts import NUMBERS

__all__ = ["LogisticMixture", "quantised"]

LEAST_LOG_SCALE: Final = -7.0
FRINGE: Final = 1e-5
"""Uniform draws are at least this far from 0 and 1."""
BYTE: Final = 255


def quantised(images: Float[Tensor, "batch 3 h w"], bits: int) -> Float[Tensor, "batch 3 h w"]:
    """Images as D2C's encoder takes them, with 2^bits levels of each colour from 0 to 1.

    The gradient of the steps is 0; here it is that of the unquantised image, so that images can
    be optimised through the encoder.

    Args:
        images: images in [0, 1].
        bits: 1 to 8; with 8 images remain as they are.

    Raises:
        InvalidInput: another number of bits.
    """
    if not 1 <= bits <= 8:
        raise InvalidInput(f"{bits} bits per colour; expected 1 to 8.")
    if bits == 8:
        return images
    levels = torch.floor(images.detach() * BYTE / 2 ** (8 - bits)) / (2**bits - 1)
    return levels + (images - images.detach()) if images.requires_grad else levels


@dataclass(frozen=True, eq=False)
class LogisticMixture:
    """Mixture of logistics over the colours of each pixel, in [-1, 1].

    Given a component, the red value has the mean m_r, the green one m_g + c_0 red, and the blue
    one m_b + c_1 red + c_2 green.

    Attributes:
        logits: unnormalised log weights of the components.
        means: means m without the other colours.
        log_scales: logarithms of the scales, at least -7.
        coefficients: c_0, c_1 and c_2 in (-1, 1).
    """

    logits: Float[Tensor, "batch mixtures h w"]
    means: Float[Tensor, "batch 3 mixtures h w"]
    log_scales: Float[Tensor, "batch 3 mixtures h w"]
    coefficients: Float[Tensor, "batch 3 mixtures h w"]

    @classmethod
    def of(cls, numbers: Float[Tensor, "batch numbers h w"]) -> "LogisticMixture":
        """Reads the mixture off the outputs of `D2CDecoder`.

        Args:
            numbers: 10 per component and pixel: all weights, then for each colour all means, log
                scales and coefficients.

        Raises:
            InvalidInput: the number of channels is no multiple of 10.
        """
        mixtures, rest = divmod(numbers.shape[1], NUMBERS)
        if rest or not mixtures:
            raise InvalidInput(f"{numbers.shape[1]} channels; expected a multiple of {NUMBERS}.")
        means, log_scales, coefficients = rearrange(
            numbers[:, mixtures:],
            "batch (colour kind mixture) h w -> kind batch colour mixture h w",
            colour=3,
            kind=3,
        )
        return cls(
            numbers[:, :mixtures],
            means,
            log_scales.clamp(min=LEAST_LOG_SCALE),
            coefficients.tanh(),
        )

    def mean(self) -> Float[Tensor, "batch 3 h w"]:
        """Expected images in [0, 1].

        The expectation is that of the mixture; colours outside [-1, 1] are clamped afterwards.
        """
        first, second, third = self.coefficients.unbind(1)
        red, green, blue = self.means.unbind(1)
        green = green + first * red
        blue = blue + second * red + third * green
        weights = self.logits.softmax(dim=1)[:, None]
        expected = torch.stack([red, green, blue], dim=1)
        return _unit(reduce(weights * expected, "b colour mixture h w -> b colour h w", "sum"))

    def plug_in_mean(self) -> Float[Tensor, "batch 3 h w"]:
        """Images in [0, 1] as NVAE's code decodes them without drawing.

        Means and coefficients are those of the mixture, and each colour takes the earlier ones
        after they are clamped to [-1, 1].
        """
        weights = self.logits.softmax(dim=1)[:, None]
        red, green, blue = (weights * self.means).sum(dim=2).unbind(1)
        first, second, third = (weights * self.coefficients).sum(dim=2).unbind(1)
        red = red.clamp(-1, 1)
        green = (green + first * red).clamp(-1, 1)
        blue = (blue + second * red + third * green).clamp(-1, 1)
        return _unit(torch.stack([red, green, blue], dim=1))

    def sample(self, rng: SampleRng) -> Float[Tensor, "batch 3 h w"]:
        """Draws images in [0, 1], each from its own stream; differentiable but in the weights."""
        _, mixtures, height, width = self.logits.shape
        chosen = rng.uniform(mixtures, height, width, like=self.logits)
        drawn = rng.uniform(3, height, width, like=self.logits)
        return self.sample_by(_inside(chosen), _inside(drawn))

    def sample_by(
        self, chosen: Float[Tensor, "batch mixtures h w"], drawn: Float[Tensor, "batch 3 h w"]
    ) -> Float[Tensor, "batch 3 h w"]:
        """Draws images in [0, 1] by given uniform numbers in (0, 1).

        Args:
            chosen: choose the components, by the largest logit with Gumbel noise.
            drawn: choose the colours.
        """
        which = (self.logits - (-chosen.log()).log()).argmax(dim=1)[:, None, None]
        index = which.expand(-1, 3, -1, -1, -1)
        means, log_scales, coefficients = (
            part.gather(2, index)[:, :, 0]
            for part in (self.means, self.log_scales, self.coefficients)
        )
        x = means + log_scales.exp() * (drawn.log() - (1 - drawn).log())
        first, second, third = coefficients.unbind(1)
        red = x[:, 0].clamp(-1, 1)
        green = (x[:, 1] + first * red).clamp(-1, 1)
        blue = (x[:, 2] + second * red + third * green).clamp(-1, 1)
        return _unit(torch.stack([red, green, blue], dim=1))

    def log_prob(
        self, images: Float[Tensor, "batch 3 h w"], bits: int
    ) -> Float[Tensor, "batch h w"]:
        """Log probability of each pixel's colours, in nats.

        Departure: it is exact. The authors' code takes the density at the middle where a colour's
        probability is below 1e-5, and counts the two highest of 256 levels as the highest.

        Args:
            images: images in [0, 1], quantised to 2^bits levels.
            bits: bits per colour. The lowest and the highest level have the mass of everything
                below and above them.
        """
        x = (2 * images - 1)[:, :, None]
        red, green, _ = x.unbind(1)
        m_red, m_green, m_blue = self.means.unbind(1)
        first, second, third = self.coefficients.unbind(1)
        means = torch.stack(
            [m_red, m_green + first * red, m_blue + second * red + third * green], dim=1
        )
        top = 2**bits - 1
        inverse = (-self.log_scales).exp()
        middle = inverse * (x - means)
        above, below = middle + inverse / top, middle - inverse / top
        # Exact also where both logistic functions round to 0 or to 1.
        inner = (-torch.expm1(-2 * inverse / top)).log()
        inner = inner - functional.softplus(-above) - functional.softplus(below)
        lowest = -functional.softplus(-above)
        highest = -functional.softplus(below)
        # Half a level from the ends.
        edge = 1 - 1 / top
        each = torch.where(x < -edge, lowest, torch.where(x > edge, highest, inner))
        return (each.sum(dim=1) + self.logits.log_softmax(dim=1)).logsumexp(dim=1)


def _unit(x: Tensor) -> Tensor:
    return x.clamp(-1, 1) / 2 + 0.5


def _inside(uniform: Tensor) -> Tensor:
    return uniform * (1 - 2 * FRINGE) + FRINGE
