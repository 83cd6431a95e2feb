"""Detects the layout of a ResNet from the names and shapes of its tensors."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ...checkpoints.record import Checkpoint
from ...checkpoints.weights import below
from ...errors import CheckpointError, InvalidInput
from .preprocessing import IMAGENET, Colours, checked_classes

if TYPE_CHECKING:
    from .networks.resnet import Shortcut, Stage

__all__ = ["ResNetLayout", "is_headless", "is_resnet", "read_layout"]

CIFAR10: tuple[Colours, Colours] = ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))
"""Mean and standard deviation of the colour channels of CIFAR-10's pixels."""
CIFAR100: tuple[Colours, Colours] = ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762))
CIFAR_CODE: tuple[Colours, Colours] = ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
"""Normalisation of the CIFAR code with the names `shortcut` and `linear`: its std is the mean of
the per-image standard deviations."""
MARKS = ("conv1.weight", "bn1.weight", "layer1.0.conv1.weight")
HEAD = re.compile(r"(?<![^.])(?:fc|linear)\.(?:\d+\.)?weight$")


@dataclass(frozen=True)
class ResNetLayout:
    """Layout of a ResNet.

    Attributes:
        tensors: the tensors, under torchvision's names.
        stem: output channels of the first convolution.
        kernel: kernel size of the first convolution.
        max_pool: whether a max-pool follows; None if the file leaves it open.
        bottleneck: whether the blocks are bottlenecks.
        stages: the stages.
        classes: number of logits.
        cifar_names: whether the last layer is named `linear`.
    """

    tensors: Mapping[str, Tensor]
    stem: int
    kernel: int
    max_pool: bool | None
    bottleneck: bool
    stages: "Sequence[Stage]"
    classes: int
    cifar_names: bool

    def pooled(self, options: Mapping[str, object]) -> bool:
        """Whether a max-pool follows the stem: as chosen, in the file, or usual."""
        chosen = options.get("max_pool")
        if chosen is None:
            return self.kernel == 7 if self.max_pool is None else self.max_pool
        if not isinstance(chosen, bool):
            raise InvalidInput(f"max_pool is {chosen!r}; expected True or False.")
        return chosen

    def colours(self) -> tuple[Colours, Colours]:
        """Returns the mean and std that such networks are usually trained with."""
        if self.kernel == 7:
            return IMAGENET
        if self.classes == 100:
            return CIFAR100
        return CIFAR_CODE if self.cifar_names else CIFAR10


def _prefix(tensors: Mapping[str, Tensor]) -> str | None:
    """Returns the name prefix of a whole ResNet, preferring averaged weights, or None."""
    last = MARKS[0]
    headed = {name[: found.start()] for name in tensors if (found := HEAD.search(name))}
    found = [
        prefix
        for name in tensors
        if name.endswith(last)
        and ((prefix := name.removesuffix(last)) == "" or prefix.endswith("."))
        and prefix in headed
        and all(prefix + mark in tensors for mark in MARKS)
    ]
    return min(found, key=lambda p: ("ema" not in p.lower(), len(p), p)) if found else None


def is_headless(checkpoint: Checkpoint) -> bool:
    """Whether a file is a ResNet without its last layer."""
    names = checkpoint.tensors.keys()
    bodies = [name.removesuffix(MARKS[2]) for name in names if name.endswith(MARKS[2])]
    own = any(
        all(body + mark in names for mark in MARKS)
        and not any(name.startswith((f"{body}fc.", f"{body}linear.")) for name in names)
        for body in bodies
    )
    # CLIPs and other models that contain a ResNet have further marks.
    others = any("attnpool" in name or "transformer" in name for name in names)
    return own and not others and _prefix(checkpoint.tensors) is None


def is_resnet(checkpoint: Checkpoint) -> bool:
    """Whether a file holds a whole ResNet; LatentSteer's own files and folders are declared."""
    declared = {"architecture", "folder"} & checkpoint.config.keys()
    return not declared and _prefix(checkpoint.tensors) is not None


def _renamed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns the tensors under torchvision's names, where those are free."""
    heads = {name.rpartition(".")[0] for name in tensors if HEAD.search(name)}
    head = heads.pop() if len(heads) == 1 else "fc"
    renamed: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        new = name.replace(".shortcut.", ".downsample.")
        if name.rpartition(".")[0] == head:
            new = f"fc.{name.rpartition('.')[2]}"
        renamed[name if new in tensors else new] = tensor
    return renamed


def read_layout(checkpoint: Checkpoint) -> ResNetLayout:
    """Detects the layout from the shapes.

    Raises:
        CheckpointError: the stem is unknown.
        LookupError, ValueError: tensors are missing, or of another rank.
    """
    prefix = _prefix(checkpoint.tensors) or ""
    own = below(checkpoint.tensors, prefix)
    tensors = _renamed(own)
    modules: Mapping[str, Any] = checkpoint.config.get("modules", {})
    stem, _, kernel, _ = tensors["conv1.weight"].shape
    stride = modules.get(f"{prefix}conv1", {}).get("attributes", {}).get("stride")
    _check_stem(checkpoint, tensors["conv1.weight"], stride)
    bottleneck = "layer1.0.conv3.weight" in tensors
    classes, _ = tensors["fc.weight"].shape
    return ResNetLayout(
        tensors=tensors,
        stem=stem,
        kernel=kernel,
        max_pool=_max_pool(modules, prefix),
        bottleneck=bottleneck,
        stages=_stages(tensors, bottleneck),
        classes=checked_classes(checkpoint.path.name, classes),
        cifar_names="linear.weight" in own,
    )


def _check_stem(checkpoint: Checkpoint, weight: Tensor, stride: object) -> None:
    _, channels, *kernel = weight.shape
    usual = {7: 2, 3: 1}.get(kernel[0]) if kernel[0] == kernel[1] else None
    said = stride[0] if isinstance(stride, list | tuple) and stride else stride
    if channels == 3 and usual is not None and said in (None, usual):
        return
    with_stride = "" if said is None else f" with stride {said}"
    raise CheckpointError(
        f"{checkpoint.path.name} is a ResNet with an unknown stem: its first convolution is "
        f"{' x '.join(map(str, kernel))}{with_stride} and takes {channels} channels. Known: 7 x 7 "
        "with stride 2 as for ImageNet and 3 x 3 with stride 1 as for CIFAR, of 3 channels. "
        "Folders of timm support all of timm's stems."
    )


def _max_pool(modules: Mapping[str, Any], prefix: str) -> bool | None:
    """Whether a whole module has a max-pool; None for state dicts, which leave it open."""
    if f"{prefix}conv1" not in modules:
        return None
    pool = modules.get(f"{prefix}maxpool")
    # Code that pools by a function has no such module; no pooling is assumed.
    return pool is not None and pool.get("class") == "MaxPool2d"


def _stages(tensors: Mapping[str, Tensor], bottleneck: bool) -> "list[Stage]":
    from .networks.resnet import Stage

    stages: list[Stage] = []
    before = tensors["conv1.weight"].shape[0]
    while f"layer{len(stages) + 1}.0.conv1.weight" in tensors:
        layer = f"layer{len(stages) + 1}"
        depth = 1
        while f"{layer}.{depth}.conv1.weight" in tensors:
            depth += 1
        inner, per_group, _, _ = tensors[f"{layer}.0.conv2.weight"].shape
        channels = tensors[f"{layer}.0.conv3.weight"].shape[0] if bottleneck else inner
        if per_group < 1 or inner % per_group or (bottleneck and channels % 4):
            raise ValueError(f"{layer}: {inner} channels of {per_group} a group, then {channels}")
        convolved = any(name.startswith(f"{layer}.0.downsample.") for name in tensors)
        groups = inner // per_group if bottleneck else 1
        shortcut = _shortcut(convolved, bottleneck, before == channels, not stages)
        stages.append(Stage(depth, channels, inner, groups, shortcut))
        before = channels
    return stages


def _shortcut(convolved: bool, bottleneck: bool, equal: bool, first: bool) -> "Shortcut":
    if convolved:
        return "convolved"
    if first and equal:
        return "none"
    # A required convolution is assumed; loading names its missing tensors.
    return "convolved" if bottleneck or first else "padded"
