"""Noise on the conditions: its covariance, and that of a training."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.errors import InvalidInput
from latentsteer.core.pairs.pairs import Pairs
from latentsteer.core.rng import stream_of
from latentsteer.core.translators.noise import ConditionNoise, covariance_root
from latentsteer.core.translators.training import Training, fit_translator
from latentsteer.core.translators.translator import translator_of

from .made import config, linear_pairs

DRAWS, GAMMA = 40_000, 0.3
DEVIATIONS = 6
"""Margin of a covariance, in standard deviations of its estimate; 21 of them are compared."""


def correlated(toys, count=500):
    """Conditions of six numbers with a mean far from 0, the sixth the sum of two others."""
    mixing = toys.normal(5, 5, seed=1)
    c = toys.normal(count, 5, seed=2) @ mixing + 100
    return torch.cat([c, c[:, :1] + c[:, 1:2]], dim=1)


def noise_of(kind, conditions, gamma=GAMMA):
    start = conditions.mean(dim=0).expand(DRAWS, -1).double()
    return ConditionNoise(gamma, kind, conditions).added(start, stream_of(0, "noise")) - start


@pytest.mark.parametrize("kind", ["isotropic", "covariance"])
def test_the_noise_has_the_covariance_of_its_kind(kind, toys):
    """An entry of a sample covariance has variance (C_ii C_jj + C_ij^2) / n."""
    conditions = correlated(toys)
    law = torch.eye(6) if kind == "isotropic" else torch.cov(conditions.double().T)
    expected = GAMMA**2 * law.double()
    noise = noise_of(kind, conditions)
    found = noise.T @ noise / DRAWS
    variances = expected.diagonal()
    margin = ((variances.outer(variances) + expected.square()) / DRAWS).sqrt()
    assert bool(((found - expected).abs() <= DEVIATIONS * margin).all())
    assert bool((noise.mean(dim=0).abs() <= DEVIATIONS * (variances / DRAWS).sqrt()).all())


def test_the_root_is_that_of_the_covariance_also_of_a_singular_one(toys, monkeypatch):
    """The last number is the sum of two others, and so is its noise."""
    monkeypatch.setattr("latentsteer.core.translators.noise.BLOCK", 64)
    conditions = correlated(toys)
    root = covariance_root(conditions)
    torch.testing.assert_close(root @ root, torch.cov(conditions.double().T), rtol=1e-6, atol=1e-6)
    assert torch.equal(root, root.T) or torch.allclose(root, root.T)
    noise = noise_of("covariance", conditions)
    torch.testing.assert_close(noise[:, 5], noise[:, 0] + noise[:, 1], rtol=0, atol=1e-4)


def test_without_gamma_nothing_is_drawn(toys):
    conditions, stream = correlated(toys), stream_of(0)
    before = stream.get_state()
    for kind in ("isotropic", "covariance"):
        assert ConditionNoise(0.0, kind, conditions).added(conditions, stream) is conditions
    assert torch.equal(stream.get_state(), before)


def test_one_pair_has_no_covariance(toys):
    with pytest.raises(InvalidInput, match="covariance of 1 pairs; at least 2"):
        ConditionNoise(0.1, "covariance", toys.normal(1, 3))


def trained(toys, **changes):
    pairs = linear_pairs(400, toys, 0)
    scale = torch.tensor([3.0, 0.1])
    pairs = Pairs(pairs.latents, pairs.conditions * scale)
    translator = translator_of(config(embed_dim=2), seed=3)
    training = replace(Training(2, 64, condition_noise=GAMMA), **changes)
    return fit_translator(translator, pairs, training, seed=5).state_dict()


def test_a_training_uses_the_noise_of_its_kind(toys):
    """Isotropic is the default; without gamma the kind has no effect."""
    plain = trained(toys)
    for changes, equal in (
        ({"noise_kind": "isotropic"}, True),
        ({"noise_kind": "covariance"}, False),
    ):
        found = trained(toys, **changes)
        assert all(torch.equal(plain[name], found[name]) for name in plain) == equal
    none = [trained(toys, noise_kind=k, condition_noise=0.0) for k in ("isotropic", "covariance")]
    assert all(torch.equal(none[0][name], none[1][name]) for name in plain)
