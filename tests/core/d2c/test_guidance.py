"""Guided sampling and corrected Langevin dynamics against normal laws in closed form."""

import math

import pytest
import torch
from latentsteer.core.d2c.guidance import guided_sample, langevin_sample
from latentsteer.core.d2c.langevin import CorrectedLangevin, Correction, corrected_steps
from latentsteer.core.diffusion.whitening import Whitening
from latentsteer.core.errors import GeneratorMismatch, InvalidInput
from latentsteer.core.rng import SampleRng

from ..diffusion.gaussian import LINEAR, Exact, prior_of
from .few_shot_toys import DIM, condition_of, linear_generator

CPU = torch.device("cpu")
STANDARD = prior_of(Exact(LINEAR, torch.eye(DIM)), DIM, LINEAR)
LINEAR_LOG = condition_of((1.0, -0.5, 0.0), bias=-40.0)
"""Its r is tiny everywhere, so log r is linear: its slope is the weight."""


def guided(scale, prior=STANDARD, condition=LINEAR_LOG, samples=320, **options):
    rng = SampleRng.of(0, samples, "test")
    options = {"steps": 20, "device": CPU} | options
    return guided_sample(prior, condition, linear_generator(), rng, scale=scale, **options)


@pytest.mark.parametrize("scale", [0.0, 1.0, 3.0])
def test_guidance_moves_a_normal_law_by_the_slope_of_log_r(scale):
    """p(z) r(z)^s is N(s w, I), whichever the whitening; the error of a mean is 0.056."""
    found = guided(scale).latents.values
    wanted = scale * torch.tensor([1.0, -0.5, 0.0])
    assert (found.mean(dim=0) - wanted).abs().max() < 0.23
    assert (found.std(dim=0) - 1).abs().max() < 0.19


def test_guidance_is_in_the_coordinates_of_the_generator():
    """Latents of mean m and deviation 2: p(z) r(z) is N(m + 4 w, 4 I)."""
    mean = torch.tensor([3.0, 0.0, -1.0])
    whitening = Whitening(mean, torch.full((DIM,), 2.0))
    prior = prior_of(Exact(LINEAR, torch.eye(DIM)), DIM, LINEAR, whitening)
    found = guided(1.0, prior).latents.values
    wanted = mean + 4 * torch.tensor([1.0, -0.5, 0.0])
    assert (found.mean(dim=0) - wanted).abs().max() < 0.46


def test_the_report_counts_r_of_the_samples():
    found = guided(1.0, condition=condition_of(bias=0.0), samples=40)
    above = int((found.probabilities >= 0.5).sum())
    assert above > 25
    assert f"r at least 0.5 in {above} of 40 samples" in found.summary()


@pytest.mark.bits
def test_a_guided_sample_is_the_same_alone_and_in_any_batch():
    def found(names):
        rng = SampleRng.of(1, names, "test")
        options = {"steps": 4, "eta": 0.7, "device": CPU}
        first = guided_sample(STANDARD, condition_of(), linear_generator(), rng, **options)
        settings = CorrectedLangevin(steps=2, correction=Correction(30, 2))
        rng = SampleRng.of(1, names, "test")
        second = langevin_sample(
            STANDARD, condition_of(), linear_generator(), rng, settings, **options
        )
        return torch.cat([first.latents.values, second.latents.values], dim=1)

    whole = found(range(5))
    for names in ((3,), (4, 0)):
        assert torch.equal(found(names), whole[list(names)])


def test_corrected_langevin_is_the_autoregression_that_its_steps_are():
    """Of a normal law and a quadratic log r all steps are linear: the variance has a limit.

    log r = -(z - m)^2 / (2 v): x' = k (x - e (x - m) / v + sqrt(2 e) n) + noise, with k and the
    noise of the correction of N(0, 1) from the level a in one call: x_0 = sqrt(a) x_t.
    """
    step, goal, variance, level = 0.1, 2.0, 0.5, LINEAR.alphas_bar[200]
    settings = CorrectedLangevin(steps=15, step_size=step, correction=Correction(200, 1))
    rng = SampleRng.of(0, 320, "test")

    def log_ratio(z):
        return -(z - goal).square().sum(dim=1) / (2 * variance)

    *_, found = corrected_steps(torch.zeros(320, DIM), log_ratio, STANDARD, rng, settings)
    factor = level * (1 - step / variance)
    mean = level * step * goal / variance / (1 - factor)
    noise = level**2 * 2 * step + level * (1 - level)
    spread = math.sqrt(noise / (1 - factor**2))
    count = found.numel()
    assert abs(float(found.mean()) - mean) < 4 * spread / math.sqrt(count)
    assert abs(float(found.std()) / spread - 1) < 4 / math.sqrt(2 * count)


def test_ascent_with_a_kernel_ends_where_both_slopes_cancel():
    """Of -z^2 / 2 from 4 with width w: (4 - z) / w^2 = z."""
    settings = CorrectedLangevin(
        steps=30, step_size=0.4, temperature=0.0, width=2.0, correction=None
    )
    start = torch.full((2, DIM), 4.0)
    rng = SampleRng.of(0, 2)
    before = rng.state()

    def log_ratio(z):
        return -z.square().sum(dim=1) / 2

    *_, found = corrected_steps(start, log_ratio, STANDARD, rng, settings)
    torch.testing.assert_close(found, torch.full((2, DIM), 0.8))
    assert torch.equal(rng.state(), before)


def test_what_does_not_fit_is_refused():
    with pytest.raises(InvalidInput, match=r"scale of 3\.5; expected 0 to 3"):
        guided(3.5)
    with pytest.raises(InvalidInput, match="scale of nan"):
        guided(math.nan)
    with pytest.raises(InvalidInput, match="No sample"):
        guided(1.0, samples=0)
    other = condition_of(generator="c" * 64, generator_name="other")
    with pytest.raises(GeneratorMismatch, match="of latents of 'other'"):
        guided(1.0, condition=other)
    for fields in ({"steps": 0}, {"step_size": 0.0}, {"temperature": -1.0}, {"width": 0.0}):
        with pytest.raises(InvalidInput):
            CorrectedLangevin(**fields)
    with pytest.raises(InvalidInput, match="from time -1"):
        Correction(-1)
    late = CorrectedLangevin(steps=1, correction=Correction(5000))
    models = STANDARD, condition_of(), linear_generator()
    with pytest.raises(InvalidInput, match="Time 5000"):
        langevin_sample(*models, SampleRng.of(0, 1), late, device=CPU)
