"""Images, and values of energies at them, for the tests of KRR flow's conditions."""

import torch
from latentsteer.core.rng import SampleRng


def pictures(count, side=16, seed=0):
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(seed))


def values(energy, images):
    return energy(images, SampleRng.of(0, len(images)))
