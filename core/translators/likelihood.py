"""The log-likelihood of a Gaussian mixture in closed form, in two arithmetics."""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ["LEAST_STD", "fused_log_prob", "log_prob"]

LEAST_STD = 1e-6
"""Added to exp(nu) to keep the likelihood bounded, appendix B.1."""
HALF_LOG_TAU = math.log(math.sqrt(2 * math.pi))


def log_prob(
    z: Float[Tensor, "batch dim"],
    logits: Float[Tensor, "batch components"],
    means: Float[Tensor, "batch components dim"],
    log_std: Float[Tensor, " dim"],
) -> Float[Tensor, " batch"]:
    """Returns the log-density of the mixture, in nats.

    The order of the operations is that of `MixtureSameFamily` in torch.distributions, so that
    values and gradients have the same bits, without its objects.
    """
    std = (log_std.exp() + LEAST_STD).expand_as(means)
    weights = (logits - logits.logsumexp(dim=-1, keepdim=True)).log_softmax(dim=-1)
    distance = -((z[:, None] - means) ** 2) / (2 * std**2)
    components = (distance - std.log() - HALF_LOG_TAU).sum(dim=-1)
    return torch.logsumexp(components + weights, dim=-1)


def fused_log_prob(
    z: Float[Tensor, "batch dim"],
    logits: Float[Tensor, "batch components"],
    means: Float[Tensor, "batch components dim"],
    log_std: Float[Tensor, " dim"],
) -> Float[Tensor, " batch"]:
    """Returns the same as `log_prob` up to rounding, for training.

    It passes over batch times components times dim numbers 3 times instead of 8, as often again
    for the gradient, which is in closed form. It cannot be differentiated twice, and z gets no
    gradient.
    """
    return _FusedLogProb.apply(z, logits, means, log_std)  # pyright: ignore[reportReturnType]


class _FusedLogProb(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, logits: Tensor, means: Tensor, log_std: Tensor) -> Tensor:  # noqa: ANN401
        std = log_std.exp() + LEAST_STD
        offset = (z[:, None] - means).div_(std)
        joint = logits.log_softmax(dim=-1) - 0.5 * torch.linalg.vector_norm(offset, dim=-1) ** 2
        total = joint.logsumexp(dim=-1)
        ctx.save_for_backward(offset, logits, (joint - total[:, None]).exp(), log_std)
        return total - (std.log().sum() + len(std) * HALF_LOG_TAU)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any,  # noqa: ANN401
        gradient: Tensor,
    ) -> tuple[Tensor | None, ...]:
        offset, logits, share, log_std = ctx.saved_tensors
        std = log_std.exp() + LEAST_STD
        pulls = offset * (gradient[:, None] * share)[:, :, None]
        spread = torch.einsum("bkd,bkd->d", pulls, offset) - gradient.sum()
        weights = gradient[:, None] * (share - logits.softmax(dim=-1))
        return None, weights, pulls.div_(std), spread / std * log_std.exp()
