"""Detects torchvision's other classifiers by comparing tensors with its constructors'."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from ...auxiliary import Classifier
from ...checkpoints.architecture import Architecture, load_network
from ...checkpoints.record import Checkpoint
from ...checkpoints.weights import below
from ...errors import CheckpointError, InvalidInput
from .names import class_names, imagenet_names, saved_names
from .preprocessing import (
    CLASSIFIER_OPTIONS,
    Preparation,
    checked_classes,
    chosen_colours,
    chosen_side,
    model_id,
    usual,
    without,
)

__all__ = ["FAMILIES", "TORCHVISION", "Family", "fitting"]

COUNTER = "num_batches_tracked"
OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\.")
"""Layer names of torchvision's published DenseNets, which are older than its current names."""


@dataclass(frozen=True)
class Family:
    """Torchvision constructors with some tensor names in common.

    Attributes:
        mark: characteristic tensor name, without prefix.
        head: name of the last layer, which outputs the classes.
        members: names of the constructors.
    """

    mark: str
    head: str
    members: tuple[str, ...]


FAMILIES = (
    Family(
        "features.conv0.weight",
        "classifier",
        ("densenet121", "densenet161", "densenet169", "densenet201"),
    ),
    Family(
        "class_token", "heads.head", ("vit_b_16", "vit_b_32", "vit_l_16", "vit_l_32", "vit_h_14")
    ),
    Family(
        "stage2.0.branch1.0.weight",
        "fc",
        tuple(f"shufflenet_v2_x{x}" for x in ("0_5", "1_0", "1_5", "2_0")),
    ),
    Family(
        "features.1.0.attn.relative_position_bias_table", "head", ("swin_t", "swin_s", "swin_b")
    ),
    Family("features.1.0.attn.logit_scale", "head", ("swin_v2_t", "swin_v2_s", "swin_v2_b")),
    Family(
        "features.1.0.layer_scale",
        "classifier.2",
        tuple(f"convnext_{x}" for x in ("tiny", "small", "base", "large")),
    ),
    Family("features.3.squeeze.weight", "classifier.1", ("squeezenet1_1", "squeezenet1_0")),
    Family(
        "layers.0.weight",
        "classifier.1",
        tuple(f"mnasnet{x}" for x in ("0_5", "0_75", "1_0", "1_3")),
    ),
    Family("features.18.0.weight", "classifier.1", ("mobilenet_v2",)),
    Family("features.0.0.weight", "classifier.3", ("mobilenet_v3_small", "mobilenet_v3_large")),
    Family(
        "features.1.0.block.0.0.weight",
        "classifier.1",
        (*(f"efficientnet_b{n}" for n in range(8)), *(f"efficientnet_v2_{x}" for x in "sml")),
    ),
    Family(
        "features.0.weight",
        "classifier.6",
        ("alexnet", *(f"vgg{n}{x}" for n in (11, 13, 16, 19) for x in ("", "_bn"))),
    ),
)
"""Families in the order in which they are tried."""


def _found(tensors: Mapping[str, Tensor]) -> tuple[Family, str] | None:
    """Returns a file's family and name prefix, preferring averaged weights."""
    for family in FAMILIES:
        prefixes = [
            prefix
            for name in tensors
            if name.endswith(family.mark)
            and ((prefix := name.removesuffix(family.mark)) == "" or prefix.endswith("."))
            and f"{prefix}{family.head}.weight" in tensors
        ]
        if prefixes:
            return family, min(prefixes, key=lambda p: ("ema" not in p.lower(), len(p), p))
    return None


def _own(checkpoint: Checkpoint) -> tuple[Family, dict[str, Tensor]]:
    """Returns the family, and the tensors under torchvision's names."""
    found = _found(checkpoint.tensors)
    if found is None:
        raise CheckpointError(f"{checkpoint.path.name} is not a known torchvision classifier.")
    family, prefix = found
    return family, {
        OLD_DENSENET.sub(r"\1\2.", name): tensor
        for name, tensor in below(checkpoint.tensors, prefix).items()
    }


def _built(name: str, classes: int, tensors: Mapping[str, Tensor]) -> nn.Module:
    """Returns an untrained model; a ViT gets the image size of its position embeddings."""
    import torchvision

    arguments: dict[str, Any] = {}
    if name.startswith("vit") and "encoder.pos_embedding" in tensors:
        places = tensors["encoder.pos_embedding"].shape[1] - 1
        arguments["image_size"] = int(places**0.5) * int(name.rpartition("_")[2])
    return torchvision.models.get_model(name, weights=None, num_classes=classes, **arguments)


def fitting(model: str, family: Family, tensors: Mapping[str, Tensor]) -> tuple[str, int]:
    """Returns the constructor with exactly these tensors, and the number of classes.

    Raises:
        CheckpointError: none matches; the message lists the differences from the closest.
    """
    classes = checked_classes(model, tensors[f"{family.head}.weight"].shape[0])
    own = {name: tensor.shape for name, tensor in tensors.items() if not name.endswith(COUNTER)}
    wrong: dict[str, list[str]] = {}
    for member in family.members:
        with torch.device("meta"):
            built = _built(member, classes, tensors).state_dict()
        shapes = {name: t.shape for name, t in built.items() if not name.endswith(COUNTER)}
        wrong[member] = _differences(own, shapes)
        if not wrong[member]:
            return member, classes
    closest = min(wrong, key=lambda member: len(wrong[member]))
    raise CheckpointError(
        f"{model} has the names of a torchvision classifier but fits none of "
        f"{', '.join(wrong)}. Closest is {closest}, in all but {len(wrong[closest])} tensors: "
        f"{'; '.join(wrong[closest][:3])}."
    )


def _differences(own: Mapping[str, torch.Size], expected: Mapping[str, torch.Size]) -> list[str]:
    missing = [f"`{name}` is missing" for name in expected if name not in own]
    extra = [f"`{name}` is left over" for name in own if name not in expected]
    other = [
        f"`{name}` is {list(own[name])}, not {list(shape)}"
        for name, shape in expected.items()
        if name in own and own[name] != shape
    ]
    return [*missing, *extra, *other]


def _preset(member: str) -> Any:  # noqa: ANN401 - torchvision's presets are not typed
    """Returns the preprocessing of a constructor's official weights; nothing is downloaded."""
    import torchvision

    return torchvision.models.get_model_weights(member)["DEFAULT"].transforms()


def _load(checkpoint: Checkpoint) -> Classifier:
    family, tensors = _own(checkpoint)
    member, classes = fitting(checkpoint.path.name, family, tensors)
    own_names = saved_names(checkpoint, classes) or (imagenet_names() if classes == 1000 else None)
    names = class_names(checkpoint.path.name, classes, checkpoint.options, own_names)
    # The constructor's random weights are replaced.
    with torch.random.fork_rng(devices=[]):
        network: Any = _built(member, classes, tensors)
    prepared = _preparation(checkpoint, member, network)
    own = usual(_preparation(replace(checkpoint, options={}), member, network))
    load_network(network, replace(checkpoint, tensors=tensors))
    body = without(network, family.head)
    return Classifier(
        name=checkpoint.path.stem,
        id=model_id(checkpoint.sha256, checkpoint.options, own),
        module=network,
        classes=names,
        logits=lambda images: network(prepared(images)),
        features=lambda images: body(prepared(images)).flatten(1),
    )


def _preparation(checkpoint: Checkpoint, member: str, network: nn.Module) -> Preparation:
    preset = _preset(member)
    edge, size = int(preset.resize_size[0]), int(preset.crop_size[0])
    mean, std = chosen_colours(checkpoint.options, (tuple(preset.mean), tuple(preset.std)))
    chosen, fixed = chosen_side(checkpoint.options), getattr(network, "image_size", None)
    if fixed is not None and chosen not in (None, fixed):
        raise InvalidInput(
            f"{checkpoint.path.name} is a {member} for images of {fixed} pixels; image_size "
            f"{chosen} does not fit its positions. Leave it at auto."
        )
    side = fixed if chosen is None else chosen
    if side not in (None, size):
        edge = size = int(side)
    elif chosen is not None:
        edge = size
    return Preparation(edge, (size, size), mean, std)


def _facts(checkpoint: Checkpoint) -> dict[str, str]:
    family, tensors = _own(checkpoint)
    member, classes = fitting(checkpoint.path.name, family, tensors)
    saved = saved_names(checkpoint, classes)
    numbered = "ImageNet's, as torchvision lists them" if classes == 1000 else "numbered"
    return {
        "constructor": f"torchvision's {member}",
        "mean, std, image size": "those of torchvision's own weights",
        "classes": "named by the file" if saved is not None else numbered,
    }


TORCHVISION: Architecture[Classifier] = Architecture(
    id="torchvision",
    needs="the names of torchvision's AlexNet, VGG, DenseNet, SqueezeNet, MNASNet, MobileNet, "
    "EfficientNet, ShuffleNet, ConvNeXt, Swin or ViT",
    recognises=lambda checkpoint: (
        not {"architecture", "folder"} & checkpoint.config.keys()
        and _found(checkpoint.tensors) is not None
    ),
    load=_load,
    examples=(),
    options=tuple(option for option in CLASSIFIER_OPTIONS if option.name != "max_pool"),
    facts=_facts,
)
