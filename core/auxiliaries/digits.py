"""Digits classifiers of the zoo: f, and an independent judge trained on other data."""

from collections.abc import Callable
from typing import TypeVar

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from ..auxiliary import Classifier
from ..checkpoints.architecture import Architecture, Example, all_of, load_network
from ..checkpoints.record import Checkpoint
from ..errors import CheckpointError
from ..images import grey, resized

__all__ = ["CLASSIFIER", "JUDGE", "DigitsClassifier", "DigitsJudge"]


class DigitsClassifier(nn.Module):
    """A plain, smooth classifier (SiLU, average pooling): the auxiliary model f.

    Group normalisation only, so samples are independent in either mode. Sizes read from a state
    dict: `width = conv28.weight.shape[0]`, `features = penultimate.weight.shape[0]`,
    `classes = logits.weight.shape[0]`.

    Args:
        width: channels at 28 x 28, a multiple of 4; twice as many at the next sizes.
        features: size of the penultimate layer.
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
        """Returns the penultimate layer; x in [0, 1]."""
        x = functional.avg_pool2d(functional.silu(self.norm28(self.conv28(x))), 2)
        x = functional.avg_pool2d(functional.silu(self.norm14(self.conv14(x))), 2)
        x = functional.avg_pool2d(functional.silu(self.norm7(self.conv7(x))), 2)
        return functional.silu(self.penultimate(x.flatten(1)))

    def forward(self, x: Float[Tensor, "batch 1 28 28"]) -> Float[Tensor, "batch classes"]:
        """Returns the class logits; x in [0, 1]."""
        return self.logits(self.features(x))


class _Residual(nn.Module):
    """Two 3 x 3 convolutions with a residual connection."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(4, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm2 = nn.GroupNorm(4, channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(functional.relu(self.norm1(x)))
        return x + self.conv2(functional.relu(self.norm2(h)))


class DigitsJudge(nn.Module):
    """A larger residual classifier of another family: the independent judge of the figures.

    Group normalisation only, so samples are independent in either mode. Sizes read from a state
    dict: `width = stem.weight.shape[0]`, `features = penultimate.weight.shape[0]`,
    `classes = logits.weight.shape[0]`.

    Args:
        width: channels at 28 x 28 and 14 x 14, a multiple of 4; twice as many at 7 x 7.
        features: size of the penultimate layer.
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
        """Returns the penultimate layer; x in [0, 1]."""
        x = self.blocks14(self.down14(functional.relu(self.stem(x))))
        x = self.blocks7(self.down7(x))
        x = functional.relu(self.norm(x)).mean((2, 3))
        return functional.relu(self.penultimate(x))

    def forward(self, x: Float[Tensor, "batch 1 28 28"]) -> Float[Tensor, "batch classes"]:
        """Returns the class logits; x in [0, 1]."""
        return self.logits(self.features(x))


SIZE = (28, 28)
Network = TypeVar("Network", DigitsClassifier, DigitsJudge)


def _loader(
    build: Callable[[int, int, int], Network], widest: str
) -> Callable[[Checkpoint], Classifier]:
    def load(checkpoint: Checkpoint) -> Classifier:
        classes, features = checkpoint.tensors["logits.weight"].shape
        width = checkpoint.tensors[widest].shape[0]
        network = load_network(build(width, features, classes), checkpoint)
        names = tuple(str(name) for name in checkpoint.config.get("classes", range(classes)))
        if len(names) != classes:
            raise CheckpointError(
                f"{checkpoint.path.name} names {len(names)} classes and has {classes} logits."
            )

        def prepared(images: Tensor) -> Tensor:
            return resized(grey(images), SIZE)

        return Classifier(
            name=checkpoint.path.stem,
            id=checkpoint.sha256,
            module=network,
            classes=names,
            logits=lambda images: network(prepared(images)),
            features=lambda images: network.features(prepared(images)),
        )

    return load


def _config(classes: int) -> dict[str, object]:
    return {"classes": [str(n) for n in range(classes)]}


CLASSIFIER: Architecture[Classifier] = Architecture(
    id="digits-classifier",
    needs="`conv28.weight` and `logits.weight`",
    recognises=all_of("conv28.weight", "norm28.weight", "logits.weight"),
    load=_loader(DigitsClassifier, "conv28.weight"),
    examples=(
        lambda: Example({"": DigitsClassifier(8, 6, 10)}, _config(10)),
        lambda: Example({"": DigitsClassifier(4, 5, 3)}, _config(3)),
    ),
)
JUDGE: Architecture[Classifier] = Architecture(
    id="digits-judge",
    needs="`stem.weight` and `logits.weight`",
    recognises=all_of("stem.weight", "down14.weight", "logits.weight"),
    load=_loader(DigitsJudge, "stem.weight"),
    examples=(lambda: Example({"": DigitsJudge(8, 6, 4)}, _config(4)),),
)
