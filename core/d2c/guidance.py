"""Sampling steered by a few-shot condition: guided DDIM, and Langevin dynamics."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..conditions.few_shot import FewShot
from ..diffusion.prior import DiffusionPrior
from ..errors import InvalidInput
from ..generator import Generator
from ..latents import Latents
from ..rng import SampleRng
from ..spaces import Identity
from .langevin import CorrectedLangevin, corrected_steps

__all__ = ["MOST_SCALE", "Guided", "guided_sample", "langevin_sample"]

MOST_SCALE = 3.0
"""Above it samples leave the prior: they satisfy the classifier and look alike."""


@dataclass(frozen=True)
class Guided:
    """Samples that were steered towards a few-shot condition.

    Attributes:
        latents: the samples.
        probabilities: r of each.
        threshold: r from which a sample counts as showing what is wanted.
        how: how they were steered, for reports.
    """

    latents: Latents
    probabilities: Float[Tensor, " batch"]
    threshold: float
    how: str

    def summary(self) -> str:
        """Returns a line on r of the samples, for a report."""
        r = self.probabilities
        above = int((r >= self.threshold).sum())
        return (
            f"{self.how}: r at least {self.threshold:g} in {above} of {len(r)} samples, mean r "
            f"{float(r.mean()):.3g}"
        )


def guided_sample(
    prior: DiffusionPrior,
    condition: FewShot,
    generator: Generator,
    rng: SampleRng,
    *,
    scale: float = 1.0,
    steps: int = 50,
    eta: float = 0.0,
    device: torch.device,
    report: Callable[[int], None] = lambda rows: None,
) -> Guided:
    """Samples from p(z) r(c given z)^scale, approximately: see `core.diffusion.ddim.ddim`.

    Args:
        prior: diffusion prior of the generator's latents.
        condition: few-shot condition of the same latents.
        generator: of the latents.
        rng: the samples.
        scale: factor on log r, from 0 (the prior) to 3; 1 is Bayes' rule.
        steps: calls of the denoiser.
        eta: noise of DDIM, from 0 (none) to 1 (DDPM).
        device: where the networks are.
        report: called with the number of finished samples; may raise to stop.

    Raises:
        GeneratorMismatch: a prior or a condition of another generator.
        InvalidInput: no sample, or a scale outside its range.

    Departures: the paper samples by rejection or Langevin dynamics; guidance is that of Dhariwal
    and Nichol (2021), with a classifier of clean latents.
    """
    _check(prior, condition, generator, rng)
    if not 0 <= scale <= MOST_SCALE:
        raise InvalidInput(
            f"A guidance scale of {scale:g}; expected 0 to {MOST_SCALE:g}. Higher ones leave the "
            "prior."
        )
    values = prior.sample(
        rng,
        torch.empty(0, device=device),
        steps=steps,
        eta=eta,
        guide=condition.log_probability,
        scale=scale,
        report=report,
    )
    return _guided(values, condition, generator, rng, f"guidance of scale {scale:g}")


def langevin_sample(
    prior: DiffusionPrior,
    condition: FewShot,
    generator: Generator,
    rng: SampleRng,
    settings: CorrectedLangevin,
    *,
    steps: int = 50,
    eta: float = 0.0,
    device: torch.device,
    report: Callable[[int], None] = lambda done: None,
) -> Guided:
    """Samples by Langevin dynamics on -log r from draws of the prior, corrected by the prior.

    Args:
        prior: diffusion prior of the generator's latents.
        condition: few-shot condition of the same latents.
        generator: of the latents.
        rng: the samples.
        settings: the dynamics.
        steps: calls of the denoiser for the draws to start at.
        eta: noise of DDIM for these draws.
        device: where the networks are.
        report: called with the steps of the dynamics done; may raise to stop.

    Raises:
        GeneratorMismatch: a prior or a condition of another generator.
        InvalidInput: no sample, or a correction that the prior's schedule does not have.
    """
    _check(prior, condition, generator, rng)
    values = prior.sample(rng, torch.empty(0, device=device), steps=steps, eta=eta)
    moves = corrected_steps(values, condition.log_probability, prior, rng, settings)
    for done, moved in enumerate(moves, start=1):
        values = moved
        report(done)
    return _guided(values, condition, generator, rng, f"{settings.steps} steps of Langevin")


def _check(
    prior: DiffusionPrior, condition: FewShot, generator: Generator, rng: SampleRng
) -> None:
    prior.check(generator)
    condition.check(generator)
    if not len(rng):
        raise InvalidInput("No sample asked for; at least 1 needed.")


def _guided(
    values: Tensor, condition: FewShot, generator: Generator, rng: SampleRng, how: str
) -> Guided:
    found, names = values.detach().cpu(), rng.names
    latents = Latents(found, Identity(generator.source), generator.id, generator.name, names)
    with torch.no_grad():
        return Guided(latents, condition.probability(found), condition.threshold, how)
