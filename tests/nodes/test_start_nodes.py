"""Latents to start from: draws from the prior, the best of several, and variations."""

import pytest
import torch
from latentsteer.core.rng import SampleRng


@pytest.mark.parametrize(("classes", "count"), [("0-4", 5), ("3", 2), ("all", 10)])
def test_prior_init_draws_one_latent_for_each_row_of_a_condition(classes, count, graph, run):
    """A condition of one row leaves the number to `samples`."""
    made = graph.steered(classes)
    start = graph.from_prior(made, samples=2, seed=9)
    more = graph.add("PriorInit", generator=made.generator, samples=10, seed=9)
    ran = run(graph)
    assert ran[start].samples == tuple(range(count))
    assert torch.equal(ran[start].values, ran[more].values[:count])


def test_the_best_of_more_candidates_is_better_and_keeps_the_first_draws(graph, run):
    made = graph.steered("0-7")
    one, many = (graph.from_prior(made, candidates=count, energy=made.energy) for count in (1, 6))
    ran = run(graph)
    streams = SampleRng.of(0, 8)
    energy = ran[made.energy].pullback(ran[made.generator])
    first, best = (energy(ran[wire].values, streams) for wire in (one, many))
    # Chunks of other sizes may differ in the last bits.
    assert bool((best <= first + 1e-4).all())
    assert bool((best < first - 0.1).any())


def test_variations_begin_near_and_the_best_of_many_lowers_the_energy(graph, run):
    made = graph.steered("7", each=1)
    first = graph.add("PriorInit", generator=made.generator, samples=2)
    common = {"generator": made.generator, "near": first, "samples_per_latent": 3}
    near, far = (graph.add("VariationInit", **common, variation=v) for v in (0.1, 1.0))
    best = graph.add("VariationInit", **common, variation=1.0, candidates=20, energy=made.energy)
    partner = graph.add("PriorInit", generator=made.generator, samples=1, seed=7)
    drawn = graph.add(
        "VariationInit", **{**common, "samples_per_latent": 20}, variation=1.0, towards=partner
    )
    graph.add("Decode", generator=made.generator, latents=drawn)
    refined = [graph.refined(made, start, "AdamRefine", steps=1) for start in (far, best)]
    ran = run(graph)
    centre = ran[first].values.repeat_interleave(3, dim=0)
    away = [(ran[one].values - centre).norm(dim=1) for one in (near, far)]
    assert bool((away[0] < away[1]).all())
    assert ran[near].samples == tuple(range(6))
    reached = (ran[drawn].values == ran[partner].values).all(dim=1)
    assert 0 < int(reached.sum()) < 40
    begun = [ran.trace(one).energies[0] for one in refined]
    assert bool((begun[1] <= begun[0]).all())
    assert float(begun[1].mean()) < 0.5 * float(begun[0].mean())
