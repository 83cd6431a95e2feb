"""Noise on latents, and which latents a refinement ends with: FuseDream's released code."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.charts import MixtureOfBasis, WithNoise
from latentsteer.core.energy import Energy
from latentsteer.core.errors import InvalidInput, ResumeMismatch
from latentsteer.core.refine.refinement import refine
from latentsteer.core.refine.rules import Adam
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import IMAGES
from latentsteer.core.terms import Term


def test_a_noisy_map_is_the_map_near_its_arguments(toys):
    generator = toys.generator()
    z = toys.normal(3, 12)
    seen = WithNoise(generator, 0.1)(z, SampleRng.of(0, 3))
    noise = SampleRng.of(0, 3).normal(12, like=z)
    torch.testing.assert_close(seen, generator(z + 0.1 * noise, SampleRng.of(0, 3)))
    still, rng = WithNoise(generator, 0.0), SampleRng.of(0, 3)
    before = rng.state()
    assert torch.equal(still(z, rng), generator(z, rng))
    assert torch.equal(rng.state(), before)
    assert (still.source, still.target) == (generator.source, IMAGES)
    assert still.modules == generator.modules
    for std in (-0.1, float("nan")):
        with pytest.raises(InvalidInput, match="at least 0 needed"):
            WithNoise(generator, std)


def on_basis(toys, **changes):
    """A job that records the latents that it rendered."""
    generator = toys.generator()
    seen = []

    def render(parts, rng):
        seen.append(parts["z"].detach().clone())
        return generator.render(parts, rng)

    watched = replace(generator, render=render)
    chart = MixtureOfBasis(generator.source, 3, ("z",))
    values = chart.start({"z": toys.normal(2, 3, 12)}, torch.full((2, 3), 1 / 3), {})
    bright = Energy.of(Term("dark", IMAGES, lambda x, rng: -x.mean(dim=(1, 2, 3))))
    job = toys.job(generator=watched, energy=bright, rule=Adam(), **{"steps": 3, **changes})
    return job, toys.latents(generator, values, chart=chart), seen


@pytest.mark.bits
def test_noise_lies_on_the_combined_latent_at_each_step_and_on_no_reading(toys):
    job, latents, seen = on_basis(toys, latent_noise=0.01)
    refined, _ = refine(job, latents)
    rng = SampleRng.of(0, 2)
    combined = latents.chart(latents.values, rng)
    chunk = job.chunking.size
    read, first, *_, last = (rows[:2] for rows in seen)
    assert chunk == len(seen[0])
    assert torch.equal(read, combined)
    assert torch.equal(last, refined.chart(refined.values, rng))
    streams = latents.rng(job.seed, "refine")
    torch.testing.assert_close(first, combined + 0.01 * streams.normal(12, like=combined))


@pytest.mark.bits
def test_the_last_but_one_is_what_one_step_less_gives(toys):
    job, latents, _ = on_basis(toys, returned="last but one")
    found, trace = refine(job, latents)
    less, expected = refine(replace(job, returned="last", steps=2), latents)
    assert torch.equal(found.values, less.values)
    assert torch.equal(trace.energies, expected.energies)
    assert not torch.equal(found.values, refine(replace(job, returned="last"), latents)[0].values)
    only, _ = refine(replace(job, steps=1), latents)
    assert torch.equal(only.values, latents.values)


@pytest.mark.bits
@pytest.mark.parametrize("changes", [{"latent_noise": 0.02}, {"returned": "last but one"}])
def test_an_interrupted_run_goes_on_with_the_same_settings_alone(changes, toys):
    job, latents, _ = on_basis(toys, steps=6)
    whole, _ = refine(replace(job, **changes), latents)
    kept = []

    class StopError(Exception):
        pass

    def stop(snapshot):
        if snapshot.state.step == 2:
            raise StopError

    with pytest.raises(StopError):
        refine(replace(job, **changes), latents, on_step=stop, on_stop=kept.append)
    rest, _ = refine(replace(job, **changes), kept[0])
    assert torch.equal(rest.values, whole.values)
    with pytest.raises(ResumeMismatch, match=next(iter(changes))):
        refine(job, kept[0])
