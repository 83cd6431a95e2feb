"""Diffusion models and VAEs that a host has loaded, as generators of images from noise.

A model of one to four steps is a pushforward generator: G(z) = decode(sample(z)), with z ~ N(0, I)
the noise that the sampler starts from (ReNO, arXiv 2406.04312). This module knows no host: it gets
the two networks as functions, each with a context in which its network is ready.
"""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..charts import Start
from ..errors import InvalidInput
from ..generator import Gaussian, Generator
from ..rng import SampleRng
from ..spaces import Block, Identity, Space

__all__ = [
    "NOISE",
    "HostPart",
    "HostPipeline",
    "host_generator",
    "noise_of",
    "noise_start",
    "staged",
]

HOST = "host"
"""Architecture of these generators."""
NOISE = "noise"
"""Block of the noise that a sampler starts from; `noise 2` and so on are drawn on the way."""


@dataclass(frozen=True)
class HostPart:
    """A function through one of the host's networks.

    Attributes:
        run: differentiable function of tensors, row by row.
        resident: context in which the network is alone on the device and ready for gradients, for
            work in stages.
    """

    run: Callable[..., Tensor]
    resident: Callable[[], contextlib.AbstractContextManager[None]]


@dataclass(frozen=True)
class HostPipeline:
    """A host's sampler and VAE, with all their settings fixed.

    Attributes:
        name: display name.
        id: digest of the networks and of all settings, a `ModelId`.
        shape: shape of the noise of a sample, (channels, height, width) or (channels, 1, height,
            width).
        image_size: (height, width) of the images in pixels.
        module: stand-in without parameters, by which the host finds the networks.
        sample: maps standard normal noise (batch, *shape), and that of every draw on the way, to
            the VAE's latents; None where the noise is scaled by `decode` itself.
        decode: maps latents to images in [0, 1], (batch, 3, height, width).
        block: name of the block of the noise; another one where z is no noise.
        draws: number of noises drawn on the way that are part of z; 0 where they are fixed.
        encode: maps images in [0, 1] to noise (batch, *shape), if there is such a map.
        staged: whether each network is to be resident alone, asked at every call.
    """

    name: str
    id: str
    shape: tuple[int, ...]
    image_size: tuple[int, int]
    module: nn.Module
    sample: HostPart | None
    decode: HostPart
    block: str = NOISE
    draws: int = 0
    encode: Callable[[Tensor], Tensor] | None = None
    staged: Callable[[], bool] = lambda: False


def host_generator(pipeline: HostPipeline) -> Generator:
    """Returns the generator G(z) = decode(sample(z)), with z ~ N(0, I).

    Args:
        pipeline: the host's functions.
    """
    names = [pipeline.block, *(f"{NOISE} {number + 2}" for number in range(pipeline.draws))]
    space = Space(tuple(Block(name, pipeline.shape) for name in names))
    parts = [part for part in (pipeline.sample, pipeline.decode) if part is not None]

    def render(blocks: Mapping[str, Tensor], rng: SampleRng) -> Tensor:
        values = tuple(blocks[name] for name in names)
        for part in parts:
            run = staged(part) if pipeline.staged() else part.run
            values = (run(*values),)
        return values[0]

    def encode(images: Tensor) -> Tensor:
        assert pipeline.encode is not None
        return pipeline.encode(images).flatten(1)

    return Generator(
        name=pipeline.name,
        id=pipeline.id,
        architecture=HOST,
        module=pipeline.module,
        source=space,
        prior=Gaussian(space.dim),
        image_size=pipeline.image_size,
        render=render,
        encoder=None if pipeline.encode is None else pipeline.module,
        encode=None if pipeline.encode is None else encode,
    )


class _Staged(torch.autograd.Function):
    """A function that is computed again for its gradient, with its network resident."""

    @staticmethod
    def forward(ctx: Any, part: HostPart, *values: Tensor) -> Tensor:  # noqa: ANN401
        ctx.part = part
        ctx.save_for_backward(*values)
        with part.resident(), torch.no_grad():
            return part.run(*values)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:  # noqa: ANN401
        leaves = [value.detach().requires_grad_() for value in ctx.saved_tensors]
        with ctx.part.resident(), torch.enable_grad():
            found = torch.autograd.grad(ctx.part.run(*leaves), leaves, grads)
        return None, *found


def staged(part: HostPart) -> Callable[..., Tensor]:
    """Returns the function of a part with the chain rule in stages.

    Its network has to be on the device only within the function and within its own step of
    back-propagation, for one more evaluation. Values and gradients are those of the function
    itself to the bit, if its evaluations repeat.
    """
    return lambda *values: _Staged.apply(part, *values)


def noise_start(generator: Generator, noise: Float[Tensor, "batch ..."]) -> Start:
    """Returns a host's noise tensor as a start of a generator's latents.

    Args:
        generator: from `host_generator`, with fixed noise on the way.
        noise: standard normal noise, (batch, *shape of the latents).

    Raises:
        InvalidInput: the generator is of another kind, or the noise of another shape.
    """
    block = _noise_block(generator)
    if tuple(noise.shape[1:]) != block.shape:
        raise InvalidInput(
            f"The noise has the shape {list(noise.shape[1:])} for each sample; {generator.name!r} "
            f"takes {list(block.shape)}. Use the size of the generator."
        )
    return Start(noise.flatten(1).float(), Identity(generator.source))


def noise_of(
    generator: Generator, latents: Float[Tensor, "batch dim"]
) -> Float[Tensor, "batch ..."]:
    """Returns plain latents of a generator as a host's noise tensor, (batch, *shape).

    Args:
        generator: from `host_generator`, with fixed noise on the way.
        latents: its latents.

    Raises:
        InvalidInput: the generator is of another kind.
    """
    return generator.source.split(latents)[_noise_block(generator).name]


def _noise_block(generator: Generator) -> Block:
    block, *others = generator.source.blocks
    if generator.architecture != HOST or block.name != NOISE or others:
        raise InvalidInput(
            f"{generator.name!r} takes {generator.source}, not the noise of a sampler alone. Make "
            "the generator by Generator from Model, with noise_on_the_way = fixed."
        )
    return block
