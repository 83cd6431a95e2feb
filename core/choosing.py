"""What a lowest energy is chosen among."""

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["comparable"]


def comparable(energies: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The energies, with +inf for what is no number: NaN, and -inf, which is a broken reading too.

    Whatever chooses by the lowest energy looks at these: a candidate whose energy is not finite is
    the worst one.
    """
    return torch.where(energies.isfinite(), energies, torch.inf)
