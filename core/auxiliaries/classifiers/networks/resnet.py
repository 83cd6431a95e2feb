"""ResNets of torchvision's blocks, of any depth and width, with ImageNet's or CIFAR's stem."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.resnet import BasicBlock, Bottleneck

__all__ = ["ResNet", "Shortcut", "Stage"]

Shortcut = Literal["none", "padded", "convolved"]


@dataclass(frozen=True)
class Stage:
    """A sequence of blocks; every stage but the first halves the image.

    Attributes:
        depth: number of blocks.
        channels: output channels of each block.
        inner: channels of a bottleneck's 3x3 convolution; a basic block has `channels`.
        groups: groups of that convolution.
        shortcut: shortcut of the first block: identity, zeros in the new channels (He et al.'s
            option A), or a 1x1 convolution with normalisation.
    """

    depth: int
    channels: int
    inner: int
    groups: int
    shortcut: Shortcut


class Padded(nn.Module):
    """Takes every second pixel and pads the new channels with zeros on both sides."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.before = (after - before) // 2
        self.after = after - before - self.before

    def forward(self, x: Tensor) -> Tensor:
        return functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.before, self.after))


class ResNet(nn.Module):
    """Maps images to logits, with the tensor names of torchvision's `ResNet` and any stages.

    Args:
        stem: output channels of the first convolution.
        kernel: its kernel size: 7 with stride 2, or 3 with stride 1.
        max_pool: whether a 3x3 max-pool with stride 2 follows.
        bottleneck: whether blocks have three convolutions, the middle one strided, or two.
        stages: at least one stage.
        classes: number of logits.
    """

    def __init__(
        self,
        *,
        stem: int,
        kernel: int,
        max_pool: bool,
        bottleneck: bool,
        stages: Sequence[Stage],
        classes: int,
    ) -> None:
        super().__init__()
        stride = 2 if kernel == 7 else 1
        self.conv1 = nn.Conv2d(3, stem, kernel, stride, kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.maxpool = nn.MaxPool2d(3, 2, 1) if max_pool else nn.Identity()
        self.layers = [f"layer{number}" for number in range(1, len(stages) + 1)]
        before = stem
        for number, (name, stage) in enumerate(zip(self.layers, stages, strict=True)):
            self.add_module(name, _blocks(before, stage, 2 if number else 1, bottleneck))
            before = stage.channels
        self.fc = nn.Linear(before, classes)

    def features(self, x: Tensor) -> Tensor:
        """Returns the input of the last linear layer: (batch, channels of the last stage)."""
        x = self.maxpool(self.bn1(self.conv1(x)).relu())
        for name in self.layers:
            x = self.get_submodule(name)(x)
        return x.mean(dim=(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.features(x))


def _blocks(before: int, stage: Stage, stride: int, bottleneck: bool) -> nn.Sequential:
    first = _block(before, stage, stride, _shortcut(before, stage, stride), bottleneck)
    others = [_block(stage.channels, stage, 1, None, bottleneck) for _ in range(stage.depth - 1)]
    return nn.Sequential(first, *others)


def _shortcut(before: int, stage: Stage, stride: int) -> nn.Module | None:
    if stage.shortcut == "none":
        return None
    if stage.shortcut == "padded":
        return Padded(before, stage.channels)
    return nn.Sequential(
        nn.Conv2d(before, stage.channels, 1, stride, bias=False), nn.BatchNorm2d(stage.channels)
    )


def _block(
    before: int, stage: Stage, stride: int, shortcut: nn.Module | None, bottleneck: bool
) -> nn.Module:
    if not bottleneck:
        return BasicBlock(before, stage.channels, stride, shortcut)
    planes = stage.channels // Bottleneck.expansion
    # torchvision uses int(planes * base / 64) channels per group; adding half a channel outweighs
    # floating-point rounding.
    base = (stage.inner // stage.groups + 0.5) * 64 / planes
    return Bottleneck(before, planes, stride, shortcut, stage.groups, base)  # pyright: ignore
