"""Networks that predict the noise in latents: a residual one, and the kinds by name."""

from collections.abc import Iterator, Mapping
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from ..checkpoints.undrawn import undrawn
from ..errors import CheckpointError, InvalidInput
from .layers import check_sizes, draw_weights, time_waves, zero_weights
from .unet import UNetDenoiser

__all__ = ["DENOISERS", "ResidualDenoiser", "UNetDenoiser", "denoiser_of", "kind_of_denoiser"]


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
        seed: seed of the initial weights; None for weights that are loaded afterwards.
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
        seed: int | None = 0,
    ) -> None:
        super().__init__()
        check_sizes(dim=dim, width=width, depth=depth, time=time, waves=waves)
        with undrawn():
            self.times = nn.Sequential(
                nn.Linear(waves, time), nn.SiLU(), nn.Linear(time, time), nn.SiLU()
            )
            self.inwards = nn.Linear(dim, width)
            self.blocks = nn.ModuleList(_Block(width, hidden or width, time) for _ in range(depth))
            self.last = nn.LayerNorm(width, elementwise_affine=False)
            self.outwards = nn.Linear(width, dim)
        draw_weights(self, seed)
        for layer in (self.outwards, *(block.second for block in self.each_block())):
            zero_weights(layer)

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
        network: nn.Module = made(**made.sizes(tensors), seed=None)
        network.load_state_dict(dict(tensors))
    except (KeyError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"The tensors are of no {kind} denoiser: {error}") from error
    return network.eval().requires_grad_(False)


def kind_of_denoiser(network: nn.Module) -> str:
    """Returns the kind of a denoiser, a key of DENOISERS.

    Raises:
        InvalidInput: it is of no kind.
    """
    for kind, made in DENOISERS.items():
        if type(network) is made:
            return kind
    raise InvalidInput(
        f"A denoiser of the class {type(network).__name__} cannot be saved alone; "
        f"expected one of {', '.join(DENOISERS)}."
    )
