"""Expression classifier of npm's @vladmandic/face-api, converted from TensorFlow.js.

Its training data is undocumented. It judges pictures, never people.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from ..auxiliary import Classifier
from ..checkpoints.architecture import Architecture, Example, all_of, load_network
from ..checkpoints.record import Checkpoint
from ..devices import constants
from ..errors import CheckpointError
from ..images import resized

__all__ = ["CLASSES", "CLASSIFIER", "SIZE", "FaceExpressions", "from_tfjs"]

SIZE = 112
"""Side of the input in pixels; four halvings leave 7."""


def _padded(x: Tensor) -> Tensor:
    """Applies TensorFlow's SAME padding for kernel 3, stride 2, even side: right and bottom."""
    return functional.pad(x, (0, 1, 0, 1))


class _Separable(nn.Module):
    """A depthwise 3 x 3 convolution followed by a pointwise one."""

    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        padding = 1 if stride == 1 else 0
        self.depthwise = nn.Conv2d(before, before, 3, stride, padding, groups=before, bias=False)
        self.pointwise = nn.Conv2d(before, after, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = x if self.depthwise.padding == (1, 1) else _padded(x)
        return self.pointwise(self.depthwise(x))


class _Dense(nn.Module):
    """Four convolutions at half the side, each applied to the sum of the previous outputs."""

    def __init__(self, before: int, after: int, *, first: bool) -> None:
        super().__init__()
        self.first = first
        self.conv0 = nn.Conv2d(before, after, 3, 2) if first else _Separable(before, after, 2)
        self.conv1 = _Separable(after, after)
        self.conv2 = _Separable(after, after)
        self.conv3 = _Separable(after, after)

    def forward(self, x: Tensor) -> Tensor:
        total = functional.relu(self.conv0(_padded(x) if self.first else x))
        for conv in (self.conv1, self.conv2, self.conv3):
            total = total + conv(functional.relu(total))
        return functional.relu(total)


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
        """Returns the input of the last linear layer; x is centred colour, about [-0.5, 0.6]."""
        x = self.dense3(self.dense2(self.dense1(self.dense0(x))))
        return x.mean(dim=(2, 3))

    def forward(self, x: Float[Tensor, "batch 3 112 112"]) -> Float[Tensor, "batch classes"]:
        """Returns the class logits; x as for `features`."""
        return self.fc(self.features(x))


CLASSES = ("neutral", "happy", "sad", "angry", "fearful", "disgusted", "surprised")
MEAN = (122.782, 117.001, 104.298)
"""Mean of red, green and blue in [0, 255]; the network receives the difference over 255."""


def _squared(images: Tensor) -> Tensor:
    """Pads images to centred squares with black."""
    height, width = images.shape[2:]
    side = max(height, width)
    left, top = (side - width) // 2, (side - height) // 2
    return functional.pad(images, (left, side - width - left, top, side - height - top))


def _prepared(images: Tensor) -> Tensor:
    mean = constants(MEAN, images) / 255
    return resized(_squared(images), (SIZE, SIZE)) - mean[:, None, None]


def _load(checkpoint: Checkpoint) -> Classifier:
    tensors = checkpoint.tensors
    classes, _ = tensors["fc.weight"].shape
    width = tensors["dense0.conv0.weight"].shape[0]
    network = load_network(FaceExpressions(width, classes), checkpoint)
    names = tuple(str(name) for name in checkpoint.config.get("classes", CLASSES))
    if len(names) != classes:
        raise CheckpointError(
            f"{checkpoint.path.name} names {len(names)} classes and has {classes} logits."
        )
    return Classifier(
        name=checkpoint.path.stem,
        id=checkpoint.sha256,
        module=network,
        classes=names,
        logits=lambda images: network(_prepared(images)),
        features=lambda images: network.features(_prepared(images)),
    )


def from_tfjs(manifest: str | Path, weights: str | Path) -> dict[str, Tensor]:
    """Reads the classifier's tensors from TensorFlow.js files, in float32.

    Args:
        manifest: JSON file with names, shapes and quantisation (value = q scale + min).
        weights: binary file that it describes.

    Raises:
        CheckpointError: they do not fit each other, or are of another network.
    """
    content = Path(weights).read_bytes()
    try:
        groups = json.loads(Path(manifest).read_text(encoding="utf-8"))
        entries: list[Mapping[str, Any]] = [
            entry for group in groups for entry in group["weights"]
        ]
        tensors: dict[str, Tensor] = {}
        start = 0
        for entry in entries:
            tensor, start = _entry(entry, content, start)
            name, converted = _converted(str(entry["name"]), tensor)
            tensors[name] = converted
    except (LookupError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{weights} ({len(content)} bytes) is not what {manifest} describes: {error!r}. Fetch "
            "both again."
        ) from error
    if start != len(content):
        raise CheckpointError(f"{weights} has {len(content)} bytes; {manifest} describes {start}.")
    return tensors


def _entry(entry: Mapping[str, Any], content: bytes, start: int) -> tuple[Tensor, int]:
    """Returns a tensor with TensorFlow's shape, and the offset of the next one."""
    shape = [int(size) for size in entry["shape"]]
    quantised = entry.get("quantization")
    dtype = entry["dtype"] if quantised is None else quantised["dtype"]
    kinds = {"float32": torch.float32, "uint8": torch.uint8}
    flat = torch.frombuffer(
        bytearray(content), dtype=kinds[dtype], count=math.prod(shape), offset=start
    )
    start += flat.numel() * flat.element_size()
    if quantised is not None:
        flat = (flat.double() * quantised["scale"] + quantised["min"]).float()
    return flat.reshape(shape), start


def _converted(name: str, tensor: Tensor) -> tuple[str, Tensor]:
    """Converts a name and the order of axes to PyTorch's."""
    *path, kind = name.split("/")
    separable = path != ["dense0", "conv0"] and path != ["fc"]
    # TensorFlow: (height, width, in, out); depthwise filters: (height, width, channels, 1).
    endings = {
        "filters": ("weight", (3, 2, 0, 1)),
        "depthwise_filter": ("depthwise.weight", (2, 3, 0, 1)),
        "pointwise_filter": ("pointwise.weight", (3, 2, 0, 1)),
        "weights": ("weight", (1, 0)),
        "bias": ("pointwise.bias" if separable else "bias", (0,)),
    }
    ending, order = endings[kind]
    return ".".join([*path, ending]), tensor.permute(order).contiguous()


def _example(width: int, names: tuple[str, ...]) -> Example:
    return Example({"": FaceExpressions(width, len(names))}, {"classes": list(names)})


CLASSIFIER: Architecture[Classifier] = Architecture(
    id="face-expressions",
    needs="`dense0.conv0.weight`, `dense3.conv3.pointwise.weight` and `fc.weight`",
    recognises=all_of("dense0.conv0.weight", "dense3.conv3.pointwise.weight", "fc.weight"),
    load=_load,
    examples=(lambda: _example(2, CLASSES), lambda: _example(3, ("calm", "glad"))),
)
