"""Runs in a row on the toy generator, shared by the tests of a latent's history."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.chunking import ALL_AT_ONCE
from latentsteer.core.generator import Gaussian
from latentsteer.core.refine.refinement import refine
from latentsteer.core.refine.rules import Langevin
from latentsteer.core.spaces import Block, Space

COUNT = 150
LAMBDA = 0.05
DIM = 12
FEW, WIDE = COUNT // 10, DIM * 10
"""Samples and numbers of each: as many draws, from a tenth of the streams."""


@pytest.fixture
def flat(toys):
    return toys.energy_of(lambda z: 0 * z.sum(dim=1), toys.generator().source, "flat")


@pytest.fixture
def job(toys, flat):
    """Langevin steps of noise alone, all samples at once."""
    rule = Langevin(step_size=LAMBDA, inverse_temperature=1, momentum=0)

    def make(**changes):
        usual = {"energy": flat, "rule": rule, "chunking": ALL_AT_ONCE, "clamp": False}
        return toys.job(**{**usual, **changes})

    return make


@pytest.fixture
def begun(toys):
    def make(count=COUNT, **changes):
        return toys.latents(toys.generator(), torch.zeros(count, DIM), **changes)

    return make


@pytest.fixture
def wide(toys):
    """A generator of latents with many numbers, which no test renders."""
    source = Space((Block("z", (WIDE,)),))
    return replace(toys.generator(), source=source, prior=Gaussian(WIDE))


def chained(job, latents, runs):
    for _ in range(runs):
        latents, _ = refine(job, latents)
    return latents


def correlation(a, b):
    return float((a * b).sum() / (a.norm() * b.norm()))


def margin(count, dim=DIM):
    """Four standard errors of a correlation of independent draws."""
    return 4 / (count * dim) ** 0.5
