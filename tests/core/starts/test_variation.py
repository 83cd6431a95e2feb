"""Starts near given latents: distance, prior distribution, towards others, the best of many."""

import pytest
import torch
from latentsteer.core.chunking import Chunking
from latentsteer.core.errors import GeneratorMismatch, InvalidInput
from latentsteer.core.rng import SampleRng
from latentsteer.core.starts.variation import variations

CHUNKS = Chunking(4, padded=True)
LIKE = torch.empty(0)


def varied(toys, near, generator=None, **changes):
    generator = generator or toys.generator()
    settings = {"variation": 0.6, "chunking": CHUNKS, "device": toys.cpu}
    return variations(near, generator, **{"rng": SampleRng.of(0, 6), **settings, **changes})


def test_variations_lie_about_their_latents_and_keep_the_priors_law(toys):
    generator = toys.generator()
    near = toys.latents(generator, torch.randn(2, 12, generator=torch.Generator().manual_seed(3)))
    drawn = generator.prior.sample(SampleRng.of(0, 6), LIKE)
    found = varied(toys, near, generator).values
    assert torch.allclose(found, 0.8 * near.values.repeat_interleave(3, dim=0) + 0.6 * drawn)
    assert torch.equal(varied(toys, near, generator, variation=1).values, drawn)
    # Variations of draws of the prior follow the prior too, within four standard errors.
    count = 5000
    many = toys.latents(generator, generator.prior.sample(SampleRng.of(1, count), LIKE))
    values = varied(toys, many, generator, rng=SampleRng.of(2, count)).values
    assert values.mean(dim=0).abs().max() < 4 / count**0.5
    assert (values.var(dim=0) - 1).abs().max() < 4 * (2 / count) ** 0.5


@pytest.mark.bits
def test_the_best_of_many_variations_is_lower_and_alone_what_it_is_among_others(toys):
    generator = toys.generator()
    near = toys.latents(generator, torch.randn(2, 12, generator=torch.Generator().manual_seed(3)))
    energy = toys.energy_of(lambda v: v[:, 0], generator.source)
    one = varied(toys, near, generator).values
    best = varied(toys, near, generator, energy=energy, candidates=8).values
    assert bool((best[:, 0] <= one[:, 0]).all())
    assert bool((best[:, 0] < one[:, 0]).any())
    alone = varied(toys, near.picked((0,)), generator, rng=SampleRng.of(0, 3)).values
    assert torch.equal(alone, one[:3])


def test_a_spread_draws_how_near_each_candidate_is(toys):
    generator = toys.generator()
    near = toys.latents(generator, torch.zeros(1, 12))
    count = 5000
    found = varied(toys, near, generator, rng=SampleRng.of(0, count), spread=0.5).values
    drawn = generator.prior.sample(SampleRng.of(0, count), LIKE)
    own = found.norm(dim=1) / drawn.norm(dim=1)
    assert 0.3 - 1e-6 <= float(own.min()) < 0.305
    assert 0.595 < float(own.max()) <= 0.6 + 1e-6
    # Uniform between 0.3 and 0.6, within four standard errors of its mean.
    assert abs(float(own.mean()) - 0.45) < 4 * 0.3 / 12**0.5 / count**0.5


@pytest.mark.bits
def test_half_of_the_candidates_go_towards_what_is_given(toys):
    generator = toys.generator()
    near = toys.latents(generator, torch.zeros(1, 12))
    partners = toys.latents(generator, torch.stack([torch.full((12,), n) for n in (1.0, 2.0)]))
    count = 4000
    found = varied(toys, near, generator, rng=SampleRng.of(0, count), towards=partners).values
    shares = [
        float(torch.isclose(found, torch.tensor(0.6 * n)).all(dim=1).double().mean())
        for n in (1.0, 2.0)
    ]
    # A quarter each, within four standard errors; the others are unchanged draws.
    for share in shares:
        assert abs(share - 0.25) < 4 * (0.25 * 0.75 / count) ** 0.5
    drawn = 0.6 * generator.prior.sample(SampleRng.of(0, count), LIKE)
    same = float(torch.isclose(found, drawn).all(dim=1).double().mean())
    assert same == pytest.approx(1 - sum(shares))
    alone = varied(toys, near, generator, rng=SampleRng.of(0, 3), towards=partners).values
    assert torch.equal(alone, found[:3])


def test_variations_without_sense_are_refused(toys):
    generator = toys.generator()
    near = toys.latents(generator, torch.randn(2, 12, generator=torch.Generator().manual_seed(3)))
    for variation in (0.0, 1.1, float("nan")):
        with pytest.raises(InvalidInput, match="above 0, at most 1"):
            varied(toys, near, generator, variation=variation)
    for spread in (-0.1, 1.1, float("nan")):
        with pytest.raises(InvalidInput, match="from 0 to 1"):
            varied(toys, near, generator, spread=spread)
    with pytest.raises(InvalidInput, match="No latents to move towards"):
        varied(toys, near, generator, towards=toys.latents(generator, torch.empty(0, 12)))
    with pytest.raises(InvalidInput, match="5 samples about 2"):
        varied(toys, near, generator, rng=SampleRng.of(0, 5))
    with pytest.raises(InvalidInput, match="needs an energy"):
        varied(toys, near, generator, candidates=2)
    other = toys.generator()
    object.__setattr__(other, "id", "another-id")
    with pytest.raises(GeneratorMismatch):
        varied(toys, near, other)
    strange = toys.latents(other, torch.zeros(1, 12))
    with pytest.raises(GeneratorMismatch):
        varied(toys, near, generator, towards=strange)
