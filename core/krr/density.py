"""Log densities of weighted sums of kernels, eq. (4) and (5)."""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import InvalidInput
from .kernel import as_float64, gram, squared_distances

__all__ = [
    "COUNT",
    "KernelDensity",
    "Ridge",
    "check_condition",
    "checked_ridge",
    "fit_density",
    "kde_weights",
    "kernel_matrix",
    "krr_weights",
    "log_density",
    "ridge_of",
    "stein_score",
]


def stein_score(
    points: Float[Tensor, "n features"], width: float, ridge: float
) -> Float[Tensor, "n features"]:
    """Returns the gradient of log q at samples by Li and Turner (2018): -(K + eta I)^-1 <grad, K>.

    The ablation of KRR flow's table 2. There q is a density of images; here it is a density of
    features, whose score reaches the latents through d and G, as for the other estimators.

    Args:
        points: features of samples of q.
        width: h of the kernel.
        ridge: eta > 0.

    Raises:
        InvalidInput: a ridge of 0 or less, or one too small for the precision of the features.
    """
    x = as_float64(points.detach())
    kernel = gram(x, x, width)
    check_condition(kernel, ridge, name="eta", dtype=points.dtype)
    # sum_j grad_{x_j} k(x_i, x_j)
    slopes = (2 / width) * (kernel.sum(dim=1, keepdim=True) * x - kernel @ x)
    eye = torch.eye(len(x), dtype=x.dtype, device=x.device)
    return -torch.linalg.solve(kernel + ridge * eye, slopes)


COUNT = "count"
Ridge: TypeAlias = float | Literal["count"]
"""eta or xi: a number above 0, or the number of samples that the density is made of."""


def ridge_of(ridge: Ridge, samples: int) -> float:
    """Returns the value of a ridge for a density of `count` samples."""
    return float(samples) if isinstance(ridge, str) else ridge


def checked_ridge(name: str, ridge: Ridge) -> Ridge:
    """Checks that an eta or xi is `count` or a finite number above 0.

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
    """Returns alpha = (K + eta I)^-1 1, the weights of eq. (4) and (5), by Cholesky in float64.

    The regression target is the constant 1. For small eta, weights become negative; for large eta,
    eta alpha tends to 1, which is the kernel density estimator (theorem 5).

    Args:
        kernel: K, symmetric.
        ridge: eta or xi, above 0.
        name: name of the ridge, for messages.
        dtype: dtype of the features that K was computed from; it limits the condition number.

    Raises:
        InvalidInput: a ridge of 0 or less; K + eta I is singular to the rounding of the features.
    """
    matrix = as_float64(kernel)
    check_condition(matrix, ridge, name=name, dtype=dtype)
    eye = torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
    root, failed = torch.linalg.cholesky_ex(matrix + ridge * eye)
    weights = torch.cholesky_solve(torch.ones_like(matrix[:, :1]), root)[:, 0]
    # The last pivots of a singular matrix are rounding errors, of either sign.
    checks = (root.diagonal().min(), matrix.diagonal().max(), failed, weights.isfinite().all())
    # Read together, so that there is one synchronisation.
    least, most, broken, finite = torch.stack([value.to(matrix) for value in checks]).tolist()
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
    """Checks that a ridge is large enough for the precision of the features.

    The condition number of K + eta I must not exceed the inverse of the machine epsilon of
    `dtype`, 8e6 in float32. Only a ridge below n epsilon can exceed it, so eigenvalues are
    computed only then.

    Raises:
        InvalidInput: a ridge of 0 or less, or one that is too small.
    """
    checked_ridge(name, ridge)
    digits = torch.finfo(dtype).eps
    if ridge >= digits * float(kernel.abs().sum(dim=1).max()):
        return
    values = torch.linalg.eigvalsh(as_float64(kernel))
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
    """Returns ones: the kernel density estimator, the limit of eta alpha for large eta."""
    return torch.ones_like(as_float64(kernel[:, 0]))


def _alike(matrix: Tensor) -> str:
    """Names the two samples that are most alike."""
    if len(matrix) < 2:
        return ""
    others = matrix - torch.diag(matrix.diagonal())
    place = int(others.argmax())
    first, second = sorted(divmod(place, len(matrix)))
    return f": samples {first} and {second} have a kernel of {float(others.flatten()[place]):.6g}"


@dataclass(frozen=True)
class KernelDensity:
    """A density as a weighted sum of kernels at samples, detached.

    Attributes:
        points: features of m noised copies of each sample, one of them without noise, (n, m, D).
        weights: weight alpha of each sample.
        width: h of the kernel, including the mollifier.
    """

    points: Float[Tensor, "n m features"]
    weights: Float[Tensor, " n"]
    width: float


def kernel_matrix(
    features: Float[Tensor, "n features"], points: Float[Tensor, "n m features"], width: float
) -> Float[Tensor, "n n"]:
    """Returns K of the weights: k_psi(x_i, x_j), symmetrised if a mean over noised copies."""
    found = _log_kernel(as_float64(features), as_float64(points), width).exp()
    return found if points.shape[1] == 1 else (found + found.T) / 2


def fit_density(
    features: Float[Tensor, "n features"],
    points: Float[Tensor, "n m features"],
    *,
    width: float,
    ridge: float | None,
    name: str = "eta",
) -> KernelDensity:
    """Returns the kernel density of samples.

    Args:
        features: features of the samples.
        points: features of their noised copies, or `features[:, None]`.
        width: h.
        ridge: eta or xi; None for the kernel density estimator.
        name: name of the ridge, for
            messages.

    Raises:
        InvalidInput: a kernel matrix that is singular to the rounding of the features; features
            that are not finite.
    """
    finite = torch.cat([features, points.flatten(1)], dim=1).isfinite().all(dim=1)
    if not bool(finite.all()):
        bad = (~finite).nonzero()[:, 0].tolist()
        shown = ", ".join(map(str, bad[:8])) + (" ..." if len(bad) > 8 else "")
        raise InvalidInput(f"The features of samples {shown} are not finite.")
    features, points = features.detach(), points.detach()
    matrix = kernel_matrix(features, points, width)
    if ridge is None:
        weights = kde_weights(matrix)
    else:
        weights = krr_weights(matrix, ridge, name=name, dtype=features.dtype)
    return KernelDensity(as_float64(points), weights, width)


def log_density(
    features: Float[Tensor, "batch features"],
    density: KernelDensity,
    *,
    floor: float = 1e-2,
    without: Int[Tensor, " batch"] | None = None,
) -> Float[Tensor, " batch"]:
    """Returns log sum_j alpha_j k_psi(x, x_j), the logarithm of eq. (4) and (5) up to a constant.

    Kernels are summed in the log domain, so that nothing underflows far from all samples. Weights
    of ridge regression, and their sum, may be negative, where the logarithm is undefined (the
    paper does not mention it; its predecessor's code adds 1e-10). Guard: the sum counts as at
    least `floor` times the sum with absolute weights. Below that, value and gradient are those of
    the density with absolute weights plus log floor: finite everywhere, and the value is
    continuous.

    Args:
        features: features of the images to evaluate at.
        density: density of the samples.
        floor: floor of the guard, in (0, 1).
        without: for each image the index of the sample to leave out, which is the image itself:
            done in the predecessor's code, but not in the paper. The self term has no gradient
            without a mollifier, but it keeps the argument of the logarithm away from 0.
    """
    if not 0 < floor < 1:
        raise InvalidInput(f"The floor of a density is {floor}; expected a number in (0, 1).")
    logs = _log_kernel(as_float64(features), density.points, density.width)
    if without is not None:
        logs = logs.scatter(1, without[:, None], -torch.inf)
    alpha = density.weights.to(logs)
    top = logs.detach().amax(dim=1, keepdim=True)
    kernels = (logs - top).exp()
    absolute = (kernels @ alpha.abs()).clamp_min(torch.finfo(logs.dtype).tiny)
    share = (kernels @ alpha) / absolute
    found = top[:, 0] + absolute.log() + share.clamp_min(floor).log()
    return found.to(features.dtype)


def _log_kernel(features: Tensor, points: Tensor, width: float) -> Float[Tensor, "batch n"]:
    """Returns log k_psi of all pairs."""
    copies = points.shape[1]
    flat = rearrange(points, "n copies dim -> (n copies) dim")
    logs = -squared_distances(features, flat) / width
    if copies == 1:
        return logs
    each = rearrange(logs, "batch (n copies) -> batch n copies", copies=copies)
    return each.logsumexp(dim=2) - math.log(copies)
