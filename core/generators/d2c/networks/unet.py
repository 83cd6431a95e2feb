"""The U-Net of DDPM and DDIM that predicts the noise in D2C's latents.

Ho et al., "Denoising Diffusion Probabilistic Models" (2020), appendix B; Song et al., "Denoising
Diffusion Implicit Models" (2021). Names are those of the official PyTorch state dicts.
"""

import math
from itertools import pairwise
from typing import Final

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from ..layouts import UNetLayout

__all__ = ["D2CUNet", "time_embedding"]

SLOWEST: Final = 10_000
"""Ratio of the fastest and the slowest frequency of a time's embedding."""
EPS: Final = 1e-6


def time_embedding(t: Int[Tensor, " batch"], size: int) -> Float[Tensor, "batch _"]:
    """Sines and cosines of times at frequencies from 1 down to 1 / 10,000, in float32.

    Args:
        t: times.
        size: length of the embedding, even and at least 4.
    """
    half = size // 2
    steps = torch.arange(half, dtype=torch.float32, device=t.device)
    angles = t.float()[:, None] * torch.exp(steps * -(math.log(SLOWEST) / (half - 1)))
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class _Resnet(nn.Module):
    def __init__(self, inputs: int, outputs: int, layout: UNetLayout) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(layout.groups, inputs, EPS)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.temb_proj = nn.Linear(4 * layout.width, outputs)
        self.norm2 = nn.GroupNorm(layout.groups, outputs, EPS)
        self.dropout = nn.Dropout(layout.dropout)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        if inputs != outputs:
            self.nin_shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        h = self.conv1(functional.silu(self.norm1(x)))
        h = h + self.temb_proj(functional.silu(time))[:, :, None, None]
        h = self.conv2(self.dropout(functional.silu(self.norm2(h))))
        return (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x) + h


class _Attention(nn.Module):
    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups, channels, EPS)
        self.q = nn.Conv2d(channels, channels, 1)
        self.k = nn.Conv2d(channels, channels, 1)
        self.v = nn.Conv2d(channels, channels, 1)
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)
        q, k, v = (
            rearrange(part(h), "batch channels height width -> batch (height width) channels")
            for part in (self.q, self.k, self.v)
        )
        weights = torch.bmm(q, k.mT * q.shape[2] ** -0.5).softmax(dim=2)
        mixed = rearrange(
            torch.bmm(weights, v),
            "batch (height width) channels -> batch channels height width",
            height=x.shape[2],
        )
        return x + self.proj_out(mixed)


class _Resampled(nn.Module):
    """Changes the side by a convolution, or without learned numbers."""

    def __init__(self, channels: int, *, doubles: bool, learned: bool) -> None:
        super().__init__()
        self.doubles, self.learned = doubles, learned
        if learned:
            stride, padding = (1, 1) if doubles else (2, 0)
            self.conv = nn.Conv2d(channels, channels, 3, stride, padding)

    def forward(self, x: Tensor) -> Tensor:
        if self.doubles:
            x = functional.interpolate(x, scale_factor=2, mode="nearest")
            return self.conv(x) if self.learned else x
        if not self.learned:
            return functional.avg_pool2d(x, 2)
        return self.conv(functional.pad(x, (0, 1, 0, 1)))  # only right and below


class _Level(nn.Module):
    """The blocks at one side, and the change to the next one."""

    def __init__(self, blocks: list[_Resnet], attention: list[_Attention]) -> None:
        super().__init__()
        self.block = nn.ModuleList(blocks)
        self.attn = nn.ModuleList(attention)

    def at(self, number: int, x: Tensor, time: Tensor) -> Tensor:
        x = self.block[number](x, time)
        return self.attn[number](x) if self.attn else x


class D2CUNet(nn.Module):
    """Denoiser of latents: (x_t, t) to the predicted noise.

    Args:
        layout: its sizes.
    """

    def __init__(self, layout: UNetLayout) -> None:
        super().__init__()
        self.layout = layout
        width, last = layout.width, layout.widths[-1]
        self.temb = nn.Module()
        self.temb.dense = nn.ModuleList(
            [nn.Linear(width, 4 * width), nn.Linear(4 * width, 4 * width)]
        )
        self.conv_in = nn.Conv2d(layout.latent, width, 3, padding=1)
        self.down = nn.ModuleList()
        inputs = width
        # What the way up receives from each step of the way down.
        skips = [width]
        for number, outputs in enumerate(layout.widths):
            chain = [inputs] + [outputs] * layout.blocks
            blocks = [_Resnet(*pair, layout) for pair in pairwise(chain)]
            level = _Level(blocks, self._attentions(number, layout.blocks))
            skips += [outputs] * layout.blocks
            if number + 1 < len(layout.widths):
                level.downsample = _Resampled(outputs, doubles=False, learned=layout.learned)
                skips.append(outputs)
            self.down.append(level)
            inputs = outputs
        self.mid = nn.Module()
        self.mid.block_1 = _Resnet(last, last, layout)
        self.mid.attn_1 = _Attention(last, layout.groups)
        self.mid.block_2 = _Resnet(last, last, layout)
        ups: list[_Level] = []
        for number, outputs in reversed([*enumerate(layout.widths)]):
            blocks: list[_Resnet] = []
            for _ in range(layout.blocks + 1):
                blocks.append(_Resnet(inputs + skips.pop(), outputs, layout))
                inputs = outputs
            level = _Level(blocks, self._attentions(number, layout.blocks + 1))
            if number:
                level.upsample = _Resampled(outputs, doubles=True, learned=layout.learned)
            ups.append(level)
        self.up = nn.ModuleList(reversed(ups))
        self.norm_out = nn.GroupNorm(layout.groups, inputs, EPS)
        self.conv_out = nn.Conv2d(inputs, layout.latent, 3, padding=1)

    def _attentions(self, number: int, count: int) -> list[_Attention]:
        layout = self.layout
        if number not in layout.attention:
            return []
        return [_Attention(layout.widths[number], layout.groups) for _ in range(count)]

    def forward(
        self, x: Float[Tensor, "batch channels height width"], t: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch channels height width"]:
        """Predicted noise.

        Args:
            x: noisy latents; their sides divide by 2 as often as the side halves.
            t: times, from 0 on.
        """
        first, second = self.temb.dense
        time = second(functional.silu(first(time_embedding(t, self.layout.width).to(x.dtype))))
        x = self.conv_in(x)
        kept = [x]
        for level in self.down:
            for number in range(len(level.block)):
                x = level.at(number, x, time)
                kept.append(x)
            if hasattr(level, "downsample"):
                x = level.downsample(x)
                kept.append(x)
        x = self.mid.block_2(self.mid.attn_1(self.mid.block_1(x, time)), time)
        for level in reversed(self.up):
            for number in range(len(level.block)):
                x = level.at(number, torch.cat([x, kept.pop()], dim=1), time)
            if hasattr(level, "upsample"):
                x = level.upsample(x)
        return self.conv_out(functional.silu(self.norm_out(x)))
