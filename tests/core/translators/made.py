"""Small translators and pairs with a known law, shared by the tests of translators."""

from importlib.util import find_spec

import pytest
import torch
from latentsteer.core.pairs.pairs import Pairs
from latentsteer.core.translators.translator import TranslatorConfig

GAINS = torch.tensor([2.0, 0.5])
"""c = gain z + e with z and e standard normal: z given c is normal, mean gain c / (1 + gain^2),
variance 1 / (1 + gain^2)."""


def config(**changes):
    fields = {
        "kind": "mixture",
        "embed_dim": 3,
        "latent_dim": 2,
        "components": 4,
        "hidden": 8,
        "initial_std": 0.5,
        "generator": "toy-generator-id",
        "generator_name": "toy",
        "auxiliary": "toy-classifier-id",
        "auxiliary_name": "toy f",
    }
    return TranslatorConfig(**fields | changes)


def linear_pairs(count, toys, seed):
    z, noise = toys.normal(count, 2, seed=seed), toys.normal(count, 2, seed=seed + 1)
    return Pairs(z, GAINS * z + noise)


def true_law(pairs):
    """Log-density of the latents given the conditions."""
    variance = 1 / (1 + GAINS.square())
    law = torch.distributions.Normal(GAINS * variance * pairs.conditions, variance.sqrt())
    return law.log_prob(pairs.latents).sum(dim=1)


def needs_zuko():
    """Skips a test without the library; `importorskip` would let it change torch.distributions."""
    if find_spec("zuko") is None:
        pytest.skip("the extra `flow` is not installed")
