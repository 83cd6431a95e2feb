"""The features of LPIPS: backbones of torchvision, with the weights of the lpips package."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from ..checkpoints.architecture import load_network
from ..checkpoints.checkpoint import read
from ..checkpoints.record import Checkpoint
from ..devices import constants
from ..errors import CheckpointError
from ..features import FeatureMaps, Features
from ..images import resized

__all__ = [
    "Backbone",
    "alexnet",
    "lpips_features",
    "lpips_heads",
    "vgg16",
]

VGG_BLOCKS = ((64, 64), (128, 128), (256,) * 3, (512,) * 3, (512,) * 3)


class Backbone(nn.Sequential):
    """Layers numbered as torchvision's `features.N`, with the outputs of some returned.

    Args:
        layers: layers in order.
        taps: numbers of the layers whose outputs are returned.
    """

    def __init__(self, layers: list[nn.Module], taps: tuple[int, ...]) -> None:
        super().__init__(*layers)
        self.taps = taps

    def forward(self, input: Float[Tensor, "batch 3 height width"]) -> tuple[Tensor, ...]:
        """Outputs of the tapped layers, finest first."""
        x, found = input, list[Tensor]()
        for number, layer in enumerate(self):
            x = layer(x)
            if number in self.taps:
                found.append(x)
        return tuple(found)


def vgg16() -> Backbone:
    """VGG16 up to relu5_3; returns the last activation before each pooling."""
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
    """AlexNet up to relu5; returns every activation."""
    layers: list[nn.Module] = [
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


Images4 = Float[Tensor, "batch 3 height width"]
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""Normalisation of images in [-1, 1] that LPIPS uses."""
LEAST_SIDE, MOST_SIDE = 64, 256
"""Limits of the sides in pixels. Smaller images are enlarged, since the backbones pool; larger
ones are reduced, as in the training of LPIPS and in StyleGAN's projector."""
BACKBONES: dict[str, tuple[Callable[[], Backbone], dict[str, tuple[int, ...]]]] = {
    "vgg16": (vgg16, {"features.0.weight": (64, 3, 3, 3), "features.28.weight": (512, 512, 3, 3)}),
    "alexnet": (
        alexnet,
        {"features.0.weight": (64, 3, 11, 11), "features.10.weight": (256, 256, 3, 3)},
    ),
}
"""Constructor of each backbone, and the tensors that identify its file."""
HEADS = {"vgg16": "vgg", "alexnet": "alex"}
"""Names of the backbones in the lpips package."""


def lpips_features(
    checkpoint: Checkpoint, heads: Sequence[Float[Tensor, "1 _ 1 1"]] | None = None
) -> Features:
    """LPIPS 0.1 on the weights of torchvision's VGG16 or AlexNet.

    Departure: images below 64 pixels are enlarged first, those above 256 reduced.

    Args:
        checkpoint: state dict that torchvision publishes; the classifier part is ignored.
        heads: weights of the channels; None reads those of the installed lpips package.

    Raises:
        CheckpointError: other or damaged weights, or no lpips package to read the heads from.
    """
    kind = _kind(checkpoint)
    make, _ = BACKBONES[kind]
    backbone = load_network(make(), checkpoint, "features.")

    def maps(images: Images4) -> FeatureMaps:
        shift, scale = (constants(x, images) for x in (SHIFT, SCALE))
        centred = 2 * _in_reach(images) - 1
        return backbone((centred - shift[:, None, None]) / scale[:, None, None])

    return Features(
        name=f"LPIPS of {kind}",
        id=checkpoint.sha256,
        modules=(backbone,),
        maps=maps,
        heads=tuple(heads) if heads is not None else lpips_heads(kind),
    )


def lpips_heads(kind: str) -> tuple[Float[Tensor, "1 _ 1 1"], ...]:
    """Channel weights of the installed lpips package, read without importing it.

    Args:
        kind: backbone, `vgg16` or `alexnet`.

    Raises:
        CheckpointError: the lpips package is missing, or lacks these weights.
    """
    spec = find_spec("lpips")
    if spec is None or spec.origin is None:
        raise CheckpointError(
            "LPIPS needs the weights of the lpips package, which is not installed. "
            "`pip install lpips`, or compare by the features of a CLIP or by pixels."
        )
    path = Path(spec.origin).parent / "weights" / "v0.1" / f"{HEADS[kind]}.pth"
    tensors = read(path).tensors
    names = [f"lin{number}.model.1.weight" for number in range(5)]
    if not set(names) <= set(tensors):
        raise CheckpointError(f"{path} lacks the weights {', '.join(names)}. Reinstall lpips.")
    return tuple(tensors[name].float() for name in names)


def _kind(checkpoint: Checkpoint) -> str:
    for kind, (_, known) in BACKBONES.items():
        held = checkpoint.tensors
        if all(name in held and held[name].shape == size for name, size in known.items()):
            return kind
    raise CheckpointError(
        f"{checkpoint.path.name} holds neither a VGG16 nor an AlexNet of torchvision "
        "(`features.0.weight` and so on, as in vgg16-397923af.pth and alexnet-owt-7be5be79.pth)."
    )


def _in_reach(images: Images4) -> Tensor:
    height, width = images.shape[2:]
    factor = min(1.0, MOST_SIDE / max(height, width))
    factor = max(factor, LEAST_SIDE / min(height, width))
    size = (round(height * factor), round(width * factor))
    if factor <= 1:
        return resized(images, size)
    return functional.interpolate(images, size, mode="bilinear", align_corners=False)
