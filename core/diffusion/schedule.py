"""Noise levels of a diffusion and the times at which it is sampled."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from ..errors import InvalidInput

__all__ = ["NoiseSchedule"]

OFFSET = 0.008
"""s of the cosine schedule: the first noise levels are not too small."""
MOST_BETA = 0.999
"""Limit of beta in the cosine schedule, against a singularity at the last time."""


@dataclass(frozen=True)
class NoiseSchedule:
    """Noise levels of a diffusion, x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) noise.

    Attributes:
        alphas_bar: a_t for t = 0 to T - 1, strictly falling, in (0, 1).

    Raises:
        InvalidInput: fewer than 2 levels, or levels out of range or not falling.
    """

    alphas_bar: tuple[float, ...]

    def __post_init__(self) -> None:
        levels = np.asarray(self.alphas_bar, dtype=np.float64)
        # Compared in this direction, so that nan fails too.
        good = len(levels) > 1 and bool((np.diff(levels) < 0).all())
        if not (good and levels[-1] > 0 and levels[0] < 1):
            shown = ", ".join(f"{level:.4g}" for level in self.alphas_bar[:4])
            raise InvalidInput(
                f"A noise schedule of {len(levels)} levels ({shown} ...); expected at least 2 "
                "that fall strictly and lie between 0 and 1."
            )

    @classmethod
    def linear(cls, first: float = 1e-4, last: float = 2e-2, steps: int = 1000) -> "NoiseSchedule":
        """Returns DDPM's schedule, which D2C uses: beta is linear in t, a_t = prod (1 - beta).

        Args:
            first: beta at t = 0, in (0, 1).
            last: beta at the last time, in (0, 1).
            steps: number of levels T.
        """
        return cls._of_betas(np.linspace(first, last, steps, dtype=np.float64))

    @classmethod
    def cosine(cls, steps: int = 1000) -> "NoiseSchedule":
        """Returns the cosine schedule, Nichol and Dhariwal (2021), eq. 17.

        a_t = f(t + 1) / f(0) with f(t) = cos^2((t / T + s) / (1 + s) * pi / 2), s = 0.008; beta
        is limited to 0.999.

        Args:
            steps: number of levels T.
        """
        t = np.arange(steps + 1, dtype=np.float64) / steps
        f = np.cos((t + OFFSET) / (1 + OFFSET) * math.pi / 2) ** 2
        return cls._of_betas(np.minimum(1 - f[1:] / f[:-1], MOST_BETA))

    @classmethod
    def _of_betas(cls, betas: np.ndarray) -> "NoiseSchedule":
        return cls(tuple(np.cumprod(1 - betas).tolist()))

    def __len__(self) -> int:
        return len(self.alphas_bar)

    def level(self, t: Tensor | int) -> Tensor:
        """Returns a_t in float64 (float32 on a device without it); 1 at t = -1.

        Args:
            t: a time or times, -1 to T - 1.
        """
        if isinstance(t, int):
            return torch.tensor(self._level(t), dtype=torch.float64)
        return _table(self, t.device)[t + 1]

    def _level(self, t: int) -> float:
        return 1.0 if t == -1 else self.alphas_bar[t]

    def times(self, steps: int, start: int | None = None) -> tuple[int, ...]:
        """Returns the falling times of a run: evenly spaced, from `start` to 0.

        Args:
            steps: number of calls of the denoiser; 1 is the time `start` alone.
            start: first time; T - 1 if None.

        Raises:
            InvalidInput: more calls than times, or a time that the schedule does not have.
        """
        last = len(self) - 1 if start is None else start
        if not 0 <= last < len(self):
            raise InvalidInput(f"Time {last} of a diffusion with the times 0 to {len(self) - 1}.")
        if not 1 <= steps <= last + 1:
            raise InvalidInput(
                f"{steps} denoising steps from time {last}; expected 1 to {last + 1}."
            )
        if steps == 1:
            return (last,)
        # Rounded half up in whole numbers.
        gaps = steps - 1
        return tuple((2 * last * k + gaps) // (2 * gaps) for k in range(gaps, -1, -1))

    def every(self, skip: int) -> tuple[int, ...]:
        """Returns the falling times of the official D2C code: 0, skip, 2 skip, ... and T - 1.

        Args:
            skip: distance of two times, at least 1; 10 of 1000 levels make 101 calls.
        """
        last = len(self) - 1
        if skip < 1:
            raise InvalidInput(f"Every {skip} times of a diffusion; expected at least 1.")
        return (last, *reversed(range(0, last, skip)))


@lru_cache(maxsize=16)
def _table(schedule: NoiseSchedule, device: torch.device) -> Tensor:
    """The levels from t = -1 on."""
    kind = torch.float32 if device.type == "mps" else torch.float64
    with torch.inference_mode(False):
        return torch.tensor((1.0, *schedule.alphas_bar), dtype=kind, device=device)
