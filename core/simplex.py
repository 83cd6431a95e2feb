"""Shares that add up to 1: the probability simplex, and the nearest point of it."""

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["nearest_shares"]

ROUNDING = 1e-6
"""How far, times the number of shares' root, a sum may lie from 1 and count as 1."""


def nearest_shares(v: Float[Tensor, "*batch shares"]) -> Float[Tensor, "*batch shares"]:
    """The point of the simplex nearest to v, row by row; differentiable.

    max(v - t, 0) with the t that makes the row add up to 1, found by sorting (Duchi et al., ICML
    2008, figure 1). Rows that are shares already, to rounding, stay as they are to the bit.

    Args:
        v: finite numbers; rows that are not finite give rows that are not.
    """
    ordered = v.sort(dim=-1, descending=True).values
    excess = ordered.cumsum(dim=-1) - 1
    count = torch.arange(1, v.shape[-1] + 1, device=v.device)
    # The rows that keep a part are a prefix of the sorted ones, and the largest always does.
    kept = (ordered * count > excess).sum(dim=-1, keepdim=True).clamp_min(1)
    level = excess.gather(-1, kept - 1) / kept
    nearest = (v - level).clamp_min(0)
    off = (v.sum(dim=-1, keepdim=True) - 1).abs()
    already = (off <= ROUNDING * v.shape[-1] ** 0.5) & (v >= 0).all(dim=-1, keepdim=True)
    return torch.where(already, v, nearest)
