"""The flows of other f-divergences: the same direction, with another speed per particle."""

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InvalidInput

__all__ = ["DIVERGENCES", "Divergence", "speeds"]

Divergence: TypeAlias = Literal["KL", "reverse KL", "Jensen-Shannon", "Hellinger", "Pearson"]

FASTEST = 20.0
"""No particle moves faster than so many times as the one at the mean of log r."""

_SPEEDS: Mapping[Divergence, Callable[[Tensor], Tensor]] = {
    "KL": torch.ones_like,
    "reverse KL": lambda r: r,
    "Jensen-Shannon": lambda r: 2 * r / (1 + r),
    "Hellinger": lambda r: r.sqrt(),
    "Pearson": lambda r: r.square(),
}
DIVERGENCES: tuple[Divergence, ...] = tuple(_SPEEDS)


def speeds(divergence: Divergence, log_ratio: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """How fast every particle moves along grad log r, r = p(x|c) / q(x|c).

    The appendix' D_f = integral of q f(p / q) has the first variation f(r) - r f'(r), and its flow
    moves x along r^2 f''(r) grad log r. With f = -log it is KL(q, p), the paper's, of speed 1;
    with u log u (reverse KL) r; Jensen-Shannon r / (1 + r); Hellinger sqrt(r) / 2; Pearson 2 r^2.

    Departures: densities are known up to constants, so log r counts from its mean over the
    particles, and each speed is scaled to 1 there (a factor that the step size takes in); speeds
    are at most 20.

    Args:
        divergence: which.
        log_ratio: log r, up to a constant.

    Raises:
        InvalidInput: an unknown divergence.
    """
    if divergence not in _SPEEDS:
        raise InvalidInput(f"Divergence {divergence!r}; there are {', '.join(DIVERGENCES)}.")
    centred = (log_ratio - log_ratio.mean()).clamp(-30, 30)
    return _SPEEDS[divergence](centred.exp()).clamp_max(FASTEST)
