"""Energies with coupled samples, evaluated in chunks."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.charts import MixtureOfBasis
from latentsteer.core.chunking import ALL_AT_ONCE, Chunking
from latentsteer.core.energies.prior import prior_energy
from latentsteer.core.energy import Energy
from latentsteer.core.features import feature_map
from latentsteer.core.krr.flow import krr_flow
from latentsteer.core.krr.settings import FlowSettings
from latentsteer.core.refine.kernel import Annealed, FieldValue, descend, gradient_by_term
from latentsteer.core.refine.rules import Descent
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import IMAGES
from latentsteer.core.terms import Term

COUNT = 7
CHUNKS = [Chunking(3, padded=True), Chunking(2, padded=False)]


def flow_energy(toys):
    flow = krr_flow(
        FlowSettings(eta=0.5),
        feature_map(toys.classifier(torch.float64)),
        steps=3,
        image_size=(8, 8),
        chunking=ALL_AT_ONCE,
    )
    return flow.energy


def noisy(toys):
    """A generator that draws from the streams."""
    plain = toys.generator(torch.float64)

    def render(parts, rng):
        return (plain.render(parts, rng) + 0.1 * rng.normal(3, 8, 8, like=parts["z"])).clamp(0, 1)

    return replace(plain, render=render)


def pulled(toys, kind):
    generator = noisy(toys) if kind == "stochastic" else toys.generator(torch.float64)
    energy = flow_energy(toys) + 0.3 * prior_energy(generator)
    found = energy.pullback(generator)
    if kind == "basis":
        found = found.pullback(MixtureOfBasis(generator.source, 2, ("z",)))
    return found


@pytest.mark.bits
@pytest.mark.parametrize("chunking", CHUNKS)
@pytest.mark.parametrize("kind", ["plain", "stochastic", "basis"])
def test_decoupled_energies_are_exact_along_all_maps(kind, chunking, toys):
    energy = pulled(toys, kind)
    dim = 48 if kind == "basis" else 12
    z = toys.normal(COUNT, dim, dtype=torch.float64)
    whole = gradient_by_term(energy, ALL_AT_ONCE)(z, SampleRng.of(0, COUNT))
    streams = SampleRng.of(0, COUNT)
    parts = gradient_by_term(energy, chunking)(z, streams)
    assert float(whole.vector.norm(dim=1).min()) > 0.1
    assert torch.allclose(parts.vector, whole.vector, atol=1e-8)
    assert torch.allclose(parts.energy, whole.energy, atol=1e-8)
    assert tuple(parts.terms) == energy.names()
    # The streams end in the state after one evaluation.
    once = SampleRng.of(0, COUNT)
    gradient_by_term(energy, ALL_AT_ONCE)(z, once)
    assert torch.equal(streams.state(), once.state())
    found = energy.readings(z, SampleRng.of(0, COUNT), chunking)
    assert torch.allclose(found["energy"], whole.energy.float(), atol=1e-5)


def test_what_cannot_be_decoupled_is_still_seen_all_at_once(toys):
    sizes = []

    def spread(v, rng):
        sizes.append(len(v))
        return (v - v.mean(dim=0)).square().sum(dim=1)

    space = toys.vectors(3)
    energy = Energy.of(Term("spread", space, spread, coupled=True))
    gradient_by_term(energy, Chunking(2, padded=True))(toys.normal(5, 3), SampleRng.of(0, 5))
    assert sizes == [5]


def test_energies_that_are_not_coupled_are_seen_once(toys):
    seen = []

    def square(v, rng):
        seen.append(len(v))
        return v.square().sum(dim=1)

    energy = Energy.of(Term("square", toys.vectors(3), square))
    gradient_by_term(energy, Chunking(2, padded=False))(toys.normal(5, 3), SampleRng.of(0, 5))
    assert seen == [2, 2, 1]


def test_terms_of_one_label_are_numbered(toys):
    one = toys.energy_of(lambda v: v[:, 0], toys.vectors(2), "one")
    two = toys.energy_of(lambda v: v[:, 1], toys.vectors(2), "one 2")
    assert (one + one + two + one).names() == ("one", "one 2", "one 2 2", "one 3")
    seen = gradient_by_term(2.0 * one + two, ALL_AT_ONCE)(torch.ones(3, 2), SampleRng.of(0, 3))
    assert torch.equal(seen.energy, 3 * torch.ones(3))
    assert torch.equal(seen.terms["one"], torch.ones(3))


def test_an_annealed_field_is_that_of_its_step():
    field = Annealed(lambda step: lambda v, rng: FieldValue(torch.full_like(v, step), v[:, 0]))
    kernel = descend(field, Descent(step_size=1.0))
    state = kernel.init(torch.zeros(2, 1))
    for _ in range(4):
        state, info = kernel.step(state, SampleRng.of(0, 2))
    assert float(state.position[0, 0]) == -(0 + 1 + 2 + 3)
    assert info.terms == {}


def test_parts_that_do_not_change_are_the_same_at_every_step(toys):
    energy = flow_energy(toys) + Energy.of(Term("flat", IMAGES, lambda v, rng: v.sum((1, 2, 3))))
    (_, first), (_, second) = energy.at(1).terms
    assert first.step == 1
    assert second is energy.terms[1][1]
