"""The score of a distribution from its samples alone, by Stein's identity."""

import torch
from jaxtyping import Float
from torch import Tensor

from .kernels import exact, gram
from .weights import check_condition

__all__ = ["stein_score"]


def stein_score(
    points: Float[Tensor, "n features"], width: float, ridge: float
) -> Float[Tensor, "n features"]:
    """The gradient of log q at samples, Li and Turner (2018): -(K + eta I)^-1 <grad, K>.

    It is the ablation of KRR flow's table 2. There q is a density of images; here it is one of
    features, whose score reaches the latents through d and G as the other estimators' does.

    Args:
        points: samples of q.
        width: h of the kernel.
        ridge: eta > 0.

    Raises:
        InvalidInput: a ridge of 0 or less, or one too small for the digits of the features.
    """
    x = exact(points.detach())
    kernel = gram(x, x, width)
    check_condition(kernel, ridge, name="eta", dtype=points.dtype)
    # sum_j grad_{x_j} k(x_i, x_j)
    slopes = (2 / width) * (kernel.sum(dim=1, keepdim=True) * x - kernel @ x)
    eye = torch.eye(len(x), dtype=x.dtype, device=x.device)
    return -torch.linalg.solve(kernel + ridge * eye, slopes)
