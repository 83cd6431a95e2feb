"""The weights of the samples in a density: kernel ridge regression, and its limit, KDE."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InvalidInput
from .kernels import exact

__all__ = ["checked_ridge", "kde_weights", "krr_weights"]


def checked_ridge(name: str, ridge: float) -> float:
    """Refuses an eta or xi that is not a finite number above 0.

    Raises:
        InvalidInput: such a number.
    """
    if not 0 < ridge < math.inf:
        raise InvalidInput(f"{name} is {ridge}; expected a number above 0.")
    return ridge


def krr_weights(
    kernel: Float[Tensor, "n n"], ridge: float, *, name: str = "eta"
) -> Float[Tensor, " n"]:
    """The alpha = (K + eta I)^-1 1, the weights of eq. (4) and (5), by Cholesky in float64.

    The regression is of the constant 1. For small eta weights become negative; for large eta
    eta alpha tends to 1, which is the kernel density estimator (theorem 5).

    Args:
        kernel: K, symmetric.
        ridge: eta or xi, above 0.
        name: of the ridge, for messages.

    Raises:
        InvalidInput: a ridge of 0 or less; K + eta I is singular to rounding.
    """
    checked_ridge(name, ridge)
    matrix = exact(kernel)
    eye = torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
    root, failed = torch.linalg.cholesky_ex(matrix + ridge * eye)
    weights = torch.cholesky_solve(torch.ones_like(matrix[:, :1]), root)[:, 0]
    # The last pivots of a singular matrix are rounding errors, of either sign.
    told = (root.diagonal().min(), matrix.diagonal().max(), failed, weights.isfinite().all())
    # Together, so that an accelerator is waited for once.
    least, most, broken, finite = torch.stack([value.to(matrix) for value in told]).tolist()
    rounding = len(matrix) * torch.finfo(matrix.dtype).eps * most
    if broken or not finite or not least**2 > rounding:
        raise InvalidInput(
            f"The kernel matrix of {len(matrix)} samples plus {name} = {ridge:g} is singular to "
            f"rounding{_alike(matrix)}. Raise {name} (1e-10 is enough for equal samples, 1 is "
            "usual), or start from samples that differ."
        )
    return weights


def kde_weights(kernel: Float[Tensor, "n n"]) -> Float[Tensor, " n"]:
    """Ones: the kernel density estimator, the limit of eta alpha for large eta."""
    return torch.ones_like(exact(kernel[:, 0]))


def _alike(matrix: Tensor) -> str:
    """Which two samples are most alike."""
    if len(matrix) < 2:
        return ""
    others = matrix - torch.diag(matrix.diagonal())
    place = int(others.argmax())
    first, second = sorted(divmod(place, len(matrix)))
    return f": samples {first} and {second} have a kernel of {float(others.flatten()[place]):.6g}"
