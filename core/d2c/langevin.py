"""Langevin dynamics in latents, corrected by a diffusion prior after every step."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from ..chunking import Chunking
from ..diffusion.ddim import Guide
from ..diffusion.prior import DiffusionPrior
from ..errors import InvalidInput
from ..rng import SampleRng

__all__ = ["RELEASED", "CorrectedLangevin", "Correction", "corrected_steps"]

AT_ONCE = Chunking(64, padded=True)


@dataclass(frozen=True)
class Correction:
    """How the prior corrects latents after a move, see `DiffusionPrior.correct`.

    Attributes:
        t: time up to which noise is added; 50 in D2C's released code.
        calls: calls of the denoiser; 2 in the released code, at the times 50 and 0.

    Raises:
        InvalidInput: a negative time, or no call.
    """

    t: int = 50
    calls: int = 2

    def __post_init__(self) -> None:
        if self.t < 0 or self.calls < 1:
            raise InvalidInput(
                f"A correction from time {self.t} in {self.calls} calls; expected a time of at "
                "least 0 and at least 1 call."
            )

    def check(self, prior: DiffusionPrior) -> None:
        """Checks that a prior has the time.

        Raises:
            InvalidInput: it does not.
        """
        if self.t >= len(prior.schedule):
            raise InvalidInput(
                f"A correction from time {self.t}; {prior.name!r} has the times 0 to "
                f"{len(prior.schedule) - 1}."
            )

    def __call__(self, prior: DiffusionPrior, z: Tensor, rng: SampleRng) -> Tensor:
        """Returns corrected latents, without a graph."""
        with torch.no_grad():
            return prior.correct(z, rng, t=self.t, calls=min(self.calls, self.t + 1))


RELEASED: Final = Correction()
"""The correction of D2C's released code."""


@dataclass(frozen=True)
class CorrectedLangevin:
    """Steps x <- x + step_size grad log r + sqrt(2 step_size temperature) noise, in whitened x.

    D2C section 5: "a gradient step with respect to the classifier probability, and then correct
    this gradient step with the diffusion model". The correction stands for the gradient of
    log p(z), which a diffusion prior lacks.

    Attributes:
        steps: number of steps, at least 1.
        step_size: in squared standard deviations of the latents, above 0.
        temperature: 1 for Langevin dynamics, 0 for gradient ascent.
        width: width w of the RBF kernel exp(-|x - x_start|^2 / (2 w^2)) by which r is multiplied,
            in standard deviations of the latents; it keeps an edit near its start.
        correction: after each step; None for none.

    Raises:
        InvalidInput: a number outside its range.

    Departures: the paper states none of these numbers. The law of the steps is only near
    r(c given z) p(z): a correction is no step of a reversible chain.
    """

    steps: int = 100
    step_size: float = 0.05
    temperature: float = 1.0
    width: float = math.inf
    correction: Correction | None = RELEASED

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise InvalidInput(f"{self.steps} steps along the gradient; at least 1 needed.")
        if not 0 < self.step_size < math.inf or not 0 <= self.temperature < math.inf:
            raise InvalidInput(
                f"Step size {self.step_size:g} and temperature {self.temperature:g}; expected "
                "numbers above 0, and of at least 0."
            )
        if not self.width > 0:
            raise InvalidInput(f"An RBF kernel of width {self.width:g}; expected above 0.")


def corrected_steps(
    start: Float[Tensor, "batch dim"],
    log_ratio: Guide,
    prior: DiffusionPrior,
    rng: SampleRng,
    settings: CorrectedLangevin,
) -> Iterator[Float[Tensor, "batch dim"]]:
    """Yields the latents after each step.

    Args:
        start: latents of the generator, such as draws of the prior.
        log_ratio: log r, or any function to raise.
        prior: diffusion prior of these latents.
        rng: a stream per latent.
        settings: see `CorrectedLangevin`.

    Raises:
        InvalidInput: a correction that the prior's schedule does not have.
    """
    white = prior.whitening
    spread = math.sqrt(2 * settings.step_size * settings.temperature)

    def slopes(x: Tensor) -> Tensor:
        leaf = x.detach().requires_grad_()
        with torch.enable_grad():
            total = log_ratio(white.from_white(leaf)).sum()
        return torch.autograd.grad(total, leaf)[0]

    z, first = start, AT_ONCE.apply(white.to_white, start, rng.names)
    for _ in range(settings.steps):
        x = AT_ONCE.apply(white.to_white, z, rng.names)
        slope = AT_ONCE.apply(slopes, x, rng.names) - (x - first) / settings.width**2
        x = x + settings.step_size * slope
        if spread > 0:
            x = x + spread * rng.normal(x.shape[1], like=x)
        z = prior.space.clamp(AT_ONCE.apply(white.from_white, x, rng.names)).detach()
        if settings.correction is not None:
            z = settings.correction(prior, z, rng)
        yield z
