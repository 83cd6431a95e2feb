"""Examples of energies for the contract tests, and the toy models that they share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..auxiliary import Classifier
from ..clip import Clip, Texts
from ..energy import Energy
from ..generator import Gaussian, Generator
from ..spaces import Block, Space

__all__ = ["EnergyExample", "MakeExample", "filled", "toy_classifier", "toy_clip", "toy_generator"]


@dataclass(frozen=True)
class EnergyExample:
    """The smallest meaningful instance of an energy.

    Attributes:
        energy: result of its builder.
        points: points of its domain, one per row of the condition.
    """

    energy: Energy
    points: Tensor


MakeExample = Callable[[], EnergyExample]


def filled(network: nn.Module, seed: int) -> nn.Module:
    """The network, frozen, with normal weights of standard deviation 0.3."""
    stream = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.3, generator=stream)
    return network.eval().requires_grad_(False)


def toy_classifier() -> Classifier:
    """Linear classifier of images of 5 by 5 pixels into three classes."""
    network = filled(nn.Sequential(nn.Flatten(), nn.Linear(75, 3)), 1)
    return Classifier("toy-classifier", "toy-f", network, ("a", "b", "c"), network, network)


def toy_clip() -> Clip:
    """Smooth CLIP for images of 7 by 7 pixels, with 6-dimensional embeddings and 6 words."""
    body = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Tanh())
    head = nn.Sequential(nn.Flatten(), nn.Linear(196, 6))
    network = filled(nn.Sequential(body, head), 3)
    words = ("red", "green", "blue", "bright", "dark", "grey")

    def texts(prompts: Sequence[str]) -> Texts:
        said = [prompt.lower().split() for prompt in prompts]
        unknown = dict.fromkeys(word for line in said for word in line if word not in words)
        rows = [[3.0 * line.count(word) + 0.5 for word in words] for line in said]
        notes = (f"Not known: {', '.join(unknown)}.",) if unknown else ()
        return Texts(torch.tensor(rows), notes)

    def stages(module: nn.Module, pixels: Tensor) -> tuple[Tensor, ...]:
        first = module.get_submodule("0")(pixels)
        return first, nn.functional.avg_pool2d(first, 2)

    return Clip(
        name="toy-clip",
        id="toy-v",
        module=network,
        embed_dim=6,
        image_size=7,
        mean=(0.5, 0.4, 0.6),
        std=(0.3, 0.2, 0.25),
        encode=lambda module, pixels: module(pixels),
        encode_texts=texts,
        stages=stages,
    )


def toy_generator() -> Generator:
    """Smooth generator of images of 5 by 5 pixels from latents in [-3, 3]^6."""
    network = filled(nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 75)), 2)
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
