"""Loading pairs for training: two contiguous tensors without numbers that are not finite."""

import logging

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InvalidInput
from ..pairs.pairs import Pairs
from ..pairs.synthesis import check_dropped
from .translator import TranslatorConfig

__all__ = ["loaded"]

logger = logging.getLogger("latentsteer")

BLOCK = 1 << 16
"""Number of pairs that are read at a time."""


def loaded(
    pairs: Pairs, config: TranslatorConfig
) -> tuple[Float[Tensor, "pairs dim"], Float[Tensor, "pairs embed"]]:
    """Reads pairs block by block into latents and conditions, contiguous, float32, on the CPU.

    Pairs with a number that is not finite are dropped and counted in a warning.

    Args:
        pairs: the pairs.
        config: configuration of the translator to train.

    Raises:
        InvalidInput: no pairs, another width than the translator's, or more than one in
            a hundred not finite.
    """
    count = len(pairs)
    if count == 0:
        raise InvalidInput("No pairs to train a translator on. Make at least one.")
    latents = torch.empty(0, config.latent_dim)
    conditions = torch.empty(0, config.embed_dim)
    filled = 0
    for first, c in pairs.blocks(BLOCK):
        z = pairs.latents_of(torch.arange(first, first + len(c)))
        _check_widths(z, c, config)
        if first == 0:
            latents = torch.empty(count, config.latent_dim)
            conditions = torch.empty(count, config.embed_dim)
        finite = z.isfinite().all(dim=1) & c.isfinite().all(dim=1)
        kept = int(finite.sum())
        place = slice(filled, filled + kept)
        latents[place] = z if kept == len(c) else z[finite]
        conditions[place] = c if kept == len(c) else c[finite]
        filled += kept
        pairs.release()
    if dropped := count - filled:
        check_dropped(dropped, count)
        logger.warning("%d of %d pairs are not finite and were dropped.", dropped, count)
    return latents[:filled], conditions[:filled]


def _check_widths(z: Tensor, c: Tensor, config: TranslatorConfig) -> None:
    for what, found, expected in (
        ("latents", z.shape[1], config.latent_dim),
        ("conditions", c.shape[1], config.embed_dim),
    ):
        if found == expected:
            continue
        spans = ", ".join(f"{first} to {last}" for first, last in config.regressed)
        head = f", of which {spans} are the regressed class block" if spans else ""
        of_latents = head if what == "latents" else ""
        raise InvalidInput(
            f"The pairs' {what} have {found} numbers; the translator's have {expected}"
            f"{of_latents}. Train one for these pairs, or make pairs with its models."
        )
