"""Distances, diversity and intervals, and evaluations that use them."""

import numpy as np
import pytest
import scipy.linalg
import torch
from latentsteer.core.chunking import Chunking
from latentsteer.core.condition import Condition
from latentsteer.core.errors import ConditionMismatch, InvalidInput
from latentsteer.core.metrics.classes import (
    ClassifierOutputs,
    classifier_outputs,
    evaluate,
    wanted_classes,
)
from latentsteer.core.metrics.distances import (
    diversity,
    frechet_distance,
    spread_of,
    within_class_diversity,
)
from latentsteer.core.metrics.intervals import bootstrap
from latentsteer.core.zoo.shipped import REFERENCES, reference_images

DOUBLE = torch.float64


def by_matrix_root(first, second):
    a, b = first.double().numpy(), second.double().numpy()
    s1, s2 = np.cov(a.T), np.cov(b.T)
    root = scipy.linalg.sqrtm(s1 @ s2)
    gap = np.square(a.mean(0) - b.mean(0)).sum()
    return gap + np.trace(s1 + s2 - 2 * np.real(root))


@pytest.mark.parametrize("sizes", [(200, 150), (40, 300), (12, 12)])
def test_the_frechet_distance_is_the_one_of_the_matrix_root(sizes, toys):
    mix = toys.normal(8, 8, seed=5, dtype=DOUBLE)
    first = toys.normal(sizes[0], 8, seed=1, dtype=DOUBLE)
    second = toys.normal(sizes[1], 8, seed=2, dtype=DOUBLE) @ mix + 0.5
    expected = by_matrix_root(first, second)
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-8)
    assert frechet_distance(second, first) == pytest.approx(expected, rel=1e-8)


def with_moments(rows, mean, covariance, toys):
    """A set whose sample mean and covariance are exactly these."""
    x = toys.normal(rows, len(mean), dtype=DOUBLE)
    x = x - x.mean(dim=0)
    white = x @ torch.linalg.inv(torch.linalg.cholesky(x.T.cov())).T
    return white @ torch.linalg.cholesky(covariance).T + mean


def test_the_frechet_distance_of_gaussians_is_its_closed_form(toys):
    variances = torch.tensor([[1.0, 4.0, 0.25], [9.0, 1.0, 0.16]], dtype=DOUBLE)
    means = torch.tensor([[0.0, 1.0, 2.0], [1.0, 1.0, 0.0]], dtype=DOUBLE)
    turn, _ = torch.linalg.qr(toys.normal(3, 3, dtype=DOUBLE))
    first, second = (
        with_moments(50, mean, turn @ variance.diag() @ turn.T, toys)
        for mean, variance in zip(means, variances, strict=True)
    )
    # Covariances that commute: |m1 - m2|^2 + sum (s1 - s2)^2.
    roots = variances.sqrt()
    expected = (means[0] - means[1]).square().sum() + (roots[0] - roots[1]).square().sum()
    assert frechet_distance(first, second) == pytest.approx(float(expected), rel=1e-9)


@pytest.mark.parametrize("rows", [3, 8, 100])
def test_the_frechet_distance_of_equal_sets_is_zero(rows, toys):
    features = toys.normal(rows, 8)
    shuffled = features[torch.randperm(rows, generator=torch.Generator().manual_seed(0))]
    assert frechet_distance(features, shuffled) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(features, features + 2) == pytest.approx(4 * 8, rel=1e-5)


def test_sets_smaller_than_their_features_have_a_distance(toys):
    first, second = toys.normal(5, 20, seed=1), toys.normal(6, 20, seed=2)
    assert frechet_distance(first, second) == pytest.approx(
        by_matrix_root(first, second), rel=1e-4
    )


def test_bad_sets_have_no_frechet_distance(toys):
    good = toys.normal(5, 3)
    with pytest.raises(InvalidInput, match="widths 3 and 4"):
        frechet_distance(good, toys.normal(5, 4))
    with pytest.raises(InvalidInput, match="1 rows"):
        frechet_distance(good, good[:1])
    with pytest.raises(InvalidInput, match="not finite"):
        frechet_distance(good, good * torch.inf)


def test_diversity_is_the_root_mean_square_distance_of_pairs_over_the_root_of_two(toys):
    square = torch.tensor([[0.0, 0.0], [0.0, 2.0], [2.0, 0.0], [2.0, 2.0]])
    # Four of the six pairs are 2 apart, two are sqrt(8) apart: (4 * 4 + 2 * 8) / 6 / 2.
    assert diversity(square) == pytest.approx((8 / 3) ** 0.5)
    assert diversity(square + 5) == pytest.approx((8 / 3) ** 0.5)
    assert diversity(square[:1].expand(4, -1)) == 0
    features = toys.normal(7, 5)
    pairs = torch.pdist(features).square().mean() / 2
    assert diversity(features) == pytest.approx(float(pairs.sqrt()), rel=1e-5)


@pytest.mark.parametrize("count", [2, 3, 8])
def test_diversity_squared_is_unbiased_at_every_number_of_samples(count, toys):
    sets = toys.normal(4000, count, 3)
    squares = torch.tensor([diversity(one) ** 2 for one in sets], dtype=torch.float64)
    # The mean of chi-squares of 3 (n - 1) degrees over n - 1: 3, with variance 6 / (n - 1).
    assert abs(squares.mean() - 3) < 4 * (6 / (count - 1) / 4000) ** 0.5


def test_diversity_within_classes_does_not_see_what_lies_between_them():
    features = torch.tensor([[0.0], [2.0], [100.0], [106.0]])
    # 2 / sqrt(2) and 6 / sqrt(2).
    within = within_class_diversity(features, torch.tensor([0, 0, 4, 4]))
    assert within == pytest.approx(2 * 2**0.5)
    assert within_class_diversity(features, torch.tensor([1, 1, 1, 1])) == diversity(features)
    # A class of one has no diversity and does not count as one of 0.
    single = within_class_diversity(features, torch.tensor([0, 0, 4, 5]))
    assert single == pytest.approx(2**0.5)


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_samples_have_no_diversity(count):
    with pytest.raises(InvalidInput, match=f"Diversity of {count} samples.* at least 2"):
        diversity(torch.ones(count, 3))
    assert spread_of(torch.ones(count, 3)) is None


def test_classes_of_one_sample_each_have_no_diversity():
    classes = torch.tensor([4, 0, 7])
    with pytest.raises(InvalidInput, match="within 3 classes of one sample each"):
        within_class_diversity(torch.ones(3, 2), classes)
    assert spread_of(torch.ones(3, 2), classes) is None


def test_bootstrap_intervals_cover_the_mean_as_often_as_they_say(toys):
    trials, hits = 150, 0
    for trial in range(trials):
        interval = bootstrap(
            lambda rows: float(rows.mean()),
            toys.normal(60, seed=trial) + 3,
            seed=trial,
            rounds=200,
            level=0.9,
        )
        hits += interval.low <= 3 <= interval.high
    # The percentile interval of 60 samples covers about 0.89, within four standard errors.
    assert abs(hits / trials - 0.89) < 4 * (0.9 * 0.1 / trials) ** 0.5


def test_a_bootstrap_repeats_narrows_with_samples_and_contains_its_estimate(toys):
    def mean(rows):
        return float(rows.mean())

    few, many = (bootstrap(mean, toys.normal(n), seed=0, rounds=300) for n in (50, 5000))
    assert few == bootstrap(mean, toys.normal(50), seed=0, rounds=300)
    assert few.low < few.value < few.high
    assert few.value == mean(toys.normal(50))
    ratio = (few.high - few.low) / (many.high - many.low)
    assert 10 * 0.7 < ratio < 10 * 1.4
    # 2 x 1.96 / sqrt(5000), within the noise of 300 rounds.
    assert many.high - many.low == pytest.approx(0.0554, rel=0.2)
    assert str(few).count("[") == 1


@pytest.mark.parametrize("wrong", [{"rounds": 0}, {"level": 1.0}, {"level": 0.0}])
def test_bad_bootstraps_are_refused(wrong):
    with pytest.raises(InvalidInput, match="Bootstrap of"):
        bootstrap(lambda rows: float(rows.mean()), [1.0, 2.0], seed=0, **wrong)
    with pytest.raises(InvalidInput, match="Bootstrap of 0 samples"):
        bootstrap(lambda rows: 0.0, torch.empty(0), seed=0)


# Evaluation


def images(count):
    return torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def test_a_judge_sees_probabilities_and_features(toys):
    classifier = toys.classifier()
    seen = classifier_outputs(classifier, images(7), Chunking(3, padded=False), toys.cpu)
    torch.testing.assert_close(seen.probabilities, classifier.embed(images(7)))
    torch.testing.assert_close(seen.features, classifier.features(images(7)))


def test_an_evaluation_gives_the_figures_of_what_was_seen(toys):
    law = toys.normal(20, 3, seed=1).softmax(dim=1)
    features, real = toys.normal(20, 4, seed=2), toys.normal(30, 4, seed=3)
    wanted = torch.arange(20) % 3
    found = evaluate(ClassifierOutputs(law, features), wanted=wanted, reference=real)
    chosen = [float(law[n, wanted[n]]) for n in range(20)]
    assert found.images == 20
    assert found.probability.value == pytest.approx(sum(chosen) / 20, rel=1e-5)
    right = sum(int(law[n].argmax()) == int(wanted[n]) for n in range(20))
    assert found.agreement == pytest.approx(right / 20)
    assert found.frechet == frechet_distance(features, real)
    assert found.spread == within_class_diversity(features, wanted)
    assert set(found.numbers()) == {
        "images",
        "diversity",
        "probability",
        "probability_low",
        "probability_high",
        "agreement",
        "frechet_distance",
    }
    assert "Frechet distance" in str(found)


def test_without_wanted_classes_or_reference_there_is_the_diversity_alone(toys):
    features = toys.normal(5, 4)
    found = evaluate(ClassifierOutputs(torch.full((5, 3), 1 / 3), features))
    assert found.numbers() == {"images": 5, "diversity": diversity(features)}
    assert str(found).splitlines()[0] == "5 images"


@pytest.mark.parametrize("wanted", [None, [0, 1, 2]])
def test_an_evaluation_that_compares_no_two_images_says_so(wanted, toys):
    count = 1 if wanted is None else 3
    seen = ClassifierOutputs(torch.full((count, 3), 1 / 3), toys.normal(count, 4))
    found = evaluate(seen, wanted=None if wanted is None else torch.tensor(wanted))
    assert found.spread is None
    assert "diversity" not in found.numbers()
    assert "diversity: none; it needs at least 2 images" in str(found)


def test_evaluations_without_sense_are_refused(toys):
    nothing = ClassifierOutputs(torch.zeros(0, 3), torch.zeros(0, 4))
    with pytest.raises(InvalidInput, match="No image"):
        evaluate(nothing)
    some = ClassifierOutputs(torch.full((5, 3), 1 / 3), toys.normal(5, 4))
    with pytest.raises(InvalidInput, match="2 wanted classes for 5 images"):
        evaluate(some, wanted=torch.tensor([0, 1]))


def test_judging_no_image_at_all_is_refused(toys):
    with pytest.raises(InvalidInput, match="No image"):
        evaluate(
            classifier_outputs(toys.classifier(), images(0), Chunking(3, padded=False), toys.cpu)
        )


def test_wanted_classes_are_found_by_name_in_another_classifier(toys):
    classifier = toys.classifier()
    names = ("c", "a")
    condition = Condition(torch.eye(2), names, "another-id", "another f")
    assert wanted_classes(classifier, condition, 2).tolist() == [2, 0]
    one = Condition(torch.eye(2)[:1], ("b",), "another-id", "another f")
    assert wanted_classes(classifier, one, 4).tolist() == [1] * 4
    with pytest.raises(ConditionMismatch, match="does not have the classes z"):
        wanted_classes(classifier, Condition(torch.eye(2)[:1], ("z",), "i", "n"), 4)
    with pytest.raises(ConditionMismatch, match="2 rows and the batch 3"):
        wanted_classes(classifier, condition, 3)


def test_the_shipped_reference_is_a_thousand_labelled_digits():
    assert "digits held out (embedded)" in REFERENCES
    held, labels = reference_images("digits held out (embedded)")
    assert held.shape == (1000, 3, 28, 28)
    assert 0 <= float(held.min()) < float(held.max()) <= 1
    assert labels.unique().tolist() == list(range(10))
    with pytest.raises(InvalidInput, match="No reference 'cats'"):
        reference_images("cats")
