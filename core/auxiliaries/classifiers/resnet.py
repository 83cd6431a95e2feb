"""Loads ResNets with the tensor names of torchvision or of common CIFAR code, from tensors alone.

Blocks, depths, widths, groups, classes and the stem (7x7 with stride 2 as for ImageNet, or 3x3
with stride 1 as for CIFAR) are detected from the shapes. A bottleneck's stride is assumed to be in
its 3x3 convolution, as in torchvision.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch

from ...auxiliary import Classifier
from ...checkpoints.architecture import Architecture, Example, load_network
from ...checkpoints.record import Checkpoint
from .names import class_names, imagenet_names, saved_names
from .preprocessing import (
    CLASSIFIER_OPTIONS,
    Preparation,
    chosen_colours,
    chosen_side,
    model_id,
    usual,
)
from .resnet_layout import ResNetLayout, is_resnet, read_layout

__all__ = ["RESNET"]

IMAGENET_SIDES = (256, 224)
CIFAR_SIDE = 32


def _own_names(checkpoint: Checkpoint, layout: ResNetLayout) -> Sequence[str] | None:
    saved = saved_names(checkpoint, layout.classes)
    if saved is None and (layout.kernel, layout.classes) == (7, 1000):
        return imagenet_names()
    return saved


def _load(checkpoint: Checkpoint) -> Classifier:
    from .networks.resnet import ResNet

    layout, options = read_layout(checkpoint), checkpoint.options
    mean, std = chosen_colours(options, layout.colours())
    side, chosen = (
        (IMAGENET_SIDES if layout.kernel == 7 else (CIFAR_SIDE,) * 2),
        chosen_side(options),
    )
    edge, crop = side if chosen is None else (chosen, chosen)
    names = class_names(
        checkpoint.path.name, layout.classes, options, _own_names(checkpoint, layout)
    )
    # The constructor's random weights are replaced.
    with torch.random.fork_rng(devices=[]):
        network = ResNet(
            stem=layout.stem,
            kernel=layout.kernel,
            max_pool=layout.pooled(options),
            bottleneck=layout.bottleneck,
            stages=layout.stages,
            classes=layout.classes,
        )
    load_network(network, replace(checkpoint, tensors=layout.tensors))
    prepared = Preparation(edge, (crop, crop), mean, std)
    own = usual(Preparation(side[0], (side[1], side[1]), *layout.colours()))
    return Classifier(
        name=checkpoint.path.stem,
        id=model_id(checkpoint.sha256, options, own | {"max_pool": layout.pooled({})}),
        module=network,
        classes=names,
        logits=lambda images: network(prepared(images)),
        features=lambda images: network.features(prepared(images)),
    )


def _facts(checkpoint: Checkpoint) -> dict[str, str]:
    layout = read_layout(checkpoint)
    imagenet = layout.kernel == 7
    mean, std = layout.colours()
    return {
        "max-pool": f"{'yes' if layout.pooled({}) else 'no'}, "
        + ("from the file" if layout.max_pool is not None else "as is usual after this stem"),
        "image size": f"{IMAGENET_SIDES[1] if imagenet else CIFAR_SIDE}, usual for this stem",
        "mean, std": f"{mean}, {std}, of {'ImageNet' if imagenet else 'CIFAR'}",
        "stride of bottlenecks": "in the 3x3 convolution, as in torchvision",
        "classes": _naming(checkpoint, layout),
    }


def _naming(checkpoint: Checkpoint, layout: ResNetLayout) -> str:
    if saved_names(checkpoint, layout.classes) is not None:
        return "named by the file"
    named = _own_names(checkpoint, layout) is not None
    return "ImageNet's, as torchvision lists them" if named else "numbered; the file has no names"


def _example(kernel: int, bottleneck: bool, shortcuts: Sequence[str]) -> Callable[[], Example]:
    def make() -> Example:
        from .networks.resnet import ResNet, Stage

        kinds: Any = shortcuts
        stages = [
            Stage(1 + number, 8 * (number + 1), 4 if bottleneck else 8, 1 + bottleneck, kind)
            for number, kind in enumerate(kinds)
        ]
        network = ResNet(
            stem=8 if not bottleneck else 4,
            kernel=kernel,
            max_pool=kernel == 7,
            bottleneck=bottleneck,
            stages=stages,
            classes=3,
        )
        return Example({"": network}, {})

    return make


RESNET: Architecture[Classifier] = Architecture(
    id="resnet",
    needs="`conv1.weight`, `layer1.0.conv1.weight` and `fc.weight` or `linear.weight`",
    recognises=is_resnet,
    load=_load,
    examples=(
        _example(7, True, ("convolved", "convolved")),
        _example(3, False, ("none", "padded")),
        _example(3, False, ("none", "convolved")),
    ),
    options=CLASSIFIER_OPTIONS,
    facts=_facts,
)
