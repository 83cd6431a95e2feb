"""BigGAN-deep with the state dicts of huggingface/pytorch-pretrained-BigGAN, evaluation only.

Its normalisations store statistics for several truncations of z, at equal steps from 0 to 1.
"""

import math
from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from .ajbrock import attend
from .deep import Bottleneck
from .spectral import StoredConv2d, StoredLinear

__all__ = ["BigGanDeepHf", "HfAttention", "HfBlock", "HfLayout", "HfNorm"]

BASE = 4


@dataclass(frozen=True)
class HfLayout:
    """Layout of a generator, as determined by its shapes and config.json.

    Attributes:
        blocks: plans of the blocks in order.
        attention: number of blocks before each attention layer.
        latent: length of z.
        classes: number of classes.
        embedding: length of a class embedding.
        truncations: number of truncations with statistics.
        eps: eps of all normalisations.
    """

    blocks: tuple[Bottleneck, ...]
    attention: frozenset[int]
    latent: int
    classes: int
    embedding: int
    truncations: int = 51
    eps: float = 1e-4

    @property
    def condition(self) -> int:
        """Length of the condition of each block."""
        return self.latent + self.embedding

    def conditions(self, z: Tensor, y: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Input of the first map, and the condition of each block."""
        both = torch.cat([z, y], dim=1)
        return both, [both] * len(self.blocks)


class HfNorm(nn.Module):
    """Batch normalisation with statistics per truncation, and conditional or learnt gains."""

    running_means: Tensor
    running_vars: Tensor

    def __init__(self, channels: int, layout: HfLayout, *, conditional: bool = True) -> None:
        super().__init__()
        self.eps = layout.eps
        self.register_buffer("running_means", torch.zeros(layout.truncations, channels))
        self.register_buffer("running_vars", torch.ones(layout.truncations, channels))
        self.conditional = conditional
        if conditional:
            self.scale = StoredLinear(layout.condition, channels, bias=False)
            self.offset = StoredLinear(layout.condition, channels, bias=False)
        else:
            self.weight = nn.Parameter(torch.ones(channels))
            self.bias = nn.Parameter(torch.zeros(channels))

    def moments(self, truncation: float) -> tuple[Tensor, Tensor]:
        """Mean and variance per channel at a truncation.

        As in the official code, a truncation between two steps weights the lower step by its
        distance from that step (linear interpolation would weight the upper step so), and
        rounding can place an exact step between two.
        """
        steps = len(self.running_means) - 1
        share, first = math.modf(truncation / (1.0 / steps))
        first = int(first)
        mean, variance = self.running_means[first], self.running_vars[first]
        if share == 0:
            return mean, variance
        mean = mean * share + self.running_means[first + 1] * (1 - share)
        return mean, variance * share + self.running_vars[first + 1] * (1 - share)

    def forward(self, x: Tensor, truncation: float, condition: Tensor | None = None) -> Tensor:
        mean, variance = self.moments(truncation)
        if condition is None:
            return F.batch_norm(x, mean, variance, self.weight, self.bias, eps=self.eps)
        gain = 1 + self.scale(condition)[:, :, None, None]
        bias = self.offset(condition)[:, :, None, None]
        deviation = (variance + self.eps).sqrt()[:, None, None]
        return (x - mean[:, None, None]) / deviation * gain + bias


class HfAttention(nn.Module):
    """`ajbrock.Attention` under other names."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.snconv1x1_theta = StoredConv2d(channels, channels // 8, 1, bias=False)
        self.snconv1x1_phi = StoredConv2d(channels, channels // 8, 1, bias=False)
        self.snconv1x1_g = StoredConv2d(channels, channels // 2, 1, bias=False)
        self.snconv1x1_o_conv = StoredConv2d(channels // 2, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        found = attend(self.snconv1x1_theta(x), self.snconv1x1_phi(x), self.snconv1x1_g(x))
        return x + self.gamma * self.snconv1x1_o_conv(found)


class HfBlock(nn.Module):
    """Residual block of four convolutions; the shortcut drops channels."""

    def __init__(self, shape: Bottleneck, layout: HfLayout) -> None:
        super().__init__()
        self.shape = shape
        hidden = shape.hidden
        self.bn_0 = HfNorm(shape.before, layout)
        self.conv_0 = StoredConv2d(shape.before, hidden, 1)
        self.bn_1 = HfNorm(hidden, layout)
        self.conv_1 = StoredConv2d(hidden, hidden, 3)
        self.bn_2 = HfNorm(hidden, layout)
        self.conv_2 = StoredConv2d(hidden, hidden, 3)
        self.bn_3 = HfNorm(hidden, layout)
        self.conv_3 = StoredConv2d(hidden, shape.after, 1)

    def forward(self, x: Tensor, condition: Tensor, truncation: float) -> Tensor:
        h = self.conv_0(F.relu(self.bn_0(x, truncation, condition)))
        h = F.relu(self.bn_1(h, truncation, condition))
        x = x[:, : self.shape.after]
        if self.shape.doubles:
            h, x = (F.interpolate(part, scale_factor=2) for part in (h, x))
        h = self.conv_2(F.relu(self.bn_2(self.conv_1(h), truncation, condition)))
        return self.conv_3(F.relu(self.bn_3(h, truncation, condition))) + x


class _HfGenerator(nn.Module):
    def __init__(self, layout: HfLayout) -> None:
        super().__init__()
        first, last = layout.blocks[0].before, layout.blocks[-1].after
        self.gen_z = StoredLinear(layout.condition, BASE**2 * first)
        self.layers = nn.ModuleList()
        for number, shape in enumerate(layout.blocks):
            if number in layout.attention:
                self.layers.append(HfAttention(shape.before))
            self.layers.append(HfBlock(shape, layout))
        self.bn = HfNorm(last, layout, conditional=False)
        # Has many output channels, of which the first three are the image.
        self.conv_to_rgb = StoredConv2d(last, last, 3)

    def forward(self, condition: Tensor, truncation: float) -> Tensor:
        x = rearrange(
            self.gen_z(condition),
            "batch (height width channels) -> batch channels height width",
            height=BASE,
            width=BASE,
        )
        for layer in self.layers:
            x = layer(x, condition, truncation) if isinstance(layer, HfBlock) else layer(x)
        return self.conv_to_rgb(F.relu(self.bn(x, truncation)))[:, :3].tanh()


class BigGanDeepHf(nn.Module):
    """Generator from z and a class embedding to images in [-1, 1]; all blocks get both.

    Args:
        layout: layout of the network.
        truncation: truncation in (0, 1] that selects the statistics of the normalisations.
    """

    def __init__(self, layout: HfLayout, truncation: float = 1.0) -> None:
        super().__init__()
        self.layout = layout
        self.truncation = truncation
        self.embeddings = nn.Linear(layout.classes, layout.embedding, bias=False)
        self.generator = _HfGenerator(layout)

    def forward(
        self, z: Float[Tensor, "batch latent"], y: Float[Tensor, "batch class"]
    ) -> Float[Tensor, "batch 3 size size"]:
        return self.generator(torch.cat([z, y], dim=1), self.truncation)
