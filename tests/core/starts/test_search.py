"""The search that follows the candidates: the cross-entropy method."""

import pytest
import torch
from latentsteer.core.chunking import Chunking
from latentsteer.core.errors import InvalidInput
from latentsteer.core.rng import SampleRng
from latentsteer.core.starts.candidates import best_of, from_prior
from latentsteer.core.starts.search import (
    CrossEntropySearch,
    elite_size,
    evaluations,
    generation_size,
)

CHUNKS = Chunking(4, padded=True)
LIKE = torch.empty(0)
DIM = 8


def draw(rng):
    return rng.normal(DIM, like=LIKE)


def far(toys):
    """The squared distance to a point that is unlikely under the prior."""
    return toys.energy_of(lambda v: (v - 2).square().sum(dim=1), toys.vectors(DIM))


def found(toys, candidates, generations, samples=20, **inputs):
    rng = SampleRng.of(0, samples)
    settings = {"generations": generations} | inputs
    return best_of(draw, far(toys), candidates, rng, CHUNKS, **settings)


def test_generations_find_what_as_many_candidates_do_not(toys):
    """64 + 16 x 16 evaluations against 320: a margin of a half, where the energy begins at 40."""
    assert evaluations(64, 16) == 320
    energy, rng = far(toys), SampleRng.of(0, 20)
    searched, drawn = energy(found(toys, 64, 16), rng), energy(found(toys, 320, 0), rng)
    assert searched.mean() < 0.5 * drawn.mean()


def test_more_generations_are_never_worse(toys):
    energy, rng = far(toys), SampleRng.of(0, 20)
    before = energy(found(toys, 16, 0), rng)
    for generations in (1, 2, 5):
        after = energy(found(toys, 16, generations), rng)
        assert bool((after <= before).all())
        assert after.mean() < before.mean()
        before = after


@pytest.mark.bits
def test_a_sample_alone_is_searched_as_in_a_batch(toys):
    batch = found(toys, 16, 3, samples=6)
    for number in (0, 5):
        alone = found(toys, 16, 3, samples=[number])
        assert torch.equal(alone[0], batch[number])


def test_every_judgement_is_reported(toys):
    reported = []
    found(toys, 16, 3, samples=2, report=reported.append)
    assert reported == list(range(1, evaluations(16, 3) + 1))
    assert reported[-1] == 16 + 3 * 4


def test_generations_stay_within_the_bounds(toys):
    generator = toys.generator(bound=1.0)
    outward = toys.energy_of(lambda v: -v.abs().sum(dim=1), generator.source)
    start = from_prior(
        generator,
        SampleRng.of(0, 5),
        energy=outward,
        candidates=16,
        generations=4,
        chunking=CHUNKS,
        device=toys.cpu,
    )
    assert float(start.values.abs().max()) == 1


def test_points_without_a_finite_energy_never_win(toys):
    energy = toys.energy_of(
        lambda v: torch.where(v[:, 0] < 0, torch.nan, -v[:, 1]), toys.vectors(DIM)
    )
    rng = SampleRng.of(0, 10)
    assert bool((best_of(draw, energy, 64, rng, CHUNKS, generations=3)[:, 0] >= 0).all())
    hopeless = toys.energy_of(lambda v: v[:, 0] * torch.nan, toys.vectors(DIM))
    assert bool(best_of(draw, hopeless, 16, rng, CHUNKS, generations=2).isfinite().all())


def test_an_elite_keeps_the_best_and_of_equals_the_earlier():
    one = CrossEntropySearch(torch.tensor([[[0.0], [1.0]]]), torch.tensor([[1.0, 3.0]]))
    other = CrossEntropySearch.of(torch.tensor([[2.0]]), torch.tensor([3.0]))
    kept = one.joined(other, 2)
    assert kept.energies.tolist() == [[1, 3]]
    assert kept.points.tolist() == [[[0], [1]]]
    better = kept.joined(CrossEntropySearch.of(torch.tensor([[4.0]]), torch.tensor([-1.0])), 2)
    assert better.points.tolist() == [[[4], [0]]]
    assert better.best.tolist() == [[4]]


def test_the_next_points_have_the_elites_mean_and_deviation():
    """Over 4,000 draws: within four standard errors."""
    points = torch.randn(1, 10, DIM, generator=torch.Generator().manual_seed(0)) * 3 + 5
    elite = CrossEntropySearch(points.expand(4000, -1, -1), torch.zeros(4000, 10))
    drawn = elite.draw(SampleRng.of(0, 4000))
    deviation = points[0].std(dim=0)
    error = 4 * deviation / 4000**0.5
    assert bool(((drawn.mean(dim=0) - points[0].mean(dim=0)).abs() < error).all())
    assert bool(((drawn.std(dim=0) - deviation).abs() < error).all())


@pytest.mark.parametrize(
    ("candidates", "elite", "members"), [(16, 4, 4), (79, 7, 19), (400, 40, 100)]
)
def test_sizes_follow_from_the_candidates(candidates, elite, members):
    assert elite_size(candidates) == elite
    assert generation_size(candidates) == members


def test_a_search_without_sense_is_refused(toys):
    with pytest.raises(InvalidInput, match=r"begin from 15 candidates; at least 16 are needed"):
        found(toys, 15, 1)
    with pytest.raises(InvalidInput, match="-1 generations; expected 0"):
        found(toys, 16, -1)
