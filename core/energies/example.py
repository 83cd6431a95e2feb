"""What the contract tests need of an energy, and the toys that the energies' examples share."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..auxiliary import Classifier
from ..energy import Energy
from ..generator import Gaussian, Generator
from ..spaces import Block, Space

__all__ = ["EnergyExample", "MakeExample", "toy_classifier", "toy_generator"]


@dataclass(frozen=True)
class EnergyExample:
    """The smallest meaningful instance of an energy.

    Attributes:
        energy: as its builder makes it.
        points: a few points of its domain, with a row of the condition each.
    """

    energy: Energy
    points: Tensor


MakeExample = Callable[[], EnergyExample]


def _filled(network: nn.Module, seed: int) -> nn.Module:
    stream = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.3, generator=stream)
    return network.eval().requires_grad_(False)


def toy_classifier() -> Classifier:
    """A linear classifier of images of 5 by 5 pixels into three classes."""
    network = _filled(nn.Sequential(nn.Flatten(), nn.Linear(75, 3)), 1)
    return Classifier("toy-classifier", "toy-f", network, ("a", "b", "c"), network, network)


def toy_generator() -> Generator:
    """A smooth generator of images of 5 by 5 pixels from latents in [-3, 3]^6."""
    network = _filled(nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 75)), 2)
    return Generator(
        name="toy-generator",
        id="toy-g",
        architecture="toy",
        module=network,
        source=Space((Block("z", (6,), -3.0, 3.0),)),
        prior=Gaussian(6),
        image_size=(5, 5),
        render=lambda parts, rng: network(parts["z"]).sigmoid().reshape(-1, 3, 5, 5),
    )
