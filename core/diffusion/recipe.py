"""Hyperparameters of a diffusion prior: of its network and of its training."""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from torch import nn

from ..errors import InvalidInput
from ..spaces import Space
from .denoisers import ResidualDenoiser, UNetDenoiser
from .prior import Prediction
from .whitening import WhiteningKind

__all__ = ["DenoiserKind", "DenoiserSizes", "PriorTraining", "Times", "Weighting"]

DenoiserKind: TypeAlias = Literal["automatic", "residual", "unet"]
Weighting: TypeAlias = Literal["simple", "min-snr"]
Times: TypeAlias = Literal["uniform", "antithetic", "stratified"]
Decay: TypeAlias = Literal["cosine", "none"]
LEAST_SIDE = 4
"""Smallest side of a grid for which a U-Net is chosen."""
COARSEST = 8
"""A U-Net halves a grid until its sides are at most this."""


@dataclass(frozen=True)
class DenoiserSizes:
    """The network of a diffusion prior.

    Attributes:
        kind: `residual` for flat latents, `unet` for one block of channels x height x width;
            `automatic` is a U-Net where the space is such a block of at least 4 x 4.
        width: width of the residual network; channels at the finest level of a U-Net.
        depth: number of blocks of the residual network.
        hidden: width within a block of the residual network; `width` if 0.
        time: width of the embedded time.
        waves: sines and cosines of the time, for the residual network.
    """

    kind: DenoiserKind = "automatic"
    width: int = 384
    depth: int = 4
    hidden: int = 0
    time: int = 128
    waves: int = 64

    def network(self, space: Space, seed: int) -> nn.Module:
        """Makes an untrained network.

        Args:
            space: space of the latents.
            seed: seed of the initial weights.

        Raises:
            InvalidInput: a U-Net for latents that are no grid, or sizes out of range.
        """
        grid = _grid(space)
        kind = self.kind
        if kind == "automatic":
            kind = "unet" if grid is not None and min(grid[1:]) >= LEAST_SIDE else "residual"
        if kind == "residual":
            return ResidualDenoiser(
                space.dim, self.width, self.depth, self.hidden, self.time, self.waves, seed=seed
            )
        if grid is None:
            raise InvalidInput(
                f"A U-Net needs latents of one block, channels x height x width; these are "
                f"{space}. Choose a residual network."
            )
        return UNetDenoiser(grid, self._widths(grid), self.time, seed=seed)

    def _widths(self, grid: tuple[int, int, int]) -> tuple[int, ...]:
        _, height, width = grid
        levels = 1
        while max(height, width) > COARSEST and not (height % 2 or width % 2):
            height, width, levels = height // 2, width // 2, levels + 1
        # Doubled once, as in the paper's U-Nets.
        return (self.width, *[2 * self.width] * (levels - 1))


@dataclass(frozen=True)
class PriorTraining:
    """Hyperparameters of the training of a diffusion prior.

    Attributes:
        steps: number of updates of the weights.
        batch_size: latents of an update, drawn with replacement.
        learning_rate: largest rate of Adam.
        warm_up: number of steps in which the rate rises linearly from 0.
        decay: what the rate does after the warm-up: fall to 0 by a cosine, or stay.
        clip: limit of the gradient's norm over all weights; None for no limit. The paper's code
            uses 1.
        ema: decay of the moving average of the weights, which is what is kept; 0 keeps the last
            weights. It is limited to (1 + n) / (10 + n) at step n. The paper's code uses 0.9999.
        predicts: what the network predicts: `noise` as in the paper, or `velocity`.
        weighting: weights of the squared error: `simple`, 1 for what the network predicts, or
            `min-snr`, min(SNR, 5) for x_0 (Hang et al., 2023).
        times: how the times of a batch are drawn: independently, in pairs t and T - 1 - t as in
            the paper's code, or one in each of `batch_size` equal parts.
        whitening: standardisation of the latents, see `Whitening.of`.
        held_out: share of the latents that is held out to measure the error, 0 to 0.5.
        bf16: whether the matrix products of the network are in bfloat16. Faster only where the
            processor has such products.
    """

    steps: int = 10000
    batch_size: int = 256
    learning_rate: float = 1e-3
    warm_up: int = 200
    decay: Decay = "cosine"
    clip: float | None = 1.0
    ema: float = 0.999
    predicts: Prediction = "velocity"
    weighting: Weighting = "simple"
    times: Times = "stratified"
    whitening: WhiteningKind = "coordinates"
    held_out: float = 0.05
    bf16: bool = False

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("batch_size", 1), ("warm_up", 0)):
            if getattr(self, name) < least:
                raise InvalidInput(
                    f"Prior training {name} {getattr(self, name)}; expected at least {least}."
                )
        for name in ("learning_rate", "clip"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise InvalidInput(f"Prior training {name} {value}; it must exceed 0.")
        if not 0 <= self.ema < 1 or not 0 <= self.held_out <= 0.5:
            raise InvalidInput(
                f"Prior training with ema {self.ema} and held_out {self.held_out}; expected 0 "
                "to below 1, and 0 to 0.5."
            )
        for name, kinds in (
            ("decay", Decay),
            ("predicts", Prediction),
            ("weighting", Weighting),
            ("times", Times),
            ("whitening", WhiteningKind),
        ):
            if getattr(self, name) not in get_args(kinds):
                raise InvalidInput(
                    f"Prior training {name} {getattr(self, name)!r}; expected one of "
                    f"{', '.join(get_args(kinds))}."
                )

    def rate(self, done: int) -> float:
        """Returns the rate of the update after `done` updates."""
        rising = min(1.0, (done + 1) / max(1, self.warm_up))
        if self.decay == "none":
            return self.learning_rate * rising
        after = max(0, done - self.warm_up) / max(1, self.steps - self.warm_up)
        return self.learning_rate * rising * 0.5 * (1 + math.cos(math.pi * after))

    def kept(self, done: int) -> float:
        """Returns the decay of the moving average at the update after `done` updates."""
        return min(self.ema, (1 + done) / (10 + done))


def _grid(space: Space) -> tuple[int, int, int] | None:
    """The shape of the only block, if it is channels x height x width."""
    if len(space.blocks) != 1 or len(space.blocks[0].shape) != 3:
        return None
    channels, height, width = space.blocks[0].shape
    return channels, height, width
