"""Logistic regression: optima by autograd, exact posteriors, the choice of the ridge."""

import pytest
import torch
from latentsteer.core.d2c.logistic import (
    RIDGES,
    Logistic,
    cross_validated,
    fit_logistic,
    folds_of,
)
from latentsteer.core.errors import InvalidInput
from torch.nn.functional import one_hot

from .mixtures import drawn, normal, posterior_of_three, three


def log_loss(logits, labels):
    return float(torch.nn.functional.cross_entropy(logits, labels))


@pytest.mark.parametrize("classes", [2, 3])
def test_a_fit_is_the_minimum_of_its_objective_with_weighted_targets(classes):
    x = normal(60, 3, seed=1)
    targets = normal(60, classes, seed=2).square()
    found = fit_logistic(x, targets, 0.05)
    weight, bias = (t.clone().requires_grad_(True) for t in (found.weight, found.bias))
    logs = Logistic(weight, bias).logits(x).log_softmax(dim=1)
    loss = -(targets * logs).sum() / targets.sum() + 0.05 * weight.square().sum() / 2
    for slope in torch.autograd.grad(loss, (weight, bias)):
        assert slope.abs().max() < 1e-5
    assert found.weight.shape == (1 if classes == 2 else 3, 3)


def test_a_strong_ridge_leaves_the_shares_of_the_classes():
    labels = torch.tensor([0] * 30 + [1] * 10)
    found = fit_logistic(drawn(labels), one_hot(labels).double(), 1e6)
    assert found.weight.abs().max() < 1e-5
    torch.testing.assert_close(found.bias, torch.tensor([1 / 3]).double().log(), atol=1e-4, rtol=0)


def test_a_start_does_not_change_the_optimum():
    labels = torch.tensor([0, 1] * 30)
    x, targets = drawn(labels), one_hot(labels).double()
    start = Logistic(normal(1, 2, seed=3), normal(1, seed=4))
    one, other = fit_logistic(x, targets, 0.1), fit_logistic(x, targets, 0.1, start=start)
    torch.testing.assert_close(one.weight, other.weight, atol=1e-4, rtol=0)


def test_several_classes_have_the_exact_posterior_with_many_labels():
    z, labels = three([3000, 2000, 1000], seed=5)
    found = fit_logistic(z, one_hot(labels).double(), 1e-6).logits(z).softmax(dim=1)
    expected = posterior_of_three(z, (1 / 2, 1 / 3, 1 / 6))
    assert (found - expected).abs().mean() < 0.01
    assert found.std(dim=0).min() > 0.2


def test_the_chosen_ridge_is_better_on_new_samples_than_the_ends_of_the_grid():
    labels = torch.tensor([0, 1] * 50)
    x, targets = drawn(labels, 64, seed=6), one_hot(labels).double()
    found = cross_validated(x, targets, folds_of(labels, 5, 0), RIDGES[::2])
    new = torch.tensor([0, 1] * 500)
    held = drawn(new, 64, seed=7)

    def loss(ridge):
        return log_loss(fit_logistic(x, targets, ridge).logits(held), new)

    assert RIDGES[-1] < found.ridge < RIDGES[0]
    assert loss(found.ridge) < 0.8 * min(loss(RIDGES[0]), loss(RIDGES[-1]))


def test_held_out_logits_are_of_fits_without_the_fold():
    labels = torch.tensor([0, 1] * 20)
    x, targets, fold = drawn(labels), one_hot(labels).double(), folds_of(labels, 5, 0)
    found = cross_validated(x, targets, fold, RIDGES[4:9])
    kept = fold != 2
    expected = fit_logistic(x[kept], targets[kept], found.ridge).logits(x[~kept])
    torch.testing.assert_close(found.logits[~kept], expected, atol=1e-3, rtol=1e-3)
    assert min(found.losses) == pytest.approx(log_loss(found.logits, labels))
    assert found.ridge == found.ridges[found.losses.index(min(found.losses))]


def test_folds_spread_each_class_evenly_and_depend_on_the_seed_alone():
    labels = torch.tensor([0] * 23 + [1] * 12)
    found = folds_of(labels, 5, 3)
    assert torch.equal(found, folds_of(labels, 5, 3))
    assert not torch.equal(found, folds_of(labels, 5, 4))
    for label in (0, 1):
        counts = torch.bincount(found[labels == label], minlength=5)
        assert counts.max() - counts.min() <= 1
    assert torch.bincount(found).tolist() == [7] * 5


@pytest.mark.parametrize(("folds", "few"), [(1, 10), (5, 4)])
def test_folds_that_cannot_be_are_refused(folds, few):
    labels = torch.tensor([0] * 10 + [1] * few)
    with pytest.raises(InvalidInput, match=f"{folds} folds"):
        folds_of(labels, folds, 0)


def test_losses_that_are_not_finite_are_refused():
    labels = torch.tensor([0, 1] * 10)
    x, targets, fold = drawn(labels), one_hot(labels).double(), folds_of(labels, 5, 0)
    with pytest.raises(InvalidInput, match="not finite for any ridge"):
        cross_validated(x, targets, fold, [1.0], loss=lambda *_: float("inf"))
