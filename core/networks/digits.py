"""Small networks for 28 x 28 grey digits: a generator, its discriminator and two classifiers.

Every size can be read off the shapes of a state dict; each class says where.
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["DigitsClassifier", "DigitsDiscriminator", "DigitsGenerator", "DigitsJudge"]


class DigitsGenerator(nn.Module):
    """A DCGAN-like generator: 7 x 7, 14 x 14, 28 x 28, with batch normalisation.

    Use it in eval() mode: the normalisation is then a fixed affine map, so no sample depends on
    the others. Read off a state dict: `latent_dim = project.weight.shape[1]`,
    `width = image.weight.shape[1]`.

    Args:
        latent_dim: length of z, which is drawn from a standard normal.
        width: channels at full size; twice as many before.
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
        x = self.project(z).unflatten(1, (-1, 7, 7))
        x = F.relu(self.project_norm(x))
        x = F.relu(self.mix7_norm(self.mix7(x)))
        x = F.relu(self.up14_norm(self.up14(x)))
        x = F.relu(self.up28_norm(self.up28(x)))
        x = F.relu(self.mix28_norm(self.mix28(x)))
        return self.image(x).tanh()


class DigitsDiscriminator(nn.Module):
    """The generator's opponent, without any normalisation: real digits get high logits.

    Read off a state dict: `width = conv14.weight.shape[0]`.

    Args:
        width: channels at 14 x 14; two and four times as many after; as many times four features.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.conv14 = nn.Conv2d(1, width, 4, stride=2, padding=1)
        self.conv7 = nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)
        self.conv3 = nn.Conv2d(2 * width, 4 * width, 4, stride=2, padding=1)
        self.penultimate = nn.Linear(4 * width * 3 * 3, 4 * width)
        self.logit = nn.Linear(4 * width, 1)

    def features(self, x: Float[Tensor, "batch 1 28 28"]) -> Float[Tensor, "batch features"]:
        """What the logit is a linear function of; x in [-1, 1]."""
        for conv in (self.conv14, self.conv7, self.conv3):
            x = F.leaky_relu(conv(x), 0.2)
        return F.leaky_relu(self.penultimate(x.flatten(1)), 0.2)

    def forward(self, x: Float[Tensor, "batch 1 28 28"]) -> Float[Tensor, " batch"]:
        """Logits of being real; x in [-1, 1]."""
        return self.logit(self.features(x)).squeeze(1)


class DigitsClassifier(nn.Module):
    """A plain, smooth classifier (SiLU, average pooling): the auxiliary model.

    Group normalisation only, so no sample depends on the others in either mode. Read off a state
    dict: `width = conv28.weight.shape[0]`, `features = penultimate.weight.shape[0]`,
    `classes = logits.weight.shape[0]`.

    Args:
        width: channels at 28 x 28, a multiple of 4; twice as many after.
        features: length of the penultimate layer.
        classes: number of logits.
    """

    def __init__(self, width: int = 36, features: int = 64, classes: int = 10) -> None:
        super().__init__()
        self.conv28 = nn.Conv2d(1, width, 5, padding=2)
        self.norm28 = nn.GroupNorm(4, width)
        self.conv14 = nn.Conv2d(width, 2 * width, 3, padding=1)
        self.norm14 = nn.GroupNorm(4, 2 * width)
        self.conv7 = nn.Conv2d(2 * width, 2 * width, 3, padding=1)
        self.norm7 = nn.GroupNorm(4, 2 * width)
        self.penultimate = nn.Linear(2 * width * 3 * 3, features)
        self.logits = nn.Linear(features, classes)

    def features(self, x: Float[Tensor, "batch 1 28 28"]) -> Float[Tensor, "batch features"]:
        """The penultimate layer; x in [0, 1]."""
        x = F.avg_pool2d(F.silu(self.norm28(self.conv28(x))), 2)
        x = F.avg_pool2d(F.silu(self.norm14(self.conv14(x))), 2)
        x = F.avg_pool2d(F.silu(self.norm7(self.conv7(x))), 2)
        return F.silu(self.penultimate(x.flatten(1)))

    def forward(self, x: Float[Tensor, "batch 1 28 28"]) -> Float[Tensor, "batch classes"]:
        """Logits of the classes; x in [0, 1]."""
        return self.logits(self.features(x))


class _Residual(nn.Module):
    """Two 3 x 3 convolutions around a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(4, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm2 = nn.GroupNorm(4, channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(F.relu(self.norm1(x)))
        return x + self.conv2(F.relu(self.norm2(h)))


class DigitsJudge(nn.Module):
    """A larger residual classifier of another family: the independent judge of the figures.

    Group normalisation only, so no sample depends on the others in either mode. Read off a state
    dict: `width = stem.weight.shape[0]`, `features = penultimate.weight.shape[0]`,
    `classes = logits.weight.shape[0]`.

    Args:
        width: channels at 28 x 28 and 14 x 14, a multiple of 4; twice as many at 7 x 7.
        features: length of the penultimate layer.
        classes: number of logits.
    """

    def __init__(self, width: int = 32, features: int = 64, classes: int = 10) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, width, 3, padding=1)
        self.down14 = nn.Conv2d(width, width, 3, stride=2, padding=1)
        self.blocks14 = nn.Sequential(_Residual(width), _Residual(width))
        self.down7 = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.blocks7 = nn.Sequential(_Residual(2 * width), _Residual(2 * width))
        self.norm = nn.GroupNorm(4, 2 * width)
        self.penultimate = nn.Linear(2 * width, features)
        self.logits = nn.Linear(features, classes)

    def features(self, x: Float[Tensor, "batch 1 28 28"]) -> Float[Tensor, "batch features"]:
        """The penultimate layer; x in [0, 1]."""
        x = self.blocks14(self.down14(F.relu(self.stem(x))))
        x = self.blocks7(self.down7(x))
        x = F.relu(self.norm(x)).mean((2, 3))
        return F.relu(self.penultimate(x))

    def forward(self, x: Float[Tensor, "batch 1 28 28"]) -> Float[Tensor, "batch classes"]:
        """Logits of the classes; x in [0, 1]."""
        return self.logits(self.features(x))
