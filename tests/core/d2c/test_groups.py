"""Classifiers of labelled and unlabelled latents together."""

import pytest
import torch
from latentsteer.core.d2c import groups
from latentsteer.core.d2c.few_shot import fit_few_shot
from latentsteer.core.d2c.groups import fit_groups, group_logits
from torch.nn.functional import cross_entropy, one_hot

from .mixtures import drawn, generator, mixed, normal, posterior

LABELS = torch.tensor([0, 1]).repeat_interleave(50)


def sets(counts, share, dim=2, seed=0):
    """Inputs of the rest, the wanted and unlabelled latents, and their groups."""
    known = torch.tensor([0, 1]).repeat_interleave(torch.tensor(counts[:2]))
    z = torch.cat([drawn(known, dim, seed), mixed(counts[2], share, dim, seed + 1)[0]])
    own = torch.arange(3).repeat_interleave(torch.tensor(counts))
    return z, one_hot(own, 3).double()


def test_the_probabilities_of_the_groups_follow_bayes_rule():
    z = normal(6, 2, seed=1)
    exact = posterior(z, 0.2)
    sizes = torch.tensor([30.0, 20.0, 500.0], dtype=torch.float64)
    found = group_logits(exact.logit(), sizes, 0.2).softmax(dim=1)
    # The densities of both classes and of their mixture, relative to the mixture's.
    densities = torch.stack([(1 - exact) / 0.8, exact / 0.2, torch.ones(6)], dim=1)
    joint = densities * sizes
    torch.testing.assert_close(found, joint / joint.sum(dim=1, keepdim=True))


def test_a_fit_is_the_minimum_of_its_objective():
    z, own = sets((20, 10, 100), 0.3)
    found = fit_groups(z, own, 0.05, share=0.3)
    weight, bias = (t.clone().requires_grad_(True) for t in (found.weight, found.bias))
    logits = group_logits((z @ weight.T + bias)[:, 0], own.sum(dim=0), 0.3)
    loss = cross_entropy(logits, own.argmax(dim=1)) + 0.05 * weight.square().sum() / 2
    for slope in torch.autograd.grad(loss, (weight, bias)):
        assert slope.abs().max() < 1e-5


def test_many_samples_give_the_exact_posterior():
    z, own = sets((1000, 500, 2000), 0.2, seed=3)
    found = fit_groups(z, own, 1e-5, share=0.2).logits(z)[:, 1].sigmoid()
    assert (found - posterior(z, 0.2)).abs().mean() < 0.015


@pytest.fixture(scope="module")
def both():
    """Conditions of a hundred labels in 32 dimensions with and without the unlabelled groups."""
    bank, _ = mixed(600, 0.15, 32, seed=10)
    made = []
    for seed in range(2):
        settings = {"unlabelled": bank, "share": 0.15, "ridge": 0.03}
        args = (drawn(LABELS, 32, seed=seed), LABELS, ("rest", "wanted"), 1, generator(32))
        one = fit_few_shot(*args, **settings)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(groups, "MOST_NUMBERS", 0)
            made.append((one, fit_few_shot(*args, **settings)))
    return made


def test_unlabelled_latents_improve_a_hundred_labels(both):
    new, _ = mixed(2000, 0.15, 32, seed=11)
    exact = posterior(new, 0.15)
    errors = torch.tensor(
        [[float((c.probability(new) - exact).abs().mean()) for c in pair] for pair in both]
    )
    used = ["held-out loss" in one.figures for one, _ in both]
    assert sum(used) >= 1
    assert errors[:, 0].mean() < 0.9 * errors[:, 1].mean()


def test_they_are_used_only_where_held_out_labels_are_more_likely(both):
    for one, plain in both:
        assert "held-out loss" not in plain.figures
        if "held-out loss" in one.figures:
            assert one.figures["held-out loss"] < one.figures["held-out loss of labels alone"]
        else:
            torch.testing.assert_close(one.weight, plain.weight)
