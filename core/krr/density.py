"""Logarithms of densities that are weighted sums of kernels, eq. (4) and (5)."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import InvalidInput
from .kernels import exact, squared_distances
from .weights import kde_weights, krr_weights

__all__ = ["Bank", "bank_of", "kernel_matrix", "log_density"]


@dataclass(frozen=True)
class Bank:
    """The samples that a density is made of, detached.

    Attributes:
        points: features (n, m, D): of m noised copies of every sample, one without noise.
        weights: alpha, one per sample.
        width: h of the kernel, the mollifier's share included.
    """

    points: Float[Tensor, "n m features"]
    weights: Float[Tensor, " n"]
    width: float


def kernel_matrix(
    features: Float[Tensor, "n features"], points: Float[Tensor, "n m features"], width: float
) -> Float[Tensor, "n n"]:
    """K of the weights: k_psi(x_i, x_j), symmetrised where it is the mean over noised copies."""
    found = _log_kernel(exact(features), exact(points), width).exp()
    return found if points.shape[1] == 1 else (found + found.T) / 2


def bank_of(
    features: Float[Tensor, "n features"],
    points: Float[Tensor, "n m features"],
    *,
    width: float,
    ridge: float | None,
    name: str = "eta",
) -> Bank:
    """The bank of samples.

    Args:
        features: of the samples.
        points: of their noised copies, or `features[:, None]`.
        width: h.
        ridge: eta or xi; None for the kernel density estimator.
        name: of the ridge, for messages.

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
    return Bank(exact(points), weights, width)


def log_density(
    features: Float[Tensor, "batch features"],
    bank: Bank,
    *,
    floor: float = 1e-2,
    without: Int[Tensor, " batch"] | None = None,
) -> Float[Tensor, " batch"]:
    """The logarithm of sum_j alpha_j k_psi(x, x_j), that of eq. (4) and (5), up to a constant.

    Kernels are summed by their logarithms: far from all samples nothing underflows. Weights of
    ridge regression may be negative, and their sum too, where the logarithm says nothing (the
    paper is silent; its predecessor's code adds 1e-10). Guard: the sum counts as at least `floor`
    times the sum with absolute weights. Below that the value is that of the density with absolute
    weights plus log floor, and so is the gradient: finite everywhere, and the value continuous.

    Args:
        features: of the images asked about.
        bank: the samples.
        floor: in (0, 1).
        without: for each image the sample that is left out, itself: the predecessor's code does
            so, the paper does not. The self term has no gradient without a mollifier, but it keeps
            the argument of the logarithm away from 0.
    """
    if not 0 < floor < 1:
        raise InvalidInput(f"The floor of a density is {floor}; expected a number in (0, 1).")
    logs = _log_kernel(exact(features), bank.points, bank.width)
    if without is not None:
        logs = logs.scatter(1, without[:, None], -torch.inf)
    alpha = bank.weights.to(logs)
    top = logs.detach().amax(dim=1, keepdim=True)
    kernels = (logs - top).exp()
    absolute = (kernels @ alpha.abs()).clamp_min(torch.finfo(logs.dtype).tiny)
    share = (kernels @ alpha) / absolute
    found = top[:, 0] + absolute.log() + share.clamp_min(floor).log()
    return found.to(features.dtype)


def _log_kernel(features: Tensor, points: Tensor, width: float) -> Float[Tensor, "batch n"]:
    """The logarithm of k_psi of all pairs."""
    samples, copies, _ = points.shape
    logs = -squared_distances(features, points.flatten(0, 1)) / width
    if copies == 1:
        return logs
    return logs.unflatten(1, (samples, copies)).logsumexp(dim=2) - math.log(copies)
