"""The flows of other f-divergences: the same direction, with another speed per particle."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from ..devices import numbers_on
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


def speeds(
    divergence: Divergence,
    log_ratio: Float[Tensor, " batch"],
    groups: Sequence[Sequence[int]] | None = None,
) -> Float[Tensor, " batch"]:
    """How fast every particle moves along grad log r, r = p(x|c) / q(x|c).

    The appendix' D_f = integral of q f(p / q) has the first variation f(r) - r f'(r), and its flow
    moves x along r^2 f''(r) grad log r. With f = -log it is KL(q, p), the paper's, of speed 1;
    with u log u (reverse KL) r; Jensen-Shannon r / (1 + r); Hellinger sqrt(r) / 2; Pearson 2 r^2.

    The lambdas of eq. (6) are step sizes of three gradients: they are no part of the
    distributions, so r has none of them. log r = log p(x) + log p(c|x) - log q(x|c), each term
    with weight 1 and the energy's own weights within log p(c|x), while the particle moves along
    the weighted gradient; with lambdas of (1, 1, 1) that is the flow of D_f. A term that is left
    out counts as constant, as the paper sets B = 0 without real images: without p(x), or with
    lambda_2 = 0, r is p(c|x) / q(x|c); with lambda_3 = 0 it is p(x) / q(x|c). Without q
    (lambda_1 = 0) there is no ratio, and all divergences move particles as KL does.

    Departures: densities are known up to constants, so log r counts from its mean over the
    particles of a density, and each speed is scaled to 1 there (a factor that the step size takes
    in); speeds are at most 20.

    Args:
        divergence: which.
        log_ratio: log r, up to a constant for each density.
        groups: where the particles of every density stand; None for one density.

    Raises:
        InvalidInput: an unknown divergence.
    """
    if divergence not in _SPEEDS:
        raise InvalidInput(f"Divergence {divergence!r}; there are {', '.join(DIVERGENCES)}.")
    if groups is None:
        middle = log_ratio.mean()
    else:
        middle = torch.zeros_like(log_ratio)
        for places in filter(len, groups):
            own = numbers_on(places, log_ratio.device)
            middle = middle.index_fill(0, own, log_ratio[own].mean())
    centred = (log_ratio - middle).clamp(-30, 30)
    return _SPEEDS[divergence](centred.exp()).clamp_max(FASTEST)
