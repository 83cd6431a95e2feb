"""Compositions that are equal in any batch, and the numbers of their placements."""

import pytest
import torch
from latentsteer.core.composition.compose import Composer
from latentsteer.core.composition.job import CompositionJob
from latentsteer.core.composition.placement import SCALES, Placement, placements
from latentsteer.core.composition.poisson import poisson_blend

from .places import BATCH, FIXED, equal_in_any_batch, telling, telling_generator

pytestmark = pytest.mark.bits


def test_compositions_of_any_placements(toys):
    generator = telling_generator(toys)
    values = toys.normal(BATCH, 12), toys.normal(BATCH, 12, seed=1)

    def composed(samples, tried):
        job = CompositionJob(
            generator=generator,
            energy=telling(),
            features=None,
            steps=2,
            seed=3,
            chunking=FIXED,
            device=toys.cpu,
            placements=tried,
        )
        front, back = (toys.latents(generator, own[samples], samples) for own in values)
        return Composer(job, front, back).run()

    whole = composed([0, 1, 2, 3], placements())
    for samples, tried in (
        ([2], placements()),
        ([3, 1], placements([0.5], "centre")),
        ([0, 2], placements([0.5])),
        ([1], placements([0.65, 0.3], "top left")),
    ):
        some = composed(samples, tried)
        for column, placement in enumerate(tried):
            if placement not in placements():
                continue
            there = placements().index(placement)
            own, among = (
                found.all_images.unflatten(0, (-1, found.energies.shape[1]))
                for found in (some, whole)
            )
            assert torch.equal(own[:, column], among[samples, there])
            assert torch.equal(some.energies[:, column], whole.energies[samples, there])


def test_runs_of_the_papers_placements_fill_their_chunks(toys):
    generator = toys.generator()
    for samples, tried in ((4, placements([0.5])), (2, placements()), (8, placements()[:1])):
        job = CompositionJob(
            generator, telling(), None, 1, 0, FIXED, toys.cpu, placements=tuple(tried)
        )
        front = toys.latents(generator, toys.normal(samples, 12))
        names = Composer(job, front, front)._names
        assert len(set(names)) == len(names)
        assert len(FIXED.groups(names)) == -(-len(names) // 8)


def test_a_placement_has_the_same_number_whatever_others_are_tried():
    assert [placement.number for placement in placements()] == list(range(18))
    numbers = {Placement(scale, "top", "left").number for scale in (*SCALES, 0.3, 0.4)}
    assert len(numbers) == 4
    assert Placement(0.3, "top", "left").number == Placement(0.3, "top", "left").number


def test_blended_images():
    drawn = torch.Generator().manual_seed(0)
    source, target = torch.rand(2, BATCH, 3, 9, 11, generator=drawn).unbind()
    mask = torch.zeros(9, 11, dtype=torch.bool)
    mask[2:6, 3:9] = True
    equal_in_any_batch(lambda rows: (poisson_blend(source[rows], target[rows], mask),))
