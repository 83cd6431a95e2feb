"""Gaussian mixtures with known posteriors, and generators of their latents."""

from dataclasses import replace

import torch
from latentsteer.core.energies.example import toy_generator
from latentsteer.core.spaces import Block, Space

DISTANCE = 3.0


def generator(dim=2):
    """A toy generator of latents of any length; its id is that of the toy."""
    return replace(toy_generator(), source=Space((Block("z", (dim,)),)))


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def drawn(labels, dim=2, seed=0, distance=DISTANCE):
    """Latents N(distance e_0, I) of class 1, and N(0, I) of class 0."""
    z = normal(len(labels), dim, seed=seed)
    z[:, 0] += distance * labels
    return z


def mixed(count, share, dim=2, seed=0, distance=DISTANCE):
    """Unlabelled latents, exactly a share of which is of class 1, and their labels."""
    labels = (torch.arange(count) < round(share * count)).long()
    return drawn(labels, dim, seed, distance), labels


def posterior(z, share, distance=DISTANCE):
    """The exact probability of class 1."""
    odds = torch.tensor(share / (1 - share)).double().log()
    return (distance * z[:, 0] - distance**2 / 2 + odds).sigmoid()


CENTRES = torch.tensor([[0.0, 0.0], [2.5, 0.0], [0.0, 2.5]], dtype=torch.float64)


def three(counts, seed=0):
    """Latents of three Gaussian classes, and their labels."""
    labels = torch.arange(3).repeat_interleave(torch.tensor(counts))
    return CENTRES[labels] + normal(len(labels), 2, seed=seed), labels


def posterior_of_three(z, shares):
    """The exact probabilities of the three classes."""
    scores = z @ CENTRES.T - CENTRES.square().sum(dim=1) / 2 + torch.tensor(shares).double().log()
    return scores.softmax(dim=1)
