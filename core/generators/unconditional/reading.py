"""Code shared by the unconditional GANs: sizes, wrapping networks, and their parity."""

import math
from collections.abc import Mapping

from torch import Tensor, nn

from ...auxiliary import Discriminator
from ...checkpoints.cache import cached
from ...checkpoints.record import Checkpoint
from ...errors import CheckpointError
from ...generator import Gaussian, Generator
from ...rng import SampleRng
from ...spaces import Block, Space
from ..beside import twin_of
from .networks.critics import ConvolutionalDiscriminator, ResidualDiscriminator
from .priors import UniformPrior

__all__ = ["critic_file", "critic_of", "first_side", "gan_of", "gan_parity"]

PAIRS = (("netG", "netD"), ("_G_", "_D_"))
"""Parts of the names of generators' files, and of their discriminators' beside them."""


def first_side(checkpoint: Checkpoint, made: int, channels: int) -> int:
    """Side of the first map, which is square.

    Args:
        checkpoint: for the message.
        made: how many numbers the first layer makes.
        channels: of the first map.

    Raises:
        CheckpointError: they are no square map of this number of channels.
    """
    side = math.isqrt(made // channels)
    if side == 0 or side**2 * channels != made:
        raise CheckpointError(
            f"{checkpoint.path.name}: its first layer makes {made} numbers, which are no square "
            f"map of the {channels} channels that the next layer takes."
        )
    return side


def critic_file(checkpoint: Checkpoint) -> Checkpoint | None:
    """The discriminator's file beside a generator's; None without one.

    Beside `netG_100000_steps.pth` it is `netD_100000_steps.pth`, beside `DCGAN_G_CIFAR_*.npz`
    `DCGAN_D_CIFAR_*.npz`.

    Raises:
        CheckpointError: it is damaged.
    """
    beside = twin_of(checkpoint.path, *PAIRS)
    return None if beside is None else cached(beside)


def critic_of(module: ResidualDiscriminator | ConvolutionalDiscriminator) -> Discriminator:
    """Wraps a discriminator of images in [-1, 1]."""
    return Discriminator(
        module,
        logits=lambda images: module(images * 2 - 1)[:, 0],
        features=lambda images: module.features(images * 2 - 1),
    )


def gan_of(
    checkpoint: Checkpoint,
    architecture: str,
    module: nn.Module,
    latent: int,
    side: int,
    *,
    licence: str,
    uniform: bool = False,
    discriminator: Discriminator | None = None,
) -> Generator:
    """Wraps a network from z to images in [-1, 1] as a Generator.

    Args:
        checkpoint: checkpoint of the network.
        architecture: id of the architecture.
        module: the network.
        latent: length of z.
        side: side of its images in pixels.
        licence: of the authors' weights.
        uniform: whether z is uniform in [-1, 1]; else it is normal.
        discriminator: the discriminator, if there is one.
    """
    block = Block("z", (latent,), -1.0, 1.0) if uniform else Block("z", (latent,))

    def render(parts: Mapping[str, Tensor], rng: SampleRng) -> Tensor:
        return (module(parts["z"]) * 0.5 + 0.5).clamp(0, 1)

    return Generator(
        name=checkpoint.path.stem,
        id=checkpoint.sha256,
        architecture=architecture,
        module=module,
        source=Space((block,)),
        prior=UniformPrior(latent) if uniform else Gaussian(latent),
        image_size=(side, side),
        render=render,
        discriminator=discriminator,
        licence=str(checkpoint.config.get("licence", licence)),
    )


def gan_parity(
    generator: nn.Module | None, critic: nn.Module | None, arrays: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Images (`img`) of latents `z`, and logits (`D`) of images (`x`, else `img`).

    Args:
        generator: network of the generator; None in a discriminator's file.
        critic: network of the discriminator, if there is one.
        arrays: the reference's arrays by name.
    """
    found: dict[str, Tensor] = {}
    if generator is not None and "z" in arrays and "img" in arrays:
        found["img"] = generator(arrays["z"])
    images = arrays.get("x", arrays.get("img"))
    if critic is not None and images is not None and "D" in arrays:
        found["D"] = critic(images).view_as(arrays["D"])
    return found
