"""Cheap models for pairs: linear maps whose images have 2 by 2 pixels."""

from dataclasses import dataclass

import torch
from latentsteer.core.chunking import Chunking
from latentsteer.core.generator import Gaussian, Generator
from latentsteer.core.pairs.synthesis import Synthesis
from latentsteer.core.spaces import Block, Space
from torch import nn

CPU = torch.device("cpu")
FIXED = Chunking(4, padded=True)
DIM = 3


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def of_space(space):
    """A generator with the id `g` and a Gaussian prior whose images are never asked for."""
    prior = Gaussian(space.dim)
    return Generator(
        "toy", "g", "toy", nn.Identity(), space, prior, (1, 1), lambda parts, rng: None
    )


def generator(prior=None, name="toy", dim=DIM, spoilt=(), calls=None):
    """An image depends on its row's place in the chunk; latents above `spoilt` give NaN."""
    mixing = torch.arange(dim * 12, dtype=torch.float32).reshape(dim, 12).sin()

    def render(parts, rng):
        if calls is not None:
            calls.append(len(rng))
        z = next(iter(parts.values()))
        place = torch.arange(len(z))[:, None] * 1e-3
        images = (z @ mixing + place).sigmoid()
        for limit in spoilt:
            images = torch.where(z[:, :1] > limit, torch.nan, images)
        return images.reshape(-1, 3, 2, 2)

    return Generator(
        name=name,
        id=f"{name}-id",
        architecture="toy",
        module=nn.Identity(),
        source=Space((Block("z", (dim,)),)),
        prior=prior or Gaussian(dim),
        image_size=(2, 2),
        render=render,
    )


@dataclass(frozen=True)
class Seen:
    """Auxiliary: `width` sums of the pixels, times a factor."""

    name: str = "toy f"
    embed_dim: int = 5
    factor: float = 1.0

    @property
    def id(self):
        return f"{self.name}-id"

    @property
    def modules(self):
        return ()

    def embed(self, images):
        weights = torch.arange(12.0 * self.embed_dim).reshape(12, -1).cos() * self.factor
        return images.flatten(1) @ weights


def source(*auxiliaries, seed=7, chunking=FIXED, balanced=False, noise=0.0, **changes):
    made = changes.pop("generator", None) or generator(**changes)
    return Synthesis(made, auxiliaries or (Seen(),), seed, chunking, CPU, balanced, noise)
