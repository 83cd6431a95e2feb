"""Starts of a refinement."""

from itertools import pairwise

import pytest
import torch
from latentsteer.core.charts import MixtureOfBasis
from latentsteer.core.chunking import Chunking
from latentsteer.core.energy import Energy
from latentsteer.core.errors import ConditionMismatch, GeneratorMismatch, InvalidInput
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import IMAGES, Identity
from latentsteer.core.starts.candidates import best_of, from_prior, from_translator
from latentsteer.core.terms import Term
from latentsteer.core.translators.training import new_translator

CHUNKS = Chunking(4, padded=True)
LIKE = torch.empty(0)


def drawing(dim):
    return lambda rng: rng.normal(dim, like=LIKE)


def height(toys, dim=2):
    return toys.energy_of(lambda v: v[:, 0], toys.vectors(dim))


@pytest.mark.bits
@pytest.mark.parametrize("candidates", [1, 2, 5])
def test_each_sample_gets_its_own_best_candidate(candidates, toys):
    found = best_of(drawing(2), height(toys), candidates, SampleRng.of(0, 6), CHUNKS)
    rng = SampleRng.of(0, 6)
    drawn = torch.stack([rng.normal(2, like=LIKE) for _ in range(candidates)])
    winners = drawn[:, :, 0].argmin(dim=0)
    assert torch.equal(found, drawn[winners, torch.arange(6)])


def test_more_candidates_are_never_worse(toys):
    best = [
        best_of(drawing(2), height(toys), m, SampleRng.of(0, 50), CHUNKS)[:, 0]
        for m in (1, 2, 4, 8)
    ]
    for fewer, more in pairwise(best):
        assert bool((more <= fewer).all())
        assert more.mean() < fewer.mean()


def test_candidates_without_a_finite_energy_never_win(toys):
    energy = toys.energy_of(
        lambda v: torch.where(v[:, 0] < 0, torch.nan, v[:, 0]), toys.vectors(2)
    )
    found = best_of(drawing(2), energy, 20, SampleRng.of(0, 10), CHUNKS)
    assert bool((found[:, 0] >= 0).all())
    hopeless = toys.energy_of(lambda v: v[:, 0] * torch.nan, toys.vectors(2))
    assert bool(best_of(drawing(2), hopeless, 3, SampleRng.of(0, 4), CHUNKS).isfinite().all())


def test_candidates_without_sense_are_refused(toys):
    with pytest.raises(InvalidInput, match="Best of 0 candidates"):
        best_of(drawing(2), height(toys), 0, SampleRng.of(0, 2), CHUNKS)
    with pytest.raises(InvalidInput, match="needs an energy"):
        best_of(drawing(2), None, 2, SampleRng.of(0, 2), CHUNKS)


@pytest.mark.bits
def test_a_start_from_the_prior_is_the_prior_within_the_bounds(toys):
    generator = toys.generator(bound=1.0)
    start = from_prior(generator, SampleRng.of(0, 5), chunking=CHUNKS, device=toys.cpu)
    expected = generator.prior.sample(SampleRng.of(0, 5), LIKE).clamp(-1, 1)
    assert torch.equal(start.values, expected)
    assert start.chart == Identity(generator.source)
    assert float(start.values.abs().max()) == 1


def translated(toys, **changes):
    generator, classifier = toys.generator(), toys.classifier()
    settings = {
        "translator": new_translator(generator, classifier, components=3, hidden=8, seed=1),
        "generator": generator,
        "condition": classifier.condition(["b"]),
        "rng": SampleRng.of(0, 5),
        "chunking": CHUNKS,
    }
    return from_translator(**settings | changes)


def test_mean_and_mode_start_every_sample_at_the_translators_own(toys):
    translator = new_translator(
        toys.generator(), toys.classifier(), components=3, hidden=8, seed=1
    )
    c = toys.classifier().condition(["b"]).embedding
    for mode, expected in (("mean", translator.mean(c)), ("mode", translator.mode(c))):
        start = translated(toys, mode=mode)
        torch.testing.assert_close(start.values, expected.detach().expand(5, -1))
        assert isinstance(start.chart, Identity)


@pytest.mark.parametrize("weights", ["scalar", "linear", "softmax"])
def test_a_basis_starts_at_the_translators_mean(weights, toys):
    start = translated(toys, mode="basis", weights=weights)
    assert start.chart == MixtureOfBasis(toys.generator().source, 3, ("z",), weights)
    mean = translated(toys, mode="mean").values
    torch.testing.assert_close(
        start.chart(start.values, SampleRng.of(0, 5)), mean, atol=1e-6, rtol=1e-5
    )


def test_samples_of_a_translator_differ_and_their_first_candidate_is_its_draw(toys):
    start = translated(toys)
    assert len({tuple(row.tolist()) for row in start.values}) == 5
    translator = new_translator(
        toys.generator(), toys.classifier(), components=3, hidden=8, seed=1
    )
    c = toys.classifier().condition(["b"]).embedding.expand(5, -1)
    drawn = translator.draw(c, SampleRng.of(0, 5)).detach()
    torch.testing.assert_close(start.values, drawn)


def test_the_best_of_a_translators_samples_has_the_lowest_energy_through_the_generator(toys):
    bright = Energy.of(Term("dark", IMAGES, lambda x, rng: -x.mean(dim=(1, 2, 3))))
    generator = toys.generator()
    one, many = (
        bright.pullback(generator)(
            translated(toys, energy=bright, candidates=m).values, SampleRng.of(0, 5)
        )
        for m in (1, 8)
    )
    assert bool((many <= one + 1e-6).all())
    assert many.mean() < one.mean()


def test_generations_lower_the_energy_of_a_translators_samples(toys):
    bright = Energy.of(Term("dark", IMAGES, lambda x, rng: -x.mean(dim=(1, 2, 3))))
    generator = toys.generator()
    before, after = (
        bright.pullback(generator)(
            translated(toys, energy=bright, candidates=16, generations=g).values,
            SampleRng.of(0, 5),
        )
        for g in (0, 3)
    )
    assert bool((after <= before + 1e-6).all())
    assert after.mean() < before.mean()


@pytest.mark.parametrize("candidates", [1, 2])
def test_no_sample_at_all_is_refused(candidates, toys):
    nobody = SampleRng.of(0, 0)
    with pytest.raises(InvalidInput, match="No sample to start"):
        from_prior(
            toys.generator(), nobody, candidates=candidates, chunking=CHUNKS, device=toys.cpu
        )
    with pytest.raises(InvalidInput, match="No sample to start"):
        translated(toys, rng=nobody, candidates=candidates)


def test_starts_without_sense_are_refused(toys):
    generator, classifier = toys.generator(), toys.classifier()
    with pytest.raises(InvalidInput, match="mode 'mean' has only one"):
        translated(toys, mode="mean", candidates=2)
    with pytest.raises(InvalidInput, match="3 generations: mode 'basis' has no candidates"):
        translated(toys, mode="basis", generations=3)
    with pytest.raises(InvalidInput, match="needs an energy"):
        translated(toys, candidates=2)
    with pytest.raises(ConditionMismatch, match="2 rows and the batch 5"):
        translated(toys, condition=classifier.condition([0, 1]))
    other = toys.generator()
    object.__setattr__(other, "id", "another-id")
    with pytest.raises(GeneratorMismatch, match="Train one for this generator"):
        translated(toys, generator=other)
    stranger = toys.classifier()
    object.__setattr__(stranger, "id", "another-id")
    with pytest.raises(ConditionMismatch, match="takes conditions of"):
        translated(toys, condition=stranger.condition([0]))
    assert generator.id == "toy-generator-id"
