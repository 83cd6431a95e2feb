"""The convolutions of torchvision's AlexNet and VGG16, cut where LPIPS reads them."""

from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["Backbone", "alexnet", "vgg16"]

VGG_BLOCKS = ((64, 64), (128, 128), (256,) * 3, (512,) * 3, (512,) * 3)


class Backbone(nn.Sequential):
    """Layers under torchvision's numbers, `features.N`; some of their values are given out.

    Args:
        layers: in order.
        taps: numbers of the layers whose values are given out.
    """

    def __init__(self, layers: list[nn.Module], taps: tuple[int, ...]) -> None:
        super().__init__(*layers)
        self.taps = taps

    def forward(self, x: Float[Tensor, "batch 3 height width"]) -> tuple[Tensor, ...]:
        """The values after the taps, fine first."""
        found: list[Tensor] = []
        for number, layer in enumerate(self):
            x = layer(x)
            if number in self.taps:
                found.append(x)
        return tuple(found)


def vgg16() -> Backbone:
    """VGG16 up to relu5_3; the last activation before each pooling is given out."""
    layers: list[nn.Module] = []
    taps: list[int] = []
    before = 3
    for block in VGG_BLOCKS:
        if layers:
            layers.append(nn.MaxPool2d(2, 2))
        for width in block:
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
            before = width
        taps.append(len(layers) - 1)
    return Backbone(layers, tuple(taps))


def alexnet() -> Backbone:
    """AlexNet up to relu5; every activation is given out."""
    layers = [
        nn.Conv2d(3, 64, 11, stride=4, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1),
        nn.ReLU(),
    ]
    return Backbone(layers, (1, 4, 7, 9, 11))
