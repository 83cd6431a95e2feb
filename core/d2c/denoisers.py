"""Networks that predict the noise in latents: a residual one on flat latents, a U-Net on grids."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from ..errors import CheckpointError, InvalidInput
from ..rng import stream_of

__all__ = ["DENOISERS", "ResidualDenoiser", "UNetDenoiser", "denoiser_of", "time_waves"]

LONGEST = 10000.0
"""Longest period of the embedding of times, as in DDPM."""
GROUP = 32
"""Largest number of groups of a normalisation."""


def time_waves(t: Int[Tensor, " batch"], size: int, like: Tensor) -> Float[Tensor, "batch size"]:
    """Returns DDPM's embedding of times: sines, then cosines of falling frequencies.

    Args:
        t: times.
        size: even number of waves.
        like: tensor with the float type.
    """
    half = size // 2
    powers = torch.arange(half, device=t.device, dtype=torch.float32) / max(half - 1, 1)
    angles = t.float()[:, None] * torch.exp(-math.log(LONGEST) * powers)
    return torch.cat([angles.sin(), angles.cos()], dim=1).to(like.dtype)


class _Block(nn.Module):
    """Two layers around a skip, after a normalisation that the time scales and shifts."""

    def __init__(self, width: int, hidden: int, time: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.film = nn.Linear(time, 2 * width)
        self.first = nn.Linear(width, hidden)
        self.second = nn.Linear(hidden, width)

    def forward(self, h: Tensor, time: Tensor) -> Tensor:
        scale, shift = self.film(time).chunk(2, dim=1)
        inner = self.norm(h) * (1 + scale) + shift
        return h + self.second(functional.silu(self.first(inner)))


class ResidualDenoiser(nn.Module):
    """Residual network on flat latents, conditioned on the time by FiLM in each block.

    The last layer of each block and the output are zero at the start. Sizes in a state dict:
    `dim = outwards.weight.shape[0]`, `width = inwards.weight.shape[0]`, `depth` the number of
    `blocks.N`, `hidden = blocks.0.first.weight.shape[0]`, `time = times.0.weight.shape[0]`,
    `waves = times.0.weight.shape[1]`.

    Args:
        dim: number of coordinates.
        width: width of the skip path.
        depth: number of blocks.
        hidden: width inside a block; `width` if 0.
        time: width of the embedded time.
        waves: sines and cosines of the time, an even number.
        seed: seed of the initial weights.
    """

    def __init__(
        self,
        dim: int,
        width: int = 512,
        depth: int = 3,
        hidden: int = 0,
        time: int = 128,
        waves: int = 64,
        *,
        seed: int = 0,
    ) -> None:
        super().__init__()
        _check_sizes(dim=dim, width=width, depth=depth, time=time, waves=waves)
        with torch.device("meta"):
            self.times = nn.Sequential(
                nn.Linear(waves, time), nn.SiLU(), nn.Linear(time, time), nn.SiLU()
            )
            self.inwards = nn.Linear(dim, width)
            self.blocks = nn.ModuleList(_Block(width, hidden or width, time) for _ in range(depth))
            self.last = nn.LayerNorm(width, elementwise_affine=False)
            self.outwards = nn.Linear(width, dim)
        _draw(self, seed)
        for layer in (self.outwards, *(block.second for block in self.each_block())):
            _zero(layer)

    @classmethod
    def sizes(cls, tensors: Mapping[str, Tensor]) -> dict[str, int]:
        """Returns the sizes of a state dict."""
        width, dim = tensors["inwards.weight"].shape
        time, waves = tensors["times.0.weight"].shape
        hidden = tensors["blocks.0.first.weight"].shape[0]
        depth = sum(name.startswith("blocks.") and name.endswith("film.bias") for name in tensors)
        return {
            "dim": dim,
            "width": width,
            "depth": depth,
            "hidden": hidden,
            "time": time,
            "waves": waves,
        }

    def each_block(self) -> Iterator[_Block]:
        """Yields the blocks in order."""
        for block in self.blocks:
            assert isinstance(block, _Block)
            yield block

    def forward(
        self, x: Float[Tensor, "batch dim"], t: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch dim"]:
        """Predicts noise or velocity.

        Args:
            x: whitened latents at the times t.
            t: time of each row.
        """
        first = self.times[0].get_parameter("weight")
        time = self.times(time_waves(t, first.shape[1], x))
        h = self.inwards(x)
        for block in self.blocks:
            h = block(h, time)
        return self.outwards(functional.silu(self.last(h)))


class _GridBlock(nn.Module):
    """Two 3 x 3 convolutions around a skip; the time scales and shifts between them."""

    def __init__(self, wide: int, narrow: int, time: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = _norm(wide), _norm(narrow)
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
        self.norm = _norm(channels)
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
        seed: seed of the initial weights.
    """

    size: Tensor

    def __init__(
        self,
        shape: tuple[int, int, int],
        widths: tuple[int, ...] = (64, 128),
        time: int = 128,
        *,
        seed: int = 0,
    ) -> None:
        super().__init__()
        channels, height, width = shape
        _check_sizes(channels=channels, height=height, width=width, waves=time)
        parts = 2 ** (len(widths) - 1)
        if not widths or height % parts or width % parts:
            raise InvalidInput(
                f"A U-Net of {len(widths)} levels on a grid of {height} x {width}; its sides must "
                f"be divisible by {parts}. Take fewer levels, or a residual denoiser."
            )
        self.height, self.width = height, width
        wider = [widths[0], *widths]
        with torch.device("meta"):
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
            self.last = _norm(widths[0])
            self.outwards = nn.Conv2d(widths[0], channels, 3, padding=1)
        _draw(self, seed)
        self.register_buffer("size", torch.tensor([height, width]))
        zeros = [part for part in self.modules() if isinstance(part, _GridBlock)]
        for layer in (self.outwards, self.attention.outwards, *(part.conv2 for part in zeros)):
            _zero(layer)

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


DENOISERS: Mapping[str, type[ResidualDenoiser] | type[UNetDenoiser]] = {
    "residual": ResidualDenoiser,
    "unet": UNetDenoiser,
}
"""Kinds of denoisers by name."""


def denoiser_of(kind: str, tensors: Mapping[str, Tensor]) -> nn.Module:
    """Builds the denoiser of a state dict, frozen.

    Args:
        kind: key of DENOISERS.
        tensors: its state dict, in any float type; the network is in float32.

    Raises:
        CheckpointError: an unknown kind, or tensors that do not fit it.
    """
    if kind not in DENOISERS:
        raise CheckpointError(f"No denoiser {kind!r}. There are: {', '.join(DENOISERS)}.")
    made: Any = DENOISERS[kind]
    try:
        network: nn.Module = made(**made.sizes(tensors))
        network.load_state_dict(dict(tensors))
    except (KeyError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"The tensors are of no {kind} denoiser: {error}") from error
    return network.eval().requires_grad_(False)


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(math.gcd(GROUP, channels), channels)


def _check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise InvalidInput(f"Denoiser {name} {size}; expected at least 1.")
        if name == "waves" and size % 2:
            raise InvalidInput(f"Denoiser waves {size} of the time; expected an even number.")


@torch.no_grad()
def _draw(network: nn.Module, seed: int) -> None:
    """Moves a network from the meta device, with PyTorch's initial weights from a stream."""
    network.to_empty(device="cpu")
    stream = stream_of(seed, "denoiser")
    for layer in network.modules():
        if isinstance(layer, nn.GroupNorm):
            layer.reset_parameters()
        elif isinstance(layer, nn.Linear | nn.Conv2d):
            bound = layer.weight[0].numel() ** -0.5
            nn.init.uniform_(layer.weight, -bound, bound, generator=stream)
            if layer.bias is not None:
                nn.init.uniform_(layer.bias, -bound, bound, generator=stream)


@torch.no_grad()
def _zero(layer: nn.Module) -> None:
    for number in layer.parameters(recurse=False):
        number.zero_()
