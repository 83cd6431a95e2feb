"""Layers and initial weights of the denoisers."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ..errors import InvalidInput
from ..rng import stream_of

__all__ = ["check_sizes", "draw_weights", "grouped", "time_waves", "zero_weights"]

LONGEST = 10000.0
"""Longest period of the embedding of times, as in DDPM."""
GROUP = 32
"""Largest number of groups of a normalisation."""


def time_waves(t: Int[Tensor, " batch"], size: int, like: Tensor) -> Float[Tensor, "batch size"]:
    """Returns DDPM's embedding of times: sines, then cosines of falling frequencies.

    Args:
        t: times.
        size: even number of waves.
        like: tensor with the float type.
    """
    half = size // 2
    powers = torch.arange(half, device=t.device, dtype=torch.float32) / max(half - 1, 1)
    angles = t.float()[:, None] * torch.exp(-math.log(LONGEST) * powers)
    return torch.cat([angles.sin(), angles.cos()], dim=1).to(like.dtype)


def grouped(channels: int) -> nn.GroupNorm:
    """Makes a group normalisation of as many groups as divide the channels, at most 32."""
    return nn.GroupNorm(math.gcd(GROUP, channels), channels)


def check_sizes(**sizes: int) -> None:
    """Checks the sizes of a network.

    Raises:
        InvalidInput: a size below 1, or an odd number of waves.
    """
    for name, size in sizes.items():
        if size < 1:
            raise InvalidInput(f"Denoiser {name} {size}; expected at least 1.")
        if name == "waves" and size % 2:
            raise InvalidInput(f"Denoiser waves {size} of the time; expected an even number.")


@torch.no_grad()
def draw_weights(network: nn.Module, seed: int | None, name: str = "denoiser") -> None:
    """Draws PyTorch's initial weights of an undrawn network from a stream.

    Args:
        network: network of linear layers, convolutions and normalisations.
        seed: seed of the stream; None for weights that are loaded afterwards, which stay undrawn.
        name: its name.
    """
    if seed is None:
        return
    stream = stream_of(seed, name)
    for layer in network.modules():
        if isinstance(layer, nn.GroupNorm | nn.BatchNorm2d):
            layer.reset_parameters()
        elif isinstance(layer, nn.Linear | nn.Conv2d):
            bound = layer.weight[0].numel() ** -0.5
            nn.init.uniform_(layer.weight, -bound, bound, generator=stream)
            if layer.bias is not None:
                nn.init.uniform_(layer.bias, -bound, bound, generator=stream)


@torch.no_grad()
def zero_weights(layer: nn.Module) -> None:
    """Sets the weights of a layer to 0."""
    for number in layer.parameters(recurse=False):
        number.zero_()
