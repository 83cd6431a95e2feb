"""Every kind of draw is fresh in a run after another, and looks are not."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.charts import MixtureOfBasis, Start
from latentsteer.core.chunking import ALL_AT_ONCE, Chunking
from latentsteer.core.composition.compose import Composer, CompositionJob
from latentsteer.core.composition.placement import placements
from latentsteer.core.energy import Energy
from latentsteer.core.refine.cma_es import CmaEs
from latentsteer.core.refine.refinement import refine
from latentsteer.core.refine.rules import Descent
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import IMAGES
from latentsteer.core.starts.ranking import ranked
from latentsteer.core.starts.variation import variations
from latentsteer.core.terms import Term

from . import histories
from .histories import COUNT, DIM, chained, correlation, margin

begun, flat, job = histories.begun, histories.flat, histories.job


def noisy(space, label="noise"):
    """An energy whose gradient is drawn: <eps, z>, from each sample's stream."""
    return Energy.of(
        Term(label, space, lambda v, rng: (rng.normal(v.shape[1], like=v) * v).sum(dim=1))
    )


@pytest.mark.parametrize("kind", ["rendered noise", "random energy", "flow of a random energy"])
def test_every_kind_of_draw_is_fresh_in_the_next_run(kind, toys, job, begun):
    """A descent along <eps, z> moves by its draws."""
    generator = toys.generator()
    rule = Descent(step_size=0.1)
    if kind == "rendered noise":
        # Half |z + s eps|^2: the gradient at 0 is the noise.
        energy = toys.energy_of(lambda z: z.square().sum(dim=1) / 2, generator.source)
        images = replace(generator, render=lambda parts, rng: _as_images(parts["z"]))
        energy = Energy.of(
            Term("seen", IMAGES, lambda x, rng: x.flatten(1)[:, :DIM].square().sum(dim=1) / 2)
        )
        made = job(generator=images, energy=energy, rule=rule, latent_noise=0.3, steps=1)
    else:
        made = job(energy=noisy(generator.source), rule=rule, steps=4)
    first = chained(made, begun(), 1)
    second = chained(made, first, 1)
    moved = second.values - first.values
    # The pull of the well towards 0 is a tenth of a first step.
    pull = -0.1 * first.values if kind == "rendered noise" else torch.zeros(())
    assert float(moved.norm()) > 0
    assert abs(correlation(moved - pull, first.values)) < margin(COUNT)


def _as_images(z):
    return torch.nn.functional.pad(z, (0, 192 - DIM)).reshape(-1, 3, 8, 8)


def test_generations_are_fresh_in_the_next_search(toys, job, begun):
    pytest.importorskip("cmaes")
    count = 40
    made = job(refiner=CmaEs(population=6, sigma=0.5), steps=1)
    noise = Energy.of(
        Term("any", toys.generator().source, lambda v, rng: rng.normal(1, like=v)[:, 0])
    )
    made = replace(made, energy=noise)
    first = chained(made, begun(count), 1)
    second = chained(made, first, 1)
    assert abs(correlation(second.values - first.values, first.values)) < margin(count)
    assert not torch.allclose(second.values, 2 * first.values)


def test_variations_of_variations_are_fresh(toys):
    generator = toys.generator()
    near = toys.latents(generator, torch.zeros(1, DIM))

    def varied(latents, each, **changes):
        rng = SampleRng.of(0, len(latents) * each, "variation")
        start: Start = variations(
            latents,
            generator,
            rng,
            variation=0.6,
            chunking=ALL_AT_ONCE,
            device=toys.cpu,
            **changes,
        )
        made = toys.latents(generator, start.values, range(len(rng)))
        return replace(made, history=start.history)

    first = varied(near, COUNT)
    assert first.history == (1,) * COUNT
    second = varied(first, 1)
    assert second.history == (2,) * COUNT
    assert abs(correlation(second.values - 0.8 * first.values, first.values)) < margin(COUNT)
    # New ones towards a variation get none of the draws of the variation.
    towards = varied(near, COUNT, towards=first)
    assert towards.history == (2,) * COUNT
    assert abs(correlation(towards.values, first.values)) < margin(COUNT)


def test_frames_between_latents_draw_afresh_of_both(toys, job, begun):
    once = chained(job(), begun(3), 1)
    frames = once.interpolated(begun(1), [0.0, 0.5])
    assert frames.history == (1,) * 6
    assert begun(1).interpolated(begun(1), [0.5]).history == (0,)
    # The first frame is the first sample, with its own number.
    assert torch.equal(refine(job(), frames)[0].values[0], refine(job(), once)[0].values[0])


def test_what_a_basis_stands_for_keeps_its_history(toys):
    chart = MixtureOfBasis(toys.generator().source, 2, ("z",))
    basis = toys.latents(toys.generator(), toys.normal(2, chart.source.dim), chart=chart)
    assert replace(basis, history=(3, 1)).plain().history == (3, 1)


def test_looks_are_alike_whatever_the_history(job, begun):
    """Previews and the last image of a generator with random noise."""
    latents, once = begun(3), chained(job(), begun(3), 1)
    same = [one.rng(0, "decode").normal(5, like=one.values) for one in (latents, once)]
    assert torch.equal(*same)
    other = [one.rng(0, "refine").normal(5, like=one.values) for one in (latents, once)]
    assert not torch.equal(*other)


def test_a_choice_after_a_run_is_by_fresh_draws(toys, job, begun):
    generator = toys.generator()

    def order(latents):
        found = ranked(
            latents,
            generator,
            Energy.of(Term("any", generator.source, lambda v, rng: rng.normal(1, like=v)[:, 0])),
            seed=0,
            keep=20,
            chunking=ALL_AT_ONCE,
            device=toys.cpu,
        )
        return found.rows

    assert order(begun(20)) == order(begun(20))
    assert order(begun(20)) != order(chained(job(), begun(20), 1))


def test_a_second_composition_draws_afresh_and_both_halves_remember(toys):
    generator = toys.generator()
    count = 30
    job = CompositionJob(
        generator=generator,
        energy=Energy.of(
            Term(
                "noise",
                IMAGES,
                lambda x, rng: (rng.normal(*x.shape[1:], like=x) * x).sum((1, 2, 3)),
            )
        ),
        features=None,
        steps=1,
        seed=3,
        chunking=Chunking(8, padded=True),
        device=toys.cpu,
        placements=placements([0.5])[:1],
        rule=Descent(step_size=1.0),
    )
    front = toys.latents(generator, torch.zeros(count, DIM))
    back = toys.latents(generator, torch.zeros(count, DIM))
    first = Composer(job, front, back).run()
    assert first.foreground.history == first.background.history == (1,) * count
    # From the same points, with the history of the first alone.
    aged = [replace(one, history=(1,) * count) for one in (front, back)]
    second = Composer(job, *aged).run()
    assert second.foreground.history == (2,) * count
    assert not torch.allclose(first.background.values, second.background.values)
    assert abs(correlation(first.background.values, second.background.values)) < 0.5
    older = Composer(job, replace(front, history=(4,) * count), back)
    assert older.start.history == (4,) * count
