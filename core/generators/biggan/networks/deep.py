"""BigGAN-deep of Brock et al. (2019) with the state dicts of ajbrock/BigGAN-PyTorch."""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from .ajbrock import Attention, ConditionalNorm, GeneratorLayout, OutputNorm
from .spectral import SpectralConv2d, SpectralLinear

__all__ = ["BigGanDeepGenerator", "Bottleneck", "DeepLayout"]


@dataclass(frozen=True)
class Bottleneck:
    """Plan of one block of the generator.

    Attributes:
        before: channels of the input.
        hidden: channels of the convolutions.
        after: channels of the output; the shortcut keeps as many channels of the input.
        doubles: whether the block doubles the side.
    """

    before: int
    hidden: int
    after: int
    doubles: bool


@dataclass(frozen=True)
class DeepLayout:
    """Layout of a generator, as determined by its shapes.

    Attributes:
        blocks: plans of the blocks in order.
        common: the remaining layout; the condition of the blocks and the input of the first map
            are both the class embedding joined with all of z.
    """

    blocks: tuple[Bottleneck, ...]
    common: GeneratorLayout

    @property
    def latent(self) -> int:
        """Length of z."""
        return self.common.condition - self.common.embedding

    def conditions(self, z: Tensor, y: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Input of the first map, and the condition of each block."""
        both = torch.cat([y, z], dim=1)
        return both, [both] * len(self.blocks)


class _DeepBlock(nn.Module):
    def __init__(self, shape: Bottleneck, layout: GeneratorLayout) -> None:
        super().__init__()
        spectral, hidden = layout.spectral, shape.hidden
        self.shape = shape
        self.conv1 = SpectralConv2d(shape.before, hidden, 1, spectral=spectral)
        self.conv2 = SpectralConv2d(hidden, hidden, spectral=spectral)
        self.conv3 = SpectralConv2d(hidden, hidden, spectral=spectral)
        self.conv4 = SpectralConv2d(hidden, shape.after, 1, spectral=spectral)
        self.bn1 = ConditionalNorm(shape.before, layout)
        self.bn2 = ConditionalNorm(hidden, layout)
        self.bn3 = ConditionalNorm(hidden, layout)
        self.bn4 = ConditionalNorm(hidden, layout)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        h = self.conv1(F.relu(self.bn1(x, condition)))
        h = F.relu(self.bn2(h, condition))
        x = x[:, : self.shape.after]
        if self.shape.doubles:
            h, x = (F.interpolate(part, scale_factor=2) for part in (h, x))
        h = self.conv3(F.relu(self.bn3(self.conv2(h), condition)))
        return self.conv4(F.relu(self.bn4(h, condition))) + x


class BigGanDeepGenerator(nn.Module):
    """Generator from z and a class embedding to images in [-1, 1]; all blocks get both."""

    def __init__(self, layout: DeepLayout) -> None:
        super().__init__()
        self.layout = layout
        common, spectral = layout.common, layout.common.spectral
        self.shared = nn.Embedding(common.classes, common.embedding)
        first = layout.blocks[0].before * common.base**2
        self.linear = SpectralLinear(common.condition, first, spectral=spectral)
        self.blocks = nn.ModuleList(
            nn.ModuleList([_DeepBlock(shape, common)]) for shape in layout.blocks
        )
        for number in common.attention:
            self.blocks[number].append(Attention(layout.blocks[number].after, spectral))
        self.output_layer = nn.Sequential(
            OutputNorm(layout.blocks[-1].after, common.statistics),
            nn.ReLU(),
            SpectralConv2d(layout.blocks[-1].after, 3, spectral=spectral),
        )

    def forward(
        self, z: Float[Tensor, "batch latent"], y: Float[Tensor, "batch class"]
    ) -> Float[Tensor, "batch 3 size size"]:
        first, conditions = self.layout.conditions(z, y)
        base = self.layout.common.base
        x = rearrange(
            self.linear(first),
            "batch (channels height width) -> batch channels height width",
            height=base,
            width=base,
        )
        for stage, condition in zip(self.blocks, conditions, strict=True):
            block, *attention = stage
            x = block(x, condition)
            for layer in attention:
                x = layer(x)
        return self.output_layer(x).tanh()
