"""Shares of classes among unlabelled samples: exact mixtures, and classifiers that err."""

import pytest
import torch
from latentsteer.core.d2c.label_shift import estimate_shares, moment_shares
from latentsteer.core.errors import InvalidInput

from .mixtures import mixed, normal, posterior, posterior_of_three, three


def exact(z, share=0.5):
    """Exact logits for classes of these shares."""
    return torch.nn.functional.pad(posterior(z, share).logit()[:, None], (1, 0))


@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
def test_the_shares_of_a_mixture_are_found_from_its_exact_logits(share):
    z, _ = mixed(4000, share, seed=1)
    found = estimate_shares(exact(z), (0.5, 0.5), labels=4000)
    assert found.likelihood[1] == pytest.approx(share, abs=0.015)
    assert found.shares[1] == pytest.approx(share, abs=0.015)
    assert sum(found.shares) == pytest.approx(1)
    # The same logits at other shares of the labels say the same.
    other = estimate_shares(exact(z, 0.2), (0.8, 0.2), labels=4000)
    assert other.shares == pytest.approx(found.shares, abs=1e-5)


def test_three_shares_are_found():
    z, _ = three([2500, 400, 1100], seed=2)
    logits = posterior_of_three(z, (1 / 3, 1 / 3, 1 / 3)).log()
    found = estimate_shares(logits, (1 / 3,) * 3, labels=4000).shares
    assert found == pytest.approx((0.625, 0.1, 0.275), abs=0.03)


def test_the_estimate_is_the_stated_fixed_point():
    z, _ = mixed(300, 0.2, seed=3)
    found = torch.tensor(estimate_shares(exact(z), (0.5, 0.5), labels=100).shares)
    means = (exact(z) + found.double().log()).softmax(dim=1).mean(dim=0)
    torch.testing.assert_close(found.double(), (100 * means + 1) / 102, atol=1e-6, rtol=0)


def test_a_classifier_that_errs_does_not_lose_the_class():
    z, _ = mixed(4000, 0.08, seed=4)
    logits = exact(z)
    logits[:, 1] = 2 * logits[:, 1] - 18
    found = estimate_shares(logits, (0.5, 0.5), labels=100)
    assert found.likelihood[1] < 1e-3
    assert found.shares[1] >= 1 / 102


def test_moments_find_the_shares_without_calibration():
    labelled, labels = mixed(4000, 0.5, seed=5)
    z, _ = mixed(4000, 0.1, seed=6)
    targets = torch.nn.functional.one_hot(labels).double()
    wrong = [3 * exact(x) + torch.tensor([0.0, 1.0]) for x in (labelled, z)]
    assert moment_shares(wrong[0], targets, wrong[1])[1] == pytest.approx(0.1, abs=0.02)


def test_moments_say_nothing_where_the_classes_look_alike():
    targets = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).repeat(50, 1)
    noise = 0.01 * normal(100, 2, seed=7)
    assert moment_shares(noise, targets, noise) is None


def test_bad_input_is_refused():
    with pytest.raises(InvalidInput, match="0 unlabelled samples"):
        estimate_shares(torch.zeros(0, 2), (0.5, 0.5), labels=10)
    with pytest.raises(InvalidInput, match="not finite"):
        estimate_shares(torch.full((3, 2), torch.nan), (0.5, 0.5), labels=10)
