"""ResNets of torchvision's blocks at any depths and widths, with ImageNet's stem or CIFAR's."""

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
    """A row of blocks; every stage but the first halves the image.

    Attributes:
        depth: blocks.
        channels: after each of them.
        inner: channels of a bottleneck's 3x3 convolution; those of a basic block are `channels`.
        groups: of that convolution.
        shortcut: past the first block: nothing, zeros for the channels that are new (He et al.'s
            option A), or a 1x1 convolution with its normalisation.
    """

    depth: int
    channels: int
    inner: int
    groups: int
    shortcut: Shortcut


class Padded(nn.Module):
    """Every second pixel, between zeros as new channels."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.before = (after - before) // 2
        self.after = after - before - self.before

    def forward(self, x: Tensor) -> Tensor:
        return functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.before, self.after))


class ResNet(nn.Module):
    """Images to logits, under the names of torchvision's `ResNet`, with any number of stages.

    Args:
        stem: channels after the first convolution.
        kernel: of it: 7 with stride 2, or 3 with stride 1.
        max_pool: whether a 3x3 max-pool with stride 2 follows.
        bottleneck: blocks of three convolutions, the middle one with the stride, in place of two.
        stages: at least one.
        classes: logits.
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
        """What the logits are a linear function of: (batch, channels of the last stage)."""
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
    # torchvision takes int(planes * base / 64) channels per group; half a channel more outweighs
    # the rounding of floats.
    base = (stage.inner // stage.groups + 0.5) * 64 / planes
    return Bottleneck(before, planes, stride, shortcut, stage.groups, base)  # pyright: ignore
