"""A small densely connected network of depthwise separable convolutions that reads expressions."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["SIZE", "FaceExpressions"]

SIZE = 112
"""Pixels a side; four halvings leave 7."""


def _padded(x: Tensor) -> Tensor:
    """TensorFlow's SAME padding for kernel 3, stride 2 and an even side: after the last alone."""
    return F.pad(x, (0, 1, 0, 1))


class _Separable(nn.Module):
    """A filter of 3 x 3 per channel, then a mixture of the channels."""

    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        padding = 1 if stride == 1 else 0
        self.depthwise = nn.Conv2d(before, before, 3, stride, padding, groups=before, bias=False)
        self.pointwise = nn.Conv2d(before, after, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = x if self.depthwise.padding == (1, 1) else _padded(x)
        return self.pointwise(self.depthwise(x))


class _Dense(nn.Module):
    """Four convolutions at half the side, each fed with the sum of those before it."""

    def __init__(self, before: int, after: int, *, first: bool) -> None:
        super().__init__()
        self.first = first
        self.conv0 = nn.Conv2d(before, after, 3, 2) if first else _Separable(before, after, 2)
        self.conv1 = _Separable(after, after)
        self.conv2 = _Separable(after, after)
        self.conv3 = _Separable(after, after)

    def forward(self, x: Tensor) -> Tensor:
        total = F.relu(self.conv0(_padded(x) if self.first else x))
        for conv in (self.conv1, self.conv2, self.conv3):
            total = total + conv(F.relu(total))
        return F.relu(total)


class FaceExpressions(nn.Module):
    """The expression network of face-api.

    Read off a state dict: `width = dense0.conv0.weight.shape[0]`, `classes = fc.weight.shape[0]`.

    Args:
        width: channels at 56 x 56; they double at each of three halvings.
        classes: number of logits.
    """

    def __init__(self, width: int = 32, classes: int = 7) -> None:
        super().__init__()
        self.dense0 = _Dense(3, width, first=True)
        self.dense1 = _Dense(width, 2 * width, first=False)
        self.dense2 = _Dense(2 * width, 4 * width, first=False)
        self.dense3 = _Dense(4 * width, 8 * width, first=False)
        self.fc = nn.Linear(8 * width, classes)

    def features(self, x: Float[Tensor, "batch 3 112 112"]) -> Float[Tensor, "batch features"]:
        """What the logits are a linear function of; x is centred colour, about [-0.5, 0.6]."""
        x = self.dense3(self.dense2(self.dense1(self.dense0(x))))
        return x.mean(dim=(2, 3))

    def forward(self, x: Float[Tensor, "batch 3 112 112"]) -> Float[Tensor, "batch classes"]:
        """Logits of the classes; x as for `features`."""
        return self.fc(self.features(x))
