"""Shares of classes among unlabelled samples, from a classifier of other shares."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InvalidInput

__all__ = ["ShareEstimate", "estimate_shares", "moment_shares"]

STEPS = 2_000
CLOSE = 1e-8
"""Change of a share below which the iteration ends."""
PSEUDO_COUNT = 1.0
"""Samples of each class that the prior of the shares is worth."""
LEAST_CONTRAST = 0.05
"""Difference of mean probabilities of the classes below which moments say nothing."""


@dataclass(frozen=True)
class ShareEstimate:
    """Shares of the classes among unlabelled samples.

    Attributes:
        shares: the estimate, of sum 1, each above 0.
        likelihood: the same without the prior: the fixed point of Saerens et al.
        moments: by the mean probabilities of labelled samples; None where they say nothing.
    """

    shares: tuple[float, ...]
    likelihood: tuple[float, ...]
    moments: tuple[float, ...] | None


def estimate_shares(
    logits: Float[Tensor, "n classes"],
    fitted_shares: tuple[float, ...],
    *,
    labels: int,
    moments: tuple[float, ...] | None = None,
) -> ShareEstimate:
    """Estimates the shares of the classes among unlabelled samples by EM.

    Saerens, Latinne and Decaestecker (2002), section 2.2: p_k(z) proportional to
    (s_k / t_k) exp(logit_k), and s_k the mean of p_k over the samples, in turns. That maximises
    the likelihood of the samples and knows nothing of the error of the classifier. With few labels
    it can end at a share of 0, where the condition is never met. So, unlike there, the likelihood
    counts as that of as many samples as there are labels, and the shares have a Dirichlet prior of
    one sample of each class:

        s_k = (m mean_i p_k(z_i) + 1) / (m + classes),  m = min(labels, samples).

    A share is therefore at least 1 / (m + classes), below which m labels can distinguish nothing.
    The logits must be calibrated on samples that the classifier was not trained on.

    Args:
        logits: calibrated logits of unlabelled samples.
        fitted_shares: t, the shares among the training labels.
        labels: number of labels, at least 1.
        moments: result of `moment_shares`, for the report.

    Raises:
        InvalidInput: no samples, no label, or logits that are not finite.
    """
    if len(logits) == 0 or labels < 1:
        raise InvalidInput(f"{len(logits)} unlabelled samples, {labels} labels; at least 1 each.")
    if not bool(logits.isfinite().all()):
        raise InvalidInput("Logits of unlabelled samples are not finite; check the latents.")
    old = torch.tensor(fitted_shares, dtype=torch.float64)
    ratios = logits.double() - old.log()
    worth = float(min(labels, len(logits)))
    start = (
        torch.full_like(old, 1 / len(old)) if moments is None else torch.tensor(moments).to(old)
    )
    found = _fixed_point(ratios, start, worth, PSEUDO_COUNT)
    bare = _fixed_point(ratios, found, worth, 0.0)
    return ShareEstimate(_listed(found), _listed(bare), moments)


def _fixed_point(ratios: Tensor, start: Tensor, worth: float, prior: float) -> Tensor:
    shares = start
    for _ in range(STEPS):
        means = (ratios + shares.log()).softmax(dim=1).mean(dim=0)
        new = (worth * means + prior) / (worth + prior * len(means))
        change = float((new - shares).abs().max())
        shares = new
        if change < CLOSE:
            break
    return shares


def moment_shares(
    labelled: Float[Tensor, "labels classes"],
    targets: Float[Tensor, "labels classes"],
    unlabelled: Float[Tensor, "n classes"],
) -> tuple[float, ...] | None:
    """Estimates the shares of the classes among unlabelled samples by mean probabilities.

    Black box shift estimation (Lipton et al. 2018) with probabilities instead of decisions:
    the mean over unlabelled samples is the mixture of the means over each class, by the shares.
    It does not assume calibration.

    Args:
        labelled: logits of labelled samples, by a classifier trained without them.
        targets: weight of each class at each of these samples.
        unlabelled: logits of unlabelled samples.

    Returns:
        The shares, at least half a label's, or None where the classes' means hardly differ.
    """
    sizes = targets.double().sum(dim=0)
    means = targets.double().T @ labelled.double().softmax(dim=1) / sizes[:, None]
    wanted = unlabelled.double().softmax(dim=1).mean(dim=0)
    values = torch.linalg.svdvals(means)
    if float(values[-1]) < LEAST_CONTRAST:
        return None
    shares = torch.linalg.lstsq(means.T, wanted[:, None]).solution[:, 0]
    least = 0.5 / (len(labelled) + 1)
    shares = shares.clamp_min(least)
    return _listed(shares / shares.sum())


def _listed(shares: Tensor) -> tuple[float, ...]:
    return tuple(float(share) for share in shares)
