"""The weights of the samples in a density: kernel ridge regression, and its limit, KDE."""

import math
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InvalidInput
from .kernels import exact

__all__ = [
    "COUNT",
    "Ridge",
    "check_condition",
    "checked_ridge",
    "kde_weights",
    "krr_weights",
    "ridge_of",
]

COUNT = "count"
Ridge: TypeAlias = float | Literal["count"]
"""eta or xi: a number above 0, or the number of samples that the density is made of."""


def ridge_of(ridge: Ridge, samples: int) -> float:
    """The number that a ridge is for a density of so many samples."""
    return float(samples) if isinstance(ridge, str) else ridge


def checked_ridge(name: str, ridge: Ridge) -> Ridge:
    """Refuses an eta or xi that is neither `count` nor a finite number above 0.

    Raises:
        InvalidInput: anything else.
    """
    if ridge == COUNT or (not isinstance(ridge, str) and 0 < ridge < math.inf):
        return ridge
    raise InvalidInput(f"{name} is {ridge}; expected a number above 0, or {COUNT!r}.")


def krr_weights(
    kernel: Float[Tensor, "n n"],
    ridge: float,
    *,
    name: str = "eta",
    dtype: torch.dtype = torch.float64,
) -> Float[Tensor, " n"]:
    """The alpha = (K + eta I)^-1 1, the weights of eq. (4) and (5), by Cholesky in float64.

    The regression is of the constant 1. For small eta weights become negative; for large eta
    eta alpha tends to 1, which is the kernel density estimator (theorem 5).

    Args:
        kernel: K, symmetric.
        ridge: eta or xi, above 0.
        name: of the ridge, for messages.
        dtype: of the features that K was made of: no digit of the weights may rest on one that
            the features do not have.

    Raises:
        InvalidInput: a ridge of 0 or less; K + eta I is singular to the rounding of the features.
    """
    matrix = exact(kernel)
    check_condition(matrix, ridge, name=name, dtype=dtype)
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
            f"rounding{_alike(matrix)}. Raise {name} (the number of samples is usual), or start "
            "from samples that differ."
        )
    return weights


def check_condition(
    kernel: Float[Tensor, "n n"], ridge: float, *, name: str, dtype: torch.dtype
) -> None:
    """Refuses a ridge that is too small for the digits of the features.

    The condition number of K + eta I must not exceed the inverse of the rounding of `dtype`, 8e6
    in float32. Only a ridge below n roundings can do so: eigenvalues are computed for those alone.

    Raises:
        InvalidInput: a ridge of 0 or less, or too small a one.
    """
    checked_ridge(name, ridge)
    digits = torch.finfo(dtype).eps
    if ridge >= digits * float(kernel.abs().sum(dim=1).max()):
        return
    values = torch.linalg.eigvalsh(exact(kernel))
    most = float(values[-1]) + ridge
    if float(values[0]) + ridge > digits * most:
        return
    size = str(dtype).removeprefix("torch.")
    raise InvalidInput(
        f"The kernel matrix of {len(kernel)} samples plus {name} = {ridge:g} is singular to "
        f"rounding of {size}, in which the features are{_alike(kernel)}. Raise {name} to "
        f"{2 * digits * most:.1g} or more (a tenth of the number of samples is small), or start "
        "from samples that differ."
    )


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
