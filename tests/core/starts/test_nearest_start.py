"""Starts from pairs: which pairs a sample gets, re-ranking by energy, generations, a basis."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.chunking import Chunking
from latentsteer.core.condition import Condition
from latentsteer.core.energies.classification import classification
from latentsteer.core.errors import (
    ConditionMismatch,
    DomainMismatch,
    GeneratorMismatch,
    InvalidInput,
)
from latentsteer.core.pairs.in_memory import synthetic_pairs
from latentsteer.core.pairs.pairs import Pairs
from latentsteer.core.rng import SampleRng
from latentsteer.core.starts.basis import from_basis
from latentsteer.core.starts.nearest import candidates_of, from_pairs, pairs_of_samples

CHUNKS = Chunking(4, padded=True)
CPU = torch.device("cpu")


@pytest.fixture
def made(toys):
    """Generator, classifier and 300 pairs, latents rounded so that copies are exact."""
    generator, classifier = toys.generator(), toys.classifier()
    options = {"chunking": CHUNKS, "device": CPU}
    return generator, classifier, synthetic_pairs(generator, classifier, 300, seed=1, **options)


def started(made, condition, samples, **options):
    generator, _, pairs = made
    pairs = options.pop("pairs", pairs)
    generator = options.pop("generator", generator)
    rng = SampleRng.of(0, samples, "pairs")
    options = {"chunking": CHUNKS, "device": CPU} | options
    return from_pairs(pairs, generator, condition, rng, **options)


def order(made, letter):
    """Numbers of all pairs, most probable first."""
    _, classifier, pairs = made
    return pairs.conditions[:, classifier.classes.index(letter)].argsort(
        descending=True, stable=True
    )


def test_samples_of_one_condition_take_its_nearest_pairs_in_turns(made):
    generator, classifier, pairs = made
    start = started(made, classifier.condition(["b"]), 5)
    assert torch.equal(start.values, pairs.latents[order(made, "b")[:5]])
    assert start.chart.target == generator.source
    mixed = started(made, classifier.condition(["a", "b", "a", "c", "a"]), 5)
    a, b, c = (order(made, letter) for letter in "abc")
    wanted = torch.stack([a[0], b[0], a[1], c[0], a[2]])
    assert torch.equal(mixed.values, pairs.latents[wanted])
    table = pairs_of_samples(pairs, generator, classifier.condition(["a", "b", "a"]), 3, 2)
    assert torch.equal(table, torch.stack([a[[0, 2]], b[:2], a[[1, 3]]]))


def test_the_energy_ranks_the_best_few(made):
    _, classifier, pairs = made
    condition = classifier.condition(["b", "c"])
    # An energy that disagrees with the order of the pairs.
    energy = classification(classifier, classifier.condition(["a"]))
    start = started(made, condition, 2, energy=energy, candidates=10)
    for row, letter in enumerate("bc"):
        few = order(made, letter)[:10]
        best = few[pairs.conditions[few, 0].argmax()]
        assert torch.equal(start.values[row], pairs.latents[best])


def test_generations_continue_from_the_best_pairs(made):
    _, classifier, _ = made
    condition = classifier.condition(["b", "c"])
    energy = classification(classifier, condition)
    options = {"energy": energy, "candidates": 32}
    before = started(made, condition, 2, **options)
    after = started(made, condition, 2, generations=3, **options)
    rng = SampleRng.of(0, 2)
    pulled = energy.pullback(made[0])
    assert (pulled(after.values, rng) < pulled(before.values, rng)).all()


def test_samples_choose_diverse_pairs_on_request(made):
    _, classifier, pairs = made
    condition = classifier.condition(["b"])
    plain, diverse = (started(made, condition, 4, among=among).values for among in (0, 60))
    best = order(made, "b")[:60]
    assert torch.equal(plain[0], diverse[0])
    first, rest = pairs.conditions[best[0]], pairs.conditions[best]
    farthest = best[(rest - first).norm(dim=1).argmax()]
    assert torch.equal(diverse[1], pairs.latents[farthest])


def test_pairs_make_the_basis_of_fusedream(made):
    generator, classifier, pairs = made
    condition = classifier.condition(["b", "c", "b"])
    table = pairs_of_samples(pairs, generator, condition, 3, 8)
    options = {
        "energy": classification(classifier, condition),
        "candidates": 8,
        "keep": 3,
        "draw": candidates_of(pairs, table, generator, CPU),
        "chunking": CHUNKS,
        "device": CPU,
    }
    start, found = from_basis(generator, SampleRng.of(0, 3, "basis"), **options)
    # The energy is the negated score, so the best of the eight come first in their order.
    assert found.numbers.tolist() == [[0, 1, 2]] * 3
    assert torch.equal(found.points, pairs.latents[table[:, :3]])
    torch.testing.assert_close(
        start.chart(start.values, SampleRng.of(0, 3)), pairs.latents[table[:, :3]].mean(dim=1)
    )
    with pytest.raises(InvalidInput, match="have classes of their own"):
        from_basis(generator, SampleRng.of(0, 3), classes="gaussian", **options)


def test_what_does_not_fit_is_refused(made, toys):
    _, classifier, pairs = made
    one = classifier.condition(["b"])
    with pytest.raises(InvalidInput, match=r"7 samples .* 50 pairs each need 350 pairs; there"):
        started(made, one, 7, candidates=50, energy=classification(classifier, one))
    with pytest.raises(InvalidInput, match="No sample"):
        started(made, one, 0)
    with pytest.raises(InvalidInput, match="needs an energy"):
        started(made, one, 2, candidates=3)
    with pytest.raises(ConditionMismatch, match="2 rows and the batch 3"):
        started(made, classifier.condition(["a", "b"]), 3)
    empty = Pairs(pairs.latents[:0], pairs.conditions[:0], pairs.generator, pairs.auxiliary)
    with pytest.raises(InvalidInput, match="There are no pairs"):
        started(made, one, 1, pairs=empty)
    other = Pairs(pairs.latents, pairs.conditions, "another", pairs.auxiliary)
    with pytest.raises(
        GeneratorMismatch, match=r"of another generator \(another\) than the start"
    ):
        started(made, one, 1, pairs=other)
    narrow = Pairs(pairs.latents[:, :5], pairs.conditions, pairs.generator, pairs.auxiliary)
    with pytest.raises(DomainMismatch, match=r"latents have 5 numbers; generator 'toy' takes z"):
        started(made, one, 1, pairs=narrow)
    text = Condition(toys.normal(1, 3), ("text",), "a-clip", "a CLIP")
    with pytest.raises(
        ConditionMismatch, match=r"of another auxiliary .*Make pairs with 'a CLIP'"
    ):
        started(made, text, 1)


def shares(made, start, numbers):
    """Weights of the given pairs in starts, by least squares."""
    _, _, pairs = made
    points = pairs.latents[numbers].double()
    return torch.linalg.lstsq(points.T, start.values.double().T).solution.T


def test_sums_are_of_distinct_near_pairs_with_weights_of_unit_norm(made):
    _, classifier, _ = made
    start = started(made, classifier.condition(["b"]), 200, mixed=2, among=4)
    found = shares(made, start, order(made, "b")[:4])
    used = found.abs() > 1e-4
    free = (start.values.abs() < 3).all(dim=1)
    assert int(free.sum()) > 40
    assert bool((used[free].sum(dim=1) == 2).all())
    assert bool(used[free].any(dim=0).all())
    torch.testing.assert_close(found[free].norm(dim=1), torch.ones(int(free.sum())).double())
    assert float(found[free][used[free]].min()) > 0.3
    assert len(start.values.unique(dim=0)) == 200


def test_where_the_prior_is_not_normal_weights_add_up_to_one(made):
    generator, classifier, _ = made

    class Uniform:
        log_density = None

        def sample(self, rng, like):
            return 6 * rng.uniform(6, like=like) - 3

    other = replace(generator, prior=Uniform())
    start = started(made, classifier.condition(["b"]), 8, mixed=3, among=4, generator=other)
    found = shares(made, start, order(made, "b")[:4])
    torch.testing.assert_close(found.sum(dim=1), torch.ones(8).double())


def test_the_energy_chooses_among_sums_and_a_batch_equals_its_members(made):
    _, classifier, _ = made
    condition = classifier.condition(["b", "c", "b"])
    energy = classification(classifier, condition)
    generator = made[0]

    def loss(start):
        pulled = energy.pullback(generator)
        return pulled.readings(start.values, SampleRng.of(0, 3, "test"), CHUNKS)["energy"]

    one = started(made, condition, 3, mixed=2)
    best = started(made, condition, 3, mixed=2, energy=energy, candidates=12)
    assert bool((loss(best) <= loss(one)).all())
    assert float(loss(best).sum()) < float(loss(one).sum())
    alone = started(
        made,
        classifier.condition(["b"]),
        1,
        mixed=2,
        energy=classification(classifier, classifier.condition(["b"])),
        candidates=12,
    )
    assert torch.equal(alone.values[0], best.values[0])


@pytest.mark.parametrize(("mixed", "among"), [(0, 0), (5, 4), (25, 0)])
def test_impossible_sums_are_refused(made, mixed, among):
    with pytest.raises(InvalidInput, match=f"Sums of {mixed}"):
        started(made, made[1].condition(["b"]), 1, mixed=mixed, among=among)
