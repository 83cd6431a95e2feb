"""BigGAN of Brock et al. (2019) with the state dicts of ajbrock/BigGAN-PyTorch, evaluation only.

The generator keeps the official order of operations: it normalises every weight in every pass.
Module `folded` makes its fast form.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from .spectral import USUAL, Spectral, SpectralConv2d, SpectralLinear

__all__ = [
    "Attention",
    "BigGanGenerator",
    "ConditionalNorm",
    "GeneratorLayout",
    "OutputNorm",
    "Statistics",
    "attend",
]

Statistics = Literal["own", "standing", "synchronised", "none"]
"""Source of a normalisation's mean and variance: its own buffers, a `mybn` submodule, a
cross-replica submodule, or none."""
OUTPUT_EPS = 1e-5


@dataclass(frozen=True)
class GeneratorLayout:
    """Layout of a generator, as determined by its shapes.

    Attributes:
        channels: channels before the first block, then after each block.
        base: side of the first map.
        first: length of the part of z that makes the first map.
        condition: length of the condition of a block's normalisations.
        classes: number of classes.
        embedding: length of a class embedding; 0 if each normalisation has its own table.
        attention: numbers of the blocks followed by attention, from 0.
        statistics: source of the statistics of all normalisations.
        spectral: spectral normalisation of all weights.
        eps: eps of the normalisations of the blocks.
    """

    channels: tuple[int, ...]
    base: int
    first: int
    condition: int
    classes: int
    embedding: int
    attention: frozenset[int] = frozenset()
    statistics: Statistics = "own"
    spectral: Spectral = USUAL
    eps: float = 1e-5

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return len(self.channels) - 1

    @property
    def chunk(self) -> int:
        """Length of the part of z that each block gets; 0 if the latent is not hierarchical."""
        return self.condition - self.embedding if self.embedding else 0

    @property
    def latent(self) -> int:
        """Length of z."""
        return self.first + self.chunk * self.blocks

    def conditions(self, z: Tensor, y: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Input of the first map, and the condition of each block."""
        if not self.chunk:
            return z, [y] * self.blocks
        first, *rest = z.split([self.first, *[self.chunk] * self.blocks], dim=1)
        return first, [torch.cat([y, part], dim=1) for part in rest]


class StandingMoments(nn.Module):
    """Statistics of `mybn`, which are sums over passes where the counter is above 0."""

    stored_mean: Tensor
    stored_var: Tensor
    accumulation_counter: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("stored_mean", torch.zeros(channels))
        self.register_buffer("stored_var", torch.ones(channels))
        self.register_buffer("accumulation_counter", torch.zeros(1))

    def moments(self) -> tuple[Tensor, Tensor]:
        counted = self.accumulation_counter
        passes = torch.where(counted > 0, counted, torch.ones_like(counted))
        return self.stored_mean / passes, self.stored_var / passes


class _Norm(nn.Module):
    """Normalisation by stored statistics; `gained` also applies gain and bias per channel."""

    stored_mean: Tensor
    stored_var: Tensor

    def __init__(self, channels: int, statistics: Statistics, eps: float) -> None:
        super().__init__()
        self.channels = channels
        self.statistics = statistics
        self.eps = eps
        if statistics == "synchronised":
            self.bn = nn.BatchNorm2d(channels, affine=False)
        elif statistics == "standing":
            self.bn = StandingMoments(channels)
        elif statistics == "own":
            self.register_buffer("stored_mean", torch.zeros(channels))
            self.register_buffer("stored_var", torch.ones(channels))

    def moments(self) -> tuple[Tensor, Tensor] | None:
        """Mean and variance per channel; None without statistics."""
        if self.statistics == "none":
            return None
        if self.statistics == "own":
            return self.stored_mean, self.stored_var
        if self.statistics == "standing":
            return self.bn.moments()
        return self.bn.running_mean, self.bn.running_var

    def gained(self, x: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
        moments = self.moments()
        if moments is None:
            return x * gain + bias
        mean, variance = moments
        if self.statistics == "standing":
            scale = torch.rsqrt(variance + self.eps)[:, None, None] * gain
            return x * scale - (mean[:, None, None] * scale - bias)
        x = F.batch_norm(x, mean, variance, eps=self.eps)
        # The official evaluation of cross-replica layers adds the gain.
        return x + gain + bias if self.statistics == "synchronised" else x * gain + bias


class _ClassTable(nn.Module):
    """Table with one row per class, indexed by class shares, so that classes can be mixed."""

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(nn.init.normal_(torch.empty(classes, channels), std=0.02))

    def forward(self, shares: Float[Tensor, "batch classes"]) -> Float[Tensor, "batch channels"]:
        return shares @ self.weight


class ConditionalNorm(_Norm):
    """Batch normalisation whose gain (1 + linear) and bias (linear) depend on the condition."""

    def __init__(self, channels: int, layout: GeneratorLayout) -> None:
        super().__init__(channels, layout.statistics, layout.eps)
        if layout.embedding:
            inputs, spectral = layout.condition, layout.spectral
            self.gain = SpectralLinear(inputs, channels, bias=False, spectral=spectral)
            self.bias = SpectralLinear(inputs, channels, bias=False, spectral=spectral)
        else:
            self.gain = _ClassTable(layout.classes, channels)
            self.bias = _ClassTable(layout.classes, channels)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        gain = 1 + self.gain(condition)[:, :, None, None]
        return self.gained(x, gain, self.bias(condition)[:, :, None, None])


class OutputNorm(_Norm):
    """Batch normalisation with a learnt gain and bias; its eps is fixed at 1e-5."""

    def __init__(self, channels: int, statistics: Statistics) -> None:
        # The official output layer has statistics even if no other layer has.
        super().__init__(channels, "own" if statistics == "none" else statistics, OUTPUT_EPS)
        self.gain = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return self.gained(x, self.gain[:, None, None], self.bias[:, None, None])


class Attention(nn.Module):
    """Self-attention of Zhang et al. (2019) with keys and values pooled to half the side."""

    def __init__(self, channels: int, spectral: Spectral) -> None:
        super().__init__()

        def mix(before: int, after: int) -> SpectralConv2d:
            return SpectralConv2d(before, after, 1, bias=False, spectral=spectral)

        self.theta = mix(channels, channels // 8)
        self.phi = mix(channels, channels // 8)
        self.g = mix(channels, channels // 2)
        self.o = mix(channels // 2, channels)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return self.gamma * self.o(attend(self.theta(x), self.phi(x), self.g(x))) + x


def attend(queries: Tensor, keys: Tensor, values: Tensor) -> Float[Tensor, "batch c height width"]:
    """Attention of each pixel's query over the max-pooled keys and values."""
    keys, values = (
        rearrange(F.max_pool2d(part, 2), "batch c height width -> batch c (height width)")
        for part in (keys, values)
    )
    asking = rearrange(queries, "batch c height width -> batch (height width) c")
    found = (asking @ keys).softmax(dim=-1)
    return rearrange(
        values @ found.mT,
        "batch c (height width) -> batch c height width",
        height=queries.shape[2],
    )


class _GeneratorBlock(nn.Module):
    """Residual block of two convolutions; the side is doubled before the first."""

    def __init__(self, before: int, after: int, layout: GeneratorLayout) -> None:
        super().__init__()
        spectral = layout.spectral
        self.conv1 = SpectralConv2d(before, after, spectral=spectral)
        self.conv2 = SpectralConv2d(after, after, spectral=spectral)
        self.conv_sc = SpectralConv2d(before, after, 1, spectral=spectral)
        self.bn1 = ConditionalNorm(before, layout)
        self.bn2 = ConditionalNorm(after, layout)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        h = F.interpolate(F.relu(self.bn1(x, condition)), scale_factor=2)
        h = self.conv1(h)
        h = self.conv2(F.relu(self.bn2(h, condition)))
        return h + self.conv_sc(F.interpolate(x, scale_factor=2))


class BigGanGenerator(nn.Module):
    """Generator from z and a class to images in [-1, 1].

    The class input is a row of `shared.weight` or a mixture of such rows; class shares if the
    layout has no embedding.
    """

    def __init__(self, layout: GeneratorLayout) -> None:
        super().__init__()
        self.layout = layout
        channels, spectral = layout.channels, layout.spectral
        if layout.embedding:
            self.shared = nn.Embedding(layout.classes, layout.embedding)
        self.linear = SpectralLinear(layout.first, channels[0] * layout.base**2, spectral=spectral)
        self.blocks = nn.ModuleList(
            nn.ModuleList([_GeneratorBlock(before, after, layout)])
            for before, after in pairwise(channels)
        )
        for number in layout.attention:
            self.blocks[number].append(Attention(channels[number + 1], spectral))
        self.output_layer = nn.Sequential(
            OutputNorm(channels[-1], layout.statistics),
            nn.ReLU(),
            SpectralConv2d(channels[-1], 3, spectral=spectral),
        )

    def forward(
        self, z: Float[Tensor, "batch latent"], y: Float[Tensor, "batch class"]
    ) -> Float[Tensor, "batch 3 size size"]:
        first, conditions = self.layout.conditions(z, y)
        x = rearrange(
            self.linear(first),
            "batch (channels height width) -> batch channels height width",
            height=self.layout.base,
            width=self.layout.base,
        )
        for stage, condition in zip(self.blocks, conditions, strict=True):
            block, *attention = stage
            x = block(x, condition)
            for layer in attention:
                x = layer(x)
        return self.output_layer(x).tanh()
