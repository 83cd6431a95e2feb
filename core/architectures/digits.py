"""The digits GAN of the zoo."""

from collections.abc import Mapping

from torch import Tensor

from ..auxiliary import Discriminator
from ..checkpoints import Checkpoint
from ..detection import Architecture, Example, all_of, load_network
from ..generator import Gaussian, Generator
from ..images import grey, three_channels
from ..networks.digits import DigitsDiscriminator, DigitsGenerator
from ..rng import SampleRng
from ..spaces import Block, Space

__all__ = ["GENERATOR"]


def _load(checkpoint: Checkpoint) -> Generator:
    tensors = checkpoint.tensors
    latent_dim = tensors["generator.project.weight"].shape[1]
    network = load_network(
        DigitsGenerator(latent_dim, tensors["generator.image.weight"].shape[1]),
        checkpoint,
        "generator.",
    )
    opponent = load_network(
        DigitsDiscriminator(tensors["discriminator.conv14.weight"].shape[0]),
        checkpoint,
        "discriminator.",
    )

    def render(parts: Mapping[str, Tensor], rng: SampleRng) -> Tensor:
        return three_channels(network(parts["z"]) * 0.5 + 0.5)

    return Generator(
        name=checkpoint.path.stem,
        id=checkpoint.sha256,
        architecture=GENERATOR.id,
        module=network,
        source=Space((Block("z", (latent_dim,)),)),
        prior=Gaussian(latent_dim),
        image_size=(28, 28),
        render=render,
        discriminator=Discriminator(
            opponent,
            logits=lambda images: opponent(grey(images) * 2 - 1),
            features=lambda images: opponent.features(grey(images) * 2 - 1),
        ),
        licence=str(checkpoint.config.get("licence", "unknown")),
    )


def _example(latent_dim: int, width: int) -> Example:
    networks = {
        "generator.": DigitsGenerator(latent_dim, width),
        "discriminator.": DigitsDiscriminator(width),
    }
    return Example(networks, {"architecture": "digits-generator"})


GENERATOR: Architecture[Generator] = Architecture(
    id="digits-generator",
    needs="`generator.project.weight` and `discriminator.conv14.weight`",
    recognises=all_of("generator.project.weight", "discriminator.conv14.weight"),
    load=_load,
    examples=(lambda: _example(6, 8), lambda: _example(5, 4)),
)
