"""A U-Net that predicts the noise in latents on a grid."""

from collections.abc import Mapping
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from ..checkpoints.undrawn import undrawn
from ..errors import InvalidInput
from .layers import check_sizes, draw_weights, grouped, time_waves, zero_weights

__all__ = ["UNetDenoiser"]


class _GridBlock(nn.Module):
    """Two 3 x 3 convolutions around a skip; the time scales and shifts between them."""

    def __init__(self, wide: int, narrow: int, time: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = grouped(wide), grouped(narrow)
        self.conv1 = nn.Conv2d(wide, narrow, 3, padding=1)
        self.film = nn.Linear(time, 2 * narrow)
        self.conv2 = nn.Conv2d(narrow, narrow, 3, padding=1)
        self.skip = nn.Conv2d(wide, narrow, 1) if wide != narrow else nn.Identity()

    def forward(self, h: Tensor, time: Tensor) -> Tensor:
        inner = self.conv1(functional.silu(self.norm1(h)))
        scale, shift = self.film(time)[:, :, None, None].chunk(2, dim=1)
        inner = functional.silu(self.norm2(inner) * (1 + scale) + shift)
        return self.skip(h) + self.conv2(inner)


class _Attention(nn.Module):
    """Self-attention of the places of a grid, one head, around a skip."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = grouped(channels)
        self.inwards = nn.Conv2d(channels, 3 * channels, 1)
        self.outwards = nn.Conv2d(channels, channels, 1)

    def forward(self, h: Tensor) -> Tensor:
        height = h.shape[2]
        parts = rearrange(
            self.inwards(self.norm(h)),
            "batch (part channels) height width -> part batch (height width) channels",
            part=3,
        )
        mixed = functional.scaled_dot_product_attention(parts[0], parts[1], parts[2])
        back = "batch (height width) channels -> batch channels height width"
        return h + self.outwards(rearrange(mixed, back, height=height))


class UNetDenoiser(nn.Module):
    """U-Net on latents that are a grid, with attention at its coarsest level.

    Sizes in a state dict: `channels = outwards.weight.shape[0]`, `widths` from
    `down.N.conv1.weight`, `time = times.0.weight.shape[0]`; height and width of the grid are kept
    in the buffer `size`.

    Args:
        shape: channels, height and width of a latent; height and width are divisible by
            2^(levels - 1).
        widths: channels of each level, from the finest.
        time: width of the embedded time, an even number.
        seed: seed of the initial weights; None for weights that are loaded afterwards.
    """

    size: Tensor

    def __init__(
        self,
        shape: tuple[int, int, int],
        widths: tuple[int, ...] = (64, 128),
        time: int = 128,
        *,
        seed: int | None = 0,
    ) -> None:
        super().__init__()
        channels, height, width = shape
        check_sizes(channels=channels, height=height, width=width, waves=time)
        parts = 2 ** (len(widths) - 1)
        if not widths or height % parts or width % parts:
            raise InvalidInput(
                f"A U-Net of {len(widths)} levels on a grid of {height} x {width}; its sides must "
                f"be divisible by {parts}. Take fewer levels, or a residual denoiser."
            )
        self.height, self.width = height, width
        wider = [widths[0], *widths]
        with undrawn():
            self.times = nn.Sequential(
                nn.Linear(time, time), nn.SiLU(), nn.Linear(time, time), nn.SiLU()
            )
            self.inwards = nn.Conv2d(channels, widths[0], 3, padding=1)
            self.down = nn.ModuleList(
                _GridBlock(wider[n], widths[n], time) for n in range(len(widths))
            )
            self.attention = _Attention(widths[-1])
            self.middle = _GridBlock(widths[-1], widths[-1], time)
            self.up = nn.ModuleList(
                _GridBlock(2 * widths[n], wider[n], time) for n in reversed(range(len(widths)))
            )
            self.last = grouped(widths[0])
            self.outwards = nn.Conv2d(widths[0], channels, 3, padding=1)
        draw_weights(self, seed)
        self.register_buffer("size", torch.tensor([height, width]))
        zeros = [part for part in self.modules() if isinstance(part, _GridBlock)]
        for layer in (self.outwards, self.attention.outwards, *(part.conv2 for part in zeros)):
            zero_weights(layer)

    @classmethod
    def sizes(cls, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
        """Returns the sizes of a state dict."""
        height, width = tensors["size"].tolist()
        levels = sum(name.startswith("down.") and name.endswith("film.bias") for name in tensors)
        widths = tuple(tensors[f"down.{n}.conv1.weight"].shape[0] for n in range(levels))
        channels = tensors["outwards.weight"].shape[0]
        return {
            "shape": (channels, int(height), int(width)),
            "widths": widths,
            "time": tensors["times.0.weight"].shape[0],
        }

    def forward(
        self, x: Float[Tensor, "batch dim"], t: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch dim"]:
        """Predicts noise or velocity, flat as x.

        Args:
            x: whitened latents at the times t, flat grids.
            t: time of each row.
        """
        time = self.times(time_waves(t, self.times[0].get_parameter("weight").shape[1], x))
        grid = "batch (channels height width) -> batch channels height width"
        h = self.inwards(rearrange(x, grid, height=self.height, width=self.width))
        kept: list[Tensor] = []
        for number, block in enumerate(self.down):
            h = block(functional.avg_pool2d(h, 2) if number else h, time)
            kept.append(h)
        h = self.middle(self.attention(h), time)
        for number, block in enumerate(self.up):
            if number:
                h = functional.interpolate(h, scale_factor=2.0, mode="nearest")
            h = block(torch.cat([h, kept.pop()], dim=1), time)
        out = self.outwards(functional.silu(self.last(h)))
        return rearrange(out, "batch channels height width -> batch (channels height width)")
