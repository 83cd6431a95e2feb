"""A linear generator with its exact encoder, and few-shot conditions of its latents."""

import torch
from latentsteer.core.conditions.few_shot import FewShot
from latentsteer.core.generator import Gaussian, Generator
from latentsteer.core.spaces import Block, Space
from torch import nn

from ..diffusion.gaussian import BASE, BASE_NAME

DIM = 3
PLAIN = Space((Block("z", (DIM,)),))


def linear_generator(name=BASE_NAME, model=BASE, space=PLAIN, encoder=True):
    """Images of 2 by 2 pixels whose numbers are 0.5 + 0.1 M z, and the latents of such images."""
    matrix = torch.linalg.qr(torch.randn(12, DIM, generator=torch.Generator().manual_seed(3)))[0]
    network = nn.Linear(DIM, 12)
    with torch.no_grad():
        network.weight.copy_(0.1 * matrix)
        network.bias.fill_(0.5)
    network.requires_grad_(False)

    def render(parts, rng):
        return network(torch.cat([part.flatten(1) for part in parts.values()], dim=1)).reshape(
            -1, 3, 2, 2
        )

    def encode(images):
        return (images.flatten(1) - 0.5) @ matrix * 10

    return Generator(
        name=name,
        id=model,
        architecture="linear",
        module=network,
        source=space,
        prior=Gaussian(DIM),
        image_size=(2, 2),
        render=render,
        encoder=network if encoder else None,
        encode=encode if encoder else None,
    )


def condition_of(weight=(2.0, 0.0, 0.0), bias=-2.0, **fields):
    """r = sigmoid(weight z + bias)."""
    given = {
        "classes": ("rest", "wanted"),
        "wanted": 1,
        "weight": torch.tensor([weight]),
        "bias": torch.tensor([bias]),
        "mean": torch.zeros(len(weight)),
        "std": torch.ones(len(weight)),
        "calibration": (1.0, 0.0),
        "shares": (0.5, 0.5),
        "fitted_shares": (0.5, 0.5),
        "generator": BASE,
        "generator_name": BASE_NAME,
    }
    return FewShot(**given | fields)
