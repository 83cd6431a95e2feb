"""A synthetic problem for translators, without a generator or an auxiliary, and its recipes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import torch
from torch import Tensor

from ....core.pairs.pairs import Pairs
from ....core.rng import stream_of
from ....core.translators.training import FAST, PAPER, Training
from ....core.translators.translator import Translator, TranslatorConfig, translator_of

__all__ = ["RECIPES", "Problem"]

GAIN = 2.0
"""Standard deviation of a condition's numbers before the tanh."""
NOISE = 0.1
"""Standard deviation of the noise after the tanh."""

RECIPES: Mapping[str, Training] = {
    "paper": replace(PAPER, initial_std="data"),
    "paper_sigma": PAPER,
    "fast": FAST,
    "fast_bf16": replace(FAST, bf16=True),
}
"""Recipes by row: the paper's at the data's sigma and at its own 0.01, and the fast one."""


@dataclass(frozen=True)
class Problem:
    """Pairs z ~ N(0, I), c = tanh(A z) + noise with a fixed random A, and a network for them.

    Attributes:
        dim: dimension of latents and of conditions.
        hidden: hidden width H.
        pairs: number of pairs of a training.
        held_out: number of pairs on which the likelihood is measured.
        seed: seed of everything.
    """

    dim: int = 512
    hidden: int = 2048
    pairs: int = 20_000
    held_out: int = 2_000
    seed: int = 0

    def drawn(self, count: int, name: str) -> Pairs:
        """Returns pairs; two names give different ones."""
        stream = stream_of(self.seed, name)
        z = torch.randn(count, self.dim, generator=stream)
        noise = torch.randn(count, self.dim, generator=stream)
        return Pairs(z, (z @ self._mixing().T).tanh() + NOISE * noise)

    def translator(self) -> Translator:
        """Makes an untrained mixture of ten components."""
        config = TranslatorConfig(
            kind="mixture",
            embed_dim=self.dim,
            latent_dim=self.dim,
            components=10,
            hidden=self.hidden,
            initial_std=1.0,
            generator="",
            generator_name="synthetic",
            auxiliary="",
            auxiliary_name="synthetic",
        )
        return translator_of(config, seed=self.seed)

    def described(self) -> dict[str, object]:
        """Returns the settings as JSON."""
        return {**asdict(self), "gain": GAIN, "noise": NOISE}

    def _mixing(self) -> Tensor:
        drawn = torch.randn(self.dim, self.dim, generator=stream_of(self.seed, "mixing"))
        return GAIN * drawn / self.dim**0.5


@torch.no_grad()
def held_out_nll(translator: Translator, pairs: Pairs, rows: int = 250) -> float:
    """Mean negative log-likelihood of pairs per coordinate, in nats."""
    parts = zip(pairs.latents.split(rows), pairs.conditions.split(rows), strict=True)
    total = sum(float(-translator(c).log_prob(z).sum()) for z, c in parts)
    return total / pairs.latents.numel()
