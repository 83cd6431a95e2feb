"""The GAN of digits that ships with LatentSteer."""

from collections.abc import Mapping

from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from ..auxiliary import Discriminator
from ..checkpoints.architecture import Architecture, Example, all_of, load_network
from ..checkpoints.record import Checkpoint
from ..generator import Gaussian, Generator
from ..images import grey, three_channels
from ..rng import SampleRng
from ..spaces import Block, Space
from ..zoo.licences import licence_of

__all__ = ["GENERATOR", "DigitsDiscriminator", "DigitsGenerator"]


class DigitsGenerator(nn.Module):
    """DCGAN-like generator at 7 x 7, 14 x 14 and 28 x 28 pixels, with batch normalisation.

    Use it in eval() mode: the normalisation is then a fixed affine map, so samples do not depend
    on each other. Sizes in a state dict: `latent_dim = project.weight.shape[1]`,
    `width = image.weight.shape[1]`.

    Args:
        latent_dim: length of z, which is drawn from a standard normal.
        width: channels at 28 x 28; smaller maps have twice as many.
    """

    def __init__(self, latent_dim: int = 64, width: int = 32) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.project = nn.Linear(latent_dim, 2 * width * 7 * 7, bias=False)
        self.project_norm = nn.BatchNorm2d(2 * width)
        self.mix7 = nn.Conv2d(2 * width, 2 * width, 3, padding=1, bias=False)
        self.mix7_norm = nn.BatchNorm2d(2 * width)
        self.up14 = nn.ConvTranspose2d(2 * width, 2 * width, 4, stride=2, padding=1, bias=False)
        self.up14_norm = nn.BatchNorm2d(2 * width)
        self.up28 = nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1, bias=False)
        self.up28_norm = nn.BatchNorm2d(width)
        self.mix28 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.mix28_norm = nn.BatchNorm2d(width)
        self.image = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch 1 28 28"]:
        """Images in [-1, 1]."""
        x = rearrange(
            self.project(z),
            "batch (channels height width) -> batch channels height width",
            height=7,
            width=7,
        )
        x = functional.relu(self.project_norm(x))
        x = functional.relu(self.mix7_norm(self.mix7(x)))
        x = functional.relu(self.up14_norm(self.up14(x)))
        x = functional.relu(self.up28_norm(self.up28(x)))
        x = functional.relu(self.mix28_norm(self.mix28(x)))
        return self.image(x).tanh()


class DigitsDiscriminator(nn.Module):
    """Discriminator of the digits GAN, without normalisation; real digits get high logits.

    Sizes in a state dict: `width = conv14.weight.shape[0]`.

    Args:
        width: channels at 14 x 14; twice as many at 7 x 7, four times as many at 3 x 3 and in the
            features.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.conv14 = nn.Conv2d(1, width, 4, stride=2, padding=1)
        self.conv7 = nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)
        self.conv3 = nn.Conv2d(2 * width, 4 * width, 4, stride=2, padding=1)
        self.penultimate = nn.Linear(4 * width * 3 * 3, 4 * width)
        self.logit = nn.Linear(4 * width, 1)

    def features(self, x: Float[Tensor, "batch 1 28 28"]) -> Float[Tensor, "batch features"]:
        """Features that the logit is a linear function of; x in [-1, 1]."""
        for conv in (self.conv14, self.conv7, self.conv3):
            x = functional.leaky_relu(conv(x), 0.2)
        return functional.leaky_relu(self.penultimate(x.flatten(1)), 0.2)

    def forward(self, x: Float[Tensor, "batch 1 28 28"]) -> Float[Tensor, " batch"]:
        """Logits that images are real; x in [-1, 1]."""
        return self.logit(self.features(x)).squeeze(1)


def _load(checkpoint: Checkpoint) -> Generator:
    tensors = checkpoint.tensors
    latent_dim = tensors["generator.project.weight"].shape[1]
    network = load_network(
        DigitsGenerator(latent_dim, tensors["generator.image.weight"].shape[1]),
        checkpoint,
        "generator.",
    )
    discriminator = load_network(
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
            discriminator,
            logits=lambda images: discriminator(grey(images) * 2 - 1),
            features=lambda images: discriminator.features(grey(images) * 2 - 1),
        ),
        licence=licence_of(checkpoint),
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
