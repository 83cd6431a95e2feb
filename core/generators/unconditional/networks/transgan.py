"""TransGAN's generator: transformers on grids of pixels, with relative positions.

Jiang et al., "TransGAN: Two Pure Transformers Can Make One Strong GAN" (2021), sections 3.1 and
3.3. Names are those of the official state dicts.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["TransGanGenerator", "TransGanLayout"]

EPS: Final = 1e-8
"""Added to the mean square in the normalisation of pixels."""
SHRINKING: Final = 4
"""Factor by which channels shrink where the side doubles."""


@dataclass(frozen=True)
class TransGanLayout:
    """Sizes of a generator.

    Attributes:
        latent: length of z.
        base: side of the first grid; two more double it.
        width: channels on the first grid.
        depths: transformers on each grid.
        heads: heads of the attention.
        hidden: hidden units of a transformer divided by its channels.
        normal: whether layers are normalised by mean and deviation; else each pixel by its mean
            square, as in the models of STL-10.
    """

    latent: int
    base: int
    width: int
    depths: tuple[int, ...]
    heads: int = 4
    hidden: int = 4
    normal: bool = True

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels on each grid."""
        return tuple(self.width // SHRINKING**number for number in range(len(self.depths)))

    @property
    def side(self) -> int:
        """Side of the images in pixels."""
        return self.base * 2 ** (len(self.depths) - 1)


class _PixelNorm(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * (x.square().mean(dim=2, keepdim=True) + EPS).rsqrt()


class _Norm(nn.Module):
    """A normalisation under the name that files have it."""

    def __init__(self, width: int, *, normal: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width) if normal else _PixelNorm()

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x)


def _offsets(side: int) -> Int[Tensor, "pixels pixels"]:
    """Number of the relative position of each two pixels of a grid."""
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    width = 2 * side - 1
    numbers = (rows * width + columns).flatten()
    return (numbers[:, None] - numbers).add_((side - 1) * (width + 1))


class _Attention(nn.Module):
    relative_position_index: Tensor

    def __init__(self, width: int, heads: int, offsets: Tensor) -> None:
        super().__init__()
        self.heads = heads
        places = (2 * math.isqrt(len(offsets)) - 1) ** 2
        self.relative_position_bias_table = nn.Parameter(torch.zeros(places, heads))
        # Files have it as well, in megabytes for each block.
        self.register_buffer("relative_position_index", offsets, persistent=False)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = rearrange(
            self.qkv(x), "b n (part head c) -> part b head n c", part=3, head=self.heads
        )
        bias = self.relative_position_bias_table[self.relative_position_index]
        weights = q @ k.mT * q.shape[-1] ** -0.5 + rearrange(bias, "n m head -> head n m")
        return self.proj(rearrange(weights.softmax(dim=-1) @ v, "b head n c -> b n (head c)"))


class _Mlp(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(functional.gelu(self.fc1(x)))


class _Block(nn.Module):
    def __init__(self, width: int, offsets: Tensor, layout: TransGanLayout) -> None:
        super().__init__()
        self.norm1 = _Norm(width, normal=layout.normal)
        self.attn = _Attention(width, layout.heads, offsets)
        self.norm2 = _Norm(width, normal=layout.normal)
        self.mlp = _Mlp(width, width * layout.hidden)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class _Stage(nn.Module):
    def __init__(self, blocks: Sequence[_Block]) -> None:
        super().__init__()
        self.block = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.block:
            x = block(x)
        return x


class TransGanGenerator(nn.Module):
    """Generator from z to images, about [-1, 1] but unbounded.

    Args:
        layout: its sizes.
    """

    def __init__(self, layout: TransGanLayout) -> None:
        super().__init__()
        self.layout = layout
        self.l1 = nn.Linear(layout.latent, layout.width * layout.base**2)
        stages: list[_Stage] = []
        for number, (width, depth) in enumerate(zip(layout.widths, layout.depths, strict=True)):
            side = layout.base * 2**number
            place = nn.Parameter(torch.zeros(1, side**2, width))
            self.register_parameter(f"pos_embed_{number + 1}", place)
            offsets = _offsets(side)
            stages.append(_Stage([_Block(width, offsets, layout) for _ in range(depth)]))
        self.blocks = stages[0]
        self.upsample_blocks = nn.ModuleList(stages[1:])
        self.deconv = nn.Sequential(nn.Conv2d(layout.widths[-1], 3, 1))

    def forward(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch 3 size size"]:
        """Images."""
        side = self.layout.base
        x = self.l1(z).view(-1, side**2, self.layout.width)
        x = self.blocks(x + self.get_parameter("pos_embed_1"))
        for number, stage in enumerate(self.upsample_blocks, start=2):
            grid = rearrange(x, "b (h w) c -> b c h w", h=side)
            x = rearrange(functional.pixel_shuffle(grid, 2), "b c h w -> b (h w) c")
            side *= 2
            x = stage(x + self.get_parameter(f"pos_embed_{number}"))
        return self.deconv(rearrange(x, "b (h w) c -> b c h w", h=side))
