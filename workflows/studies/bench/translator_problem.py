"""Problems on which recipes of translators are compared, and the recipes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from ....core.pairs.pairs import Pairs
from ....core.pairs.stored import StoredPairs
from ....core.rng import stream_of
from ....core.translators.training import FAST, PAPER, Training
from ....core.translators.translator import Translator, TranslatorConfig, translator_of
from ....core.zoo.shipped import embedded

__all__ = ["PROBLEMS", "RECIPES", "Digits", "Problem", "Synthetic", "held_out_nll"]

COMPONENTS = 10
"""Number of components K of the mixtures, as in the paper."""
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


class Problem(Protocol):
    """Pairs to train on, held-out pairs, and a network for them."""

    @property
    def hidden(self) -> int:
        """Hidden width H."""
        ...

    @property
    def pairs(self) -> int:
        """Number of pairs of a training."""
        ...

    @property
    def held_out(self) -> int:
        """Number of pairs on which the likelihood is measured."""
        ...

    @property
    def seed(self) -> int:
        """Seed of the training and of the initial weights."""
        ...

    def drawn(self, count: int, name: str) -> Pairs:
        """Returns the first pairs of the set `name`; "held out" shares none with the others."""
        ...

    def translator(self) -> Translator:
        """Makes an untrained mixture of ten components."""
        ...

    def described(self) -> dict[str, object]:
        """Returns the settings as JSON."""
        ...


@dataclass(frozen=True)
class Synthetic:
    """Pairs z ~ N(0, I), c = tanh(A z) + noise with a fixed random A: no generator, no auxiliary.

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
        """See `Problem`."""
        return _mixture(self.dim, self.dim, self.hidden, self.seed)

    def described(self) -> dict[str, object]:
        """See `Problem`."""
        return {**asdict(self), "gain": GAIN, "noise": NOISE}

    def _mixing(self) -> Tensor:
        drawn = torch.randn(self.dim, self.dim, generator=stream_of(self.seed, "mixing"))
        return GAIN * drawn / self.dim**0.5


@dataclass(frozen=True)
class Digits:
    """The shipped pairs of the embedded digits: 32 latents, 10 class probabilities.

    Attributes:
        hidden: hidden width H, the paper's for class labels.
        pairs: number of pairs of a training, the first ones.
        held_out: number of pairs on which the likelihood is measured, the last ones.
        seed: seed of the training and of the initial weights.
    """

    hidden: int = 100
    pairs: int = 19_456
    held_out: int = 1_024
    seed: int = 0

    @cached_property
    def _shipped(self) -> Pairs:
        return StoredPairs(embedded("digits pairs (embedded)")).loaded()

    def drawn(self, count: int, name: str) -> Pairs:
        """See `Problem`."""
        whole = self._shipped
        rows = slice(-count, None) if name == "held out" else slice(count)
        return Pairs(whole.latents[rows], whole.conditions[rows])

    def translator(self) -> Translator:
        """See `Problem`."""
        whole = self._shipped
        widths = whole.latents.shape[1], whole.conditions.shape[1]
        return _mixture(*widths, self.hidden, self.seed)

    def described(self) -> dict[str, object]:
        """See `Problem`."""
        shards = StoredPairs(embedded("digits pairs (embedded)")).manifest.shards
        return {**asdict(self), "files": [shard.sha256 for shard in shards]}


PROBLEMS: Mapping[str, Problem] = {"synthetic": Synthetic(), "digits": Digits()}
"""Problems at full size, by name."""


def _mixture(latents: int, conditions: int, hidden: int, seed: int) -> Translator:
    config = TranslatorConfig(
        kind="mixture",
        embed_dim=conditions,
        latent_dim=latents,
        components=COMPONENTS,
        hidden=hidden,
        initial_std=1.0,
        generator="",
        generator_name="benchmark",
        auxiliary="",
        auxiliary_name="benchmark",
    )
    return translator_of(config, seed=seed)


@torch.no_grad()
def held_out_nll(translator: Translator, pairs: Pairs, rows: int = 250) -> float:
    """Mean negative log-likelihood of pairs per coordinate, in nats."""
    parts = zip(pairs.latents.split(rows), pairs.conditions.split(rows), strict=True)
    total = sum(float(-translator(c).log_prob(z).sum()) for z, c in parts)
    return total / pairs.latents.numel()
