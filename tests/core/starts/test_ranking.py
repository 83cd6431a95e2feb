"""The best of many samples."""

import pytest
import torch
from latentsteer.core.chunking import Chunking
from latentsteer.core.energy import Energy
from latentsteer.core.errors import GeneratorMismatch, InvalidInput
from latentsteer.core.latents import Latents
from latentsteer.core.spaces import Identity
from latentsteer.core.starts.ranking import ranked
from latentsteer.core.terms import Term

CPU = torch.device("cpu")
CHUNKING = Chunking(3, padded=True)


@pytest.fixture
def case(toys):
    generator = toys.generator()
    values = torch.zeros(6, 12)
    values[:, 0] = torch.tensor([3.0, 1.0, 2.0, -1.0, -3.0, -2.0])
    chart = Identity(generator.source)
    latents = Latents(values, chart, generator.id, generator.name, tuple(range(10, 16)))
    energy = Energy.of(Term("first", generator.source, lambda v, rng: v[:, 0]))
    return generator, latents, energy


def best(case, **settings):
    generator, latents, energy = case
    return ranked(latents, generator, energy, seed=0, chunking=CHUNKING, device=CPU, **settings)


def test_the_lowest_energies_come_first(case):
    found = best(case, keep=3)
    assert found.rows == (4, 5, 3)
    assert found.energies.tolist() == [-3, -2, -1]


def test_each_group_keeps_its_own(case):
    found = best(case, keep=2, groups=2)
    assert found.rows == (1, 2, 4, 5)
    assert case[1].picked(found.rows).samples == (11, 12, 14, 15)


def test_energies_that_are_not_finite_come_last(case):
    generator, latents, _ = case
    energy = Energy.of(Term("log", generator.source, lambda v, rng: v[:, 0].log()))
    found = best((generator, latents, energy), keep=3)
    assert found.rows == (1, 2, 0)


def test_what_does_not_fit_is_refused(case, toys):
    with pytest.raises(InvalidInput, match="4 groups of 6 samples"):
        best(case, keep=1, groups=4)
    with pytest.raises(InvalidInput, match="Best 4 of groups of 3"):
        best(case, keep=4, groups=2)
    generator, latents, energy = case
    other = Latents(latents.values, latents.chart, "another", "another", latents.samples)
    with pytest.raises(GeneratorMismatch):
        best((generator, other, energy), keep=1)
