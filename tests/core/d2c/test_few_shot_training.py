"""Few-shot conditions from labels: exact posteriors, shares, settings, bad input."""

import pytest
import torch
from latentsteer.core.d2c import groups
from latentsteer.core.d2c.calibration import area_under_curve, calibration_error
from latentsteer.core.d2c.encoding import encoded
from latentsteer.core.d2c.few_shot import fit_few_shot
from latentsteer.core.d2c.inputs import Inputs
from latentsteer.core.d2c.labels import labelled, other_class
from latentsteer.core.d2c.logistic import fit_logistic
from latentsteer.core.errors import DomainMismatch, InvalidInput
from torch.nn.functional import one_hot

from .mixtures import drawn, generator, mixed, normal, posterior, posterior_of_three, three

CPU = torch.device("cpu")
BINARY = torch.tensor([0, 1]).repeat_interleave(50)


def fitted(z, labels=BINARY, classes=("rest", "wanted"), wanted=1, **settings):
    return fit_few_shot(z, labels, classes, wanted, generator(z.shape[1]), **settings)


def test_many_labels_give_the_exact_posterior_at_the_shares_of_the_bank():
    z, labels = mixed(1000, 0.5, seed=1)
    bank, _ = mixed(1000, 0.1, seed=2)
    made = fitted(z, labels, unlabelled=bank, ridge=1e-4)
    assert (made.probability(bank) - posterior(bank, 0.1)).abs().mean() < 0.02
    assert made.share == pytest.approx(0.1, abs=0.03)
    assert made.fitted_shares == (0.5, 0.5)
    # Without a bank the shares of the labels remain.
    plain = fitted(z, labels, ridge=1e-4)
    assert (plain.probability(bank) - posterior(bank, 0.5)).abs().mean() < 0.03


def test_a_hundred_labels_in_64_dimensions_give_usable_probabilities(monkeypatch):
    """The label prior does not collapse, and r is calibrated, for four draws of labels."""
    monkeypatch.setattr(groups, "MOST_NUMBERS", 0)  # test_groups.py has the unlabelled groups
    bank, truth = mixed(1000, 0.1, 64, seed=100)
    shares, errors, areas = [], [], []
    for seed in range(4):
        made = fitted(drawn(BINARY, 64, seed=seed), unlabelled=bank, ridge=0.03)
        r = made.probability(bank)
        shares.append(made.share)
        errors.append(calibration_error(r, truth))
        areas.append(area_under_curve(r, truth))
    assert min(shares) > 0.04
    assert sum(shares) / 4 == pytest.approx(0.1, abs=0.04)
    assert max(errors) < 0.12
    assert min(areas) > 0.9


def test_several_classes_are_the_exact_posterior_and_the_wanted_one_is_given():
    z, labels = three([600, 600, 600], seed=3)
    bank, _ = three([700, 200, 100], seed=4)
    made = fitted(z, labels, ("a", "b", "c"), 2, unlabelled=bank, ridge=1e-4)
    exact = posterior_of_three(bank, (0.7, 0.2, 0.1))
    assert (made.probability(bank) - exact[:, 2]).abs().mean() < 0.02
    assert (made.logits(bank).softmax(dim=1) - exact).abs().mean() < 0.02
    assert made.shares == pytest.approx((0.7, 0.2, 0.1), abs=0.04)


def test_a_given_share_replaces_the_estimate():
    z, bank = drawn(BINARY), mixed(200, 0.1)[0]
    made = fitted(z, unlabelled=bank, share=0.3, ridge=0.01)
    assert made.shares == pytest.approx((0.7, 0.3))
    z, labels = three([20, 20, 60])
    assert fitted(z, labels, ("a", "b", "c"), 0, share=0.5, ridge=0.01).shares == pytest.approx(
        (0.5, 0.125, 0.375)
    )


def test_a_result_depends_on_the_seed_of_the_folds_alone():
    z = drawn(BINARY, 8, seed=5)
    one, again = (fitted(z, seed=3, ridge=0.01) for _ in range(2))
    assert torch.equal(one.weight, again.weight)
    assert one.calibration == again.calibration
    assert fitted(z, seed=4, ridge=0.01).calibration != one.calibration


def test_fewer_latents_than_coordinates_give_the_same_classifier_as_all_coordinates():
    z = drawn(BINARY, 150, seed=6)
    inputs = Inputs.of(z)
    assert inputs.x.shape == (100, 100)
    x = (z - inputs.mean) / inputs.std
    targets = one_hot(BINARY).double()
    expected = fit_logistic(x, targets, 0.1)
    found = fit_logistic(inputs.x, targets, 0.1)
    torch.testing.assert_close(inputs.weight(found), expected.weight, atol=1e-4, rtol=0)


def test_a_coordinate_that_never_changes_has_no_weight():
    z = drawn(BINARY, 3, seed=7)
    z[:, 2] = 5.0
    made = fitted(z, ridge=0.01)
    assert made.weight[0, 2] == 0
    moved = z.clone()
    moved[:, 2] = -3
    assert torch.equal(made.probability(z), made.probability(moved))


def test_figures_tell_what_was_measured():
    made = fitted(drawn(BINARY), unlabelled=mixed(300, 0.2)[0], ridge=0.01)
    assert made.figures["labels"] == 100
    assert 0.9 < made.figures["auc"] <= 1
    assert 0 <= made.figures["calibration error"] < 0.2
    for name in ("share by likelihood", "share by moments"):
        assert made.figures[name] == pytest.approx(0.2, abs=0.08)
    assert made.summary().startswith("wanted among rest, wanted from labels: share 0.")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": BINARY[:-1]}, "99 labels for 100 images"),
        ({"classes": ("only",), "wanted": 0}, "All labels are 'only'"),
        ({"labels": BINARY * 0}, r"Too few .*'wanted': 0.*at least 5"),
        ({"labels": (torch.arange(100) < 4).long()}, "'wanted': 4"),
        ({"labels": BINARY * 2}, r"'wanted': 0"),
        ({"wanted": 2}, "Wanted class 2"),
        ({"share": 0.0}, "share of 0 "),
        ({"ridge": -1.0}, "ridge of -1"),
        ({"threshold": 0.0}, "Threshold 0"),
        ({"unlabelled": torch.full((5, 2), torch.inf)}, "unlabelled latents 0, 1, 2, 3, 4"),
    ],
)
def test_bad_input_is_refused(change, words):
    settings = {"labels": BINARY, "ridge": 0.1, **change}
    with pytest.raises(InvalidInput, match=words):
        fitted(drawn(BINARY), **settings)


def test_latents_of_another_length_or_not_finite_are_refused():
    with pytest.raises(DomainMismatch, match=r"labelled latents have the shape \(100, 3\)"):
        fit_few_shot(drawn(BINARY, 3), BINARY, ("a", "b"), 1, generator(2))
    z = drawn(BINARY)
    z[7, 1] = torch.nan
    with pytest.raises(InvalidInput, match="labelled latents 7, counted from 0, are not finite"):
        fitted(z)


def test_labels_are_classes_or_captions():
    numbers, classes, wanted = labelled(["b", "a", "b"], "a", 3)
    assert (numbers.tolist(), classes, wanted) == ([0, 1, 0], ("b", "a"), 1)
    numbers, classes, wanted = labelled(["c", "b", "a"], "b", 3)
    assert (numbers.tolist(), classes, wanted) == ([2, 1, 0], ("a", "b", "c"), 1)
    numbers, classes, wanted = labelled(["A red Hat", "none"], "hat", 2)
    assert (numbers.tolist(), classes, wanted) == ([1, 0], ("rest", "hat"), 1)
    assert other_class("rest") != "rest"
    with pytest.raises(InvalidInput, match="2 labels for 3 images"):
        labelled(["a", "b"], "a", 3)
    with pytest.raises(InvalidInput, match=r"contains 'c'\. There are: a, b"):
        labelled(["b", "a"], "c", 2)


def test_images_of_any_size_are_encoded_and_bad_ones_refused(make_encoder):
    made, chunking = make_encoder()
    images = normal(3, 3, 9, 7, seed=8).float().sigmoid()
    found = encoded(made, images, chunking=chunking, device=CPU)
    assert found.shape == (3, 6)
    one = encoded(made, images[1:2], chunking=chunking, device=CPU)
    torch.testing.assert_close(found[1:2], one)
    with pytest.raises(InvalidInput, match="the batch is empty"):
        encoded(made, images[:0], chunking=chunking, device=CPU)
    images[2] = torch.nan
    with pytest.raises(InvalidInput, match="not finite for the images 2"):
        encoded(made, images, chunking=chunking, device=CPU)
    with pytest.raises(InvalidInput, match="has no encoder"):
        encoded(generator(), images, chunking=chunking, device=CPU)
