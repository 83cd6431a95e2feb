"""The ridge regression at which the fast recipe starts a translator's heads."""

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["ROWS", "Regression", "ridge_regression"]

ROWS = 20_000
"""Largest number of pairs of a regression."""
HELD_OUT = 10
"""One pair of so many is held out, to choose the ridge."""
RIDGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Ridges, relative to the mean variance of an input."""


class Regression:
    """A linear map of inputs to targets.

    Args:
        weight: (targets, inputs).
        bias: (targets,).
        deviation: (targets,), root mean square of the held-out residuals.
    """

    def __init__(self, weight: Tensor, bias: Tensor, deviation: Tensor) -> None:
        self.weight, self.bias, self.deviation = weight, bias, deviation


@torch.no_grad()
def ridge_regression(
    inputs: Float[Tensor, "pairs inputs"], targets: Float[Tensor, "pairs targets"]
) -> Regression:
    """Returns the least-squares map of inputs to targets with the best of some ridges.

    Every tenth pair is held out. The ridge with the least squared error on these is chosen; the
    map is that of the other pairs. All sums and solutions are in float64.

    Args:
        inputs: inputs of the pairs, of which at most the first 20,000 count.
        targets: targets of the pairs.
    """
    inputs, targets = inputs[:ROWS].double(), targets[:ROWS].double()
    held = torch.arange(len(inputs), device=inputs.device) % HELD_OUT == HELD_OUT - 1
    kept = ~held
    if not bool(held.any()):
        held = kept  # too few to hold any out
    mean, centre = inputs[kept].mean(dim=0), targets[kept].mean(dim=0)
    x, y = inputs[kept] - mean, targets[kept] - centre
    gram, cross = x.T @ x / len(x), x.T @ y / len(x)
    scale = float(gram.diagonal().mean().clamp_min(torch.finfo(torch.float64).tiny))
    seen, wanted = inputs[held] - mean, targets[held] - centre
    found: list[tuple[float, Tensor, Tensor]] = []
    for ridge in RIDGES:
        damped = gram + ridge * scale * torch.eye(len(gram), dtype=x.dtype, device=x.device)
        weight = torch.linalg.solve(damped, cross)
        errors = (wanted - seen @ weight).square().mean(dim=0)
        found.append((float(errors.mean()), weight, errors.sqrt()))
    _, weight, deviation = min(found, key=lambda one: one[0])
    return Regression(weight.T, centre - weight.T @ mean, deviation)
