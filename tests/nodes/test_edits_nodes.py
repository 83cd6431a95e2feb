"""Nearest Pairs Init, Contrast Direction, Move Latents, and Basis Init with pairs, on digits."""

import pytest
import torch
from latentsteer.core.errors import ConditionMismatch, GeneratorMismatch, InvalidInput
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import Identity

OTHER = "other.safetensors"
JUDGE = "digits judge (embedded)"


@pytest.fixture
def made(graph):
    """Models, conditions and energy of two digits, and pairs."""
    made = graph.steered("3, 5", each=2)
    models = {"generator": made.generator, "auxiliary": made.classifier}
    made.pairs = graph.add("SynthesisePairs", count=200, **models)
    return made


def nearest(graph, made, **inputs):
    inputs = {"condition": made.condition, "generator": made.generator, **inputs}
    return graph.add("NearestPairsInit", pairs=made.pairs, **inputs)


def direction(graph, made, **inputs):
    single = {"samples_per_class": 1}
    wanted, instead = (
        graph.add("ClassCondition", auxiliary=made.classifier, classes=classes, **single)
        for classes in ("3", "5, 7")
    )
    inputs = {"condition": wanted, "instead": instead, "auxiliary": made.classifier, **inputs}
    return graph.add("ContrastDirection", pairs=made.pairs, generator=made.generator, **inputs)


def moved(graph, made, batch, along, **inputs):
    return graph.add("MoveLatents", batch=batch, direction=along, **inputs)


def test_the_nearest_pairs_are_starts_that_energies_and_generations_improve(graph, made, run):
    plain = nearest(graph, made)
    chosen = nearest(graph, made, energy=made.energy, candidates=16, generations=1)
    ran = run(graph)
    pairs, latents = ran[made.pairs], ran[plain]
    assert latents.samples == (0, 1, 2, 3)
    best = pairs.conditions[:, [3, 5]].argsort(dim=0, descending=True, stable=True)[:2]
    assert torch.equal(latents.values, pairs.latents[best.T.flatten()])
    assert isinstance(latents.chart, Identity)
    energy, rng = ran[made.energy].pullback(ran[made.generator]), SampleRng.of(0, 4)
    first, better = (energy(one.values, rng) for one in (latents, ran[chosen]))
    # The energy sees the same classifier: the nearest pair of all is the best of any candidates.
    assert (better <= first + 1e-6).all()


def test_a_basis_takes_the_nearest_pairs_as_candidates(graph, made, run):
    basis = graph.add(
        "BasisInit",
        generator=made.generator,
        energy=made.energy,
        condition=made.condition,
        pairs=made.pairs,
        candidates=6,
        keep=3,
    )
    ran = run(graph)
    pairs, points = ran[made.pairs], ran[[basis[0], 1]]
    known = {tuple(row) for row in pairs.latents.tolist()}
    assert len(points) == 12
    assert all(tuple(row) in known for row in points.values.tolist())
    with_pairs = ran[basis]
    middle = with_pairs.chart(with_pairs.values, SampleRng.of(0, 4))
    torch.testing.assert_close(middle, points.values.unflatten(0, (4, 3)).mean(dim=1))


def test_latents_move_along_a_direction_until_the_classifier_sees_the_wanted(graph, made, run):
    start = graph.from_prior(made)
    along = direction(graph, made)
    same = moved(graph, made, start, along, strength=2.0)
    models = {"generator": made.generator, "auxiliary": made.classifier}
    own = moved(graph, made, start, along, mode="smallest", strength=8.0, **models)
    ran = run(graph)
    found = ran[along]
    before = ran[start].values
    torch.testing.assert_close(ran[same].values, before + 2 * found.unit * found.vector)
    assert "effective pairs" in str(ran.ui(along))
    lines = str(ran.ui(own))
    assert lines.count("strength") == 4
    assert "sample 3" in lines
    steps = (ran[own].values - before) @ found.vector / found.unit
    assert (steps > -1e-4).all()
    assert (steps < 8.001).all()


def test_samples_move_by_what_each_shows(graph, made, run):
    start = graph.from_prior(made)
    plain, own = direction(graph, made), direction(graph, made, per_sample=True, keep=1.0)
    models = {"generator": made.generator, "auxiliary": made.classifier}
    along, each = (
        moved(graph, made, start, one, mode="smallest", strength=8.0, **models)
        for one in (plain, own)
    )
    same = moved(graph, made, start, own, strength=2.0)
    ran = run(graph)
    assert ran[plain].goals == ()
    assert len(ran[own].goals) == 2
    # One strength for all is the mean difference, with goals or without.
    assert torch.equal(ran[own].vector, ran[plain].vector)
    expected = ran[start].values + 2 * ran[plain].unit * ran[plain].vector
    torch.testing.assert_close(ran[same].values, expected)
    # Each sample has one more way than before, so none reaches the wanted less often.
    lost = [str(ran.ui(one)).count("not reached") for one in (along, each)]
    assert lost[1] <= lost[0]
    assert not torch.equal(ran[each].values, ran[along].values)


def test_what_does_not_fit_is_refused(graph, made, fault):
    start = graph.from_prior(made)
    along = direction(graph, made)
    moved(graph, made, start, along, mode="smallest")
    assert "Connect the generator and the auxiliary" in fault(graph, InvalidInput)


def test_a_direction_needs_the_auxiliary_of_its_texts(graph, made, fault):
    judge = graph.add("LoadAuxModel", file=JUDGE)
    direction(graph, made, auxiliary=judge)
    assert "was given" in fault(graph, ConditionMismatch)


def test_pairs_of_another_generator_are_refused(graph, made, fault):
    other = graph.add("LoadGenerator", file=OTHER)
    nearest(graph, made, generator=other)
    assert "Make pairs with" in fault(graph, GeneratorMismatch)


def test_more_samples_than_pairs_are_refused(graph, made, fault):
    one = graph.add("ClassCondition", auxiliary=made.classifier, classes="3", samples_per_class=1)
    nearest(graph, made, condition=one, samples=201)
    assert "there are 200" in fault(graph, InvalidInput)


def test_pairs_of_a_basis_need_a_condition(graph, made, fault):
    models = {"generator": made.generator, "energy": made.energy, "pairs": made.pairs}
    graph.add("BasisInit", candidates=6, keep=3, samples=4, **models)
    assert "Pairs are connected without a condition" in fault(graph, InvalidInput)
