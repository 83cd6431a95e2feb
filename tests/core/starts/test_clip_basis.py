"""TR0N's method for texts: a basis with the energy of a CLIP, equation 5 with appendix B.1."""

import pytest
import torch
from latentsteer.core.charts import MixtureOfBasis
from latentsteer.core.conditions.prompts import text_condition
from latentsteer.core.energies.example import toy_clip
from latentsteer.core.energies.similarity import similarity
from latentsteer.core.refine.first_order import FirstOrder, clip_of
from latentsteer.core.refine.kernel import Step
from latentsteer.core.refine.refinement import refine
from latentsteer.core.refine.rules import Adam, Langevin

STEP, BETA, MOMENTUM, RATE = 1e-4, 2000.0, 0.99, 5e-3


def job_on(toys, weights, views, clip=0.0, **changes):
    generator, seer = toys.generator(), toy_clip()
    condition = text_condition(seer, "red\nbright blue").condition
    chart = MixtureOfBasis(generator.source, 4, ("z",), weights)
    law = toys.normal(2, 4, seed=1).softmax(dim=1)
    values = chart.start({"z": toys.normal(2, 4, 12)}, law, {})
    rule = Langevin(step_size=STEP, inverse_temperature=BETA, momentum=MOMENTUM)
    job = toys.job(
        generator=generator,
        energy=similarity(seer, condition, views=views),
        refiner=FirstOrder(rule, Adam(learning_rate=RATE), clip),
        **changes,
    )
    return job, toys.latents(generator, values, chart=chart)


@pytest.mark.parametrize("views", [0, 4])
@pytest.mark.parametrize("weights", ["scalar", "linear", "softmax"])
def test_means_move_by_langevin_and_weights_by_adam(weights, views, toys):
    """One step: the released code's numbers, by hand."""
    job, latents = job_on(toys, weights, views, steps=1)
    found, _ = refine(job, latents)
    energy = job.energy.pullback(job.generator).pullback(latents.chart)
    leaf = latents.values.clone().requires_grad_()
    streams = latents.rng(job.seed, "refine")
    (slope,) = torch.autograd.grad(energy(leaf, streams).sum(), leaf)
    noise = streams.normal(4 * 12, like=slope)  # drawn after the views
    before, after, slopes = (
        latents.chart.source.split(v) for v in (latents.values, found.values, slope)
    )
    expected = before["z.basis"] - BETA * STEP / 2 * slopes["z.basis"]
    expected = expected + STEP**0.5 * noise.reshape(2, 4, 12)
    torch.testing.assert_close(after["z.basis"], expected, rtol=1e-4, atol=1e-5)
    moved = after["z.weights"] - before["z.weights"]
    assert torch.equal(moved.sign(), -slopes["z.weights"].sign())
    # Adam's first step is its rate, except for epsilon where the gradient is small.
    steep = slopes["z.weights"].abs() > 1e-4
    torch.testing.assert_close(
        moved[steep].abs(), torch.full_like(moved[steep], RATE), rtol=1e-3, atol=0
    )


def test_more_steps_bring_the_text_closer(toys):
    job, latents = job_on(toys, "linear", 0, steps=30)
    _, trace = refine(job, latents)
    assert bool((trace.after["energy"] < trace.before["energy"] - 0.05).all())
    assert "similarity" in "".join(trace.after)


def test_a_sample_on_a_basis_alone_is_as_in_its_batch(toys):
    job, latents = job_on(toys, "softmax", 3, clip=1.0, steps=4)
    together, _ = refine(job, latents)
    alone_job, _ = job_on(toys, "softmax", 3, clip=1.0, steps=4)
    seer = toy_clip()
    wanted = text_condition(seer, "bright blue").condition
    alone_job = type(job)(**{**vars(alone_job), "energy": similarity(seer, wanted, views=3)})
    alone, _ = refine(alone_job, latents.picked((1,)))
    torch.testing.assert_close(alone.values[0], together.values[1], rtol=1e-5, atol=1e-6)


def test_presets_differ_in_the_clip_alone():
    assert (clip_of("custom", 0.3), clip_of("paper", 0.3), clip_of("official code", 0.3)) == (
        0.3,
        0.0,
        1.0,
    )


def test_clipping_bounds_means_and_weights_apart(toys):
    """With plain descent as rule, a step is as long as the clipped gradient."""
    generator = toys.generator()
    chart = MixtureOfBasis(generator.source, 2, ("z",))
    plain = Langevin(
        step_size=2.0,
        inverse_temperature=1.0,
        momentum=0.0,
        noise_schedule=toys.schedule(lambda step: 0.0),
    )
    rule = FirstOrder(plain, clip_norm=clip_of("official code", 0.0)).on(chart.source)
    slope = toys.normal(3, chart.source.dim) * torch.tensor([[10.0], [1.0], [0.01]])
    latents = toys.normal(3, chart.source.dim)
    step = Step(0, latents, toys.latents(generator, latents, chart=chart).rng(0, "x"))
    moved, _ = rule.update(slope, rule.init(latents), step)
    for name, part in chart.source.split(moved).items():
        lengths = part.flatten(1).norm(dim=1)
        own = chart.source.split(slope)[name].flatten(1).norm(dim=1)
        torch.testing.assert_close(lengths, own.clamp_max(1.0))
