"""The start at a ridge regression: its closed form, what it reaches, heads, and resuming."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.pairs.pairs import Pairs
from latentsteer.core.translators.loop import Loop
from latentsteer.core.translators.recipes import FAST
from latentsteer.core.translators.ridge import ridge_regression
from latentsteer.core.translators.training import fit_translator
from latentsteer.core.translators.translator import translator_of

from .made import config

START = replace(FAST, batch_size=64, epochs=1)
NOISE = 0.3


@pytest.fixture(scope="module")
def pairs(toys):
    """z = A c + noise, for which the best law is known."""
    c, noise = toys.normal(3000, 3), toys.normal(3000, 5, seed=2)
    return Pairs(c @ toys.normal(3, 5, seed=3) + NOISE * noise, c)


def untrained(**changes):
    return translator_of(config(latent_dim=5, hidden=40, components=3, **changes), seed=0)


def started(translator, pairs, training=START):
    Loop(translator, pairs.latents, pairs.conditions, training, seed=0)
    return translator.eval().requires_grad_(False)


def test_the_regression_is_least_squares_and_its_deviation_that_of_new_pairs(pairs):
    x, y = pairs.conditions, pairs.latents
    found = ridge_regression(x, y)
    design = torch.cat([x, torch.ones(len(x), 1)], dim=1).double()
    kept = torch.arange(len(x)) % 10 != 9
    expected = torch.linalg.lstsq(design[kept], y[kept].double()).solution.T
    torch.testing.assert_close(found.weight, expected[:, :3], rtol=0, atol=2e-3)
    torch.testing.assert_close(found.bias, expected[:, 3], rtol=0, atol=2e-3)
    # 300 residuals: their deviation is known to 4 %; 5 of them.
    assert (found.deviation / NOISE - 1).abs().max() < 0.2


def test_a_ridge_is_chosen_that_new_pairs_do_not_contradict(toys):
    # 200 numbers, 198 pairs of pure noise: with the smallest ridge the map is far from 0.
    x, y = toys.normal(220, 200), toys.normal(220, 2, seed=1)
    found = ridge_regression(x, y)
    # Residuals of N(0, 1) at 22 pairs: their deviation is below 1.7 by five of its deviations.
    assert found.deviation.max() < 1.7
    kept = torch.arange(220) % 10 != 9
    bare = torch.linalg.lstsq(x[kept].double(), y[kept].double()).solution
    assert (y[~kept] - x[~kept] @ bare.float()).square().mean().sqrt() > 3


@torch.no_grad()
def test_it_starts_where_a_linear_law_is_nearly_reached(pairs, toys):
    held = pairs.latents[-500:], pairs.conditions[-500:]
    best = 0.5 * torch.log(torch.tensor(2 * torch.pi * torch.e * NOISE**2))

    def nll(translator):
        return float(-translator(held[1]).log_prob(held[0]).mean() / 5)

    random = nll(started(untrained(), pairs, replace(START, regression_start=False)))
    regressed = nll(started(untrained(), pairs))
    assert regressed < best + 0.15 < random - 0.3


@torch.no_grad()
def test_components_differ_and_bounded_heads_stay_inside(pairs):
    translator = started(untrained(), pairs)
    _, means = translator.parameters_of(pairs.conditions[:20])
    assert means.std(dim=1).min() > 0
    inside = untrained(bounds=((0, 2, -1.0, 1.0),), regressed=((3, 5),))
    clipped = pairs.latents.clone()
    clipped[:, :2] = clipped[:, :2].tanh()
    started(inside, Pairs(clipped, pairs.conditions))
    law = inside(pairs.conditions)
    assert law.mean[:, :2].abs().max() <= 1
    error = (law.mean - clipped).square().mean(dim=0)
    assert bool((error < 0.5 * clipped.var(dim=0)).all())


@pytest.mark.bits
def test_a_stopped_training_goes_on_from_the_same_start(pairs, tmp_path):
    from latentsteer.core.translators.progress import TrainingFile

    whole = fit_translator(untrained(), pairs, START, seed=0)
    file = TrainingFile(tmp_path / "state.safetensors")

    def stop(done, loss):
        if done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_translator(untrained(), pairs, START, seed=0, report=stop, progress=file)
    again = fit_translator(untrained(), pairs, START, seed=0, progress=file)
    weights = again.state_dict()
    assert all(torch.equal(weights[name], x) for name, x in whole.state_dict().items())
