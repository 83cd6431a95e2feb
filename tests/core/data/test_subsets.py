"""Parts of a set of pictures: orders by a seed, and disjoint halves."""

from collections import Counter

import pytest
import torch
from latentsteer.core.data.subsets import ORDERS, portion
from latentsteer.core.errors import InvalidInput
from latentsteer.core.zoo.shipped import REFERENCES, reference_images, reference_portion

DIGITS = "digits held out (embedded)"
LABELS = [0] * 9 + [1] * 40 + [2] * 1 + [3] * 51


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("labels", [LABELS, LABELS[:8], ["a"], ["a", "b", "a"]])
def test_halves_share_nothing_and_leave_nothing_out(order, labels):
    options = {"order": order, "seed": 3, "labels": labels}
    whole, first, second = (
        portion(len(labels), part=part, **options) for part in ("all", "first half", "second half")
    )
    assert [*first, *second] == whole
    assert sorted(whole) == list(range(len(labels)))
    assert len(second) - len(first) in (0, 1)


def test_as_filed_is_the_order_of_before():
    assert portion(5, seed=9) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("order", ["shuffled", "balanced"])
def test_a_seed_is_an_order(order):
    def drawn(seed):
        return portion(len(LABELS), order=order, seed=seed, labels=LABELS)

    assert drawn(0) == drawn(0)
    orders = {tuple(drawn(seed)) for seed in (0, 1, 2**32, 2**33, 2**64 - 1)}
    assert len(orders) == 5
    assert tuple(range(len(LABELS))) not in orders


@pytest.mark.parametrize("seed", range(5))
def test_balanced_halves_hold_the_labels_in_equal_shares(seed):
    count = Counter(LABELS)
    for part in ("first half", "second half"):
        half = portion(len(LABELS), order="balanced", seed=seed, part=part, labels=LABELS)
        found = Counter(LABELS[number] for number in half)
        assert all(abs(found[label] - count[label] / 2) <= 1.5 for label in count)


def test_balanced_takes_as_many_of_each_from_equal_classes():
    labels = [number // 20 for number in range(200)]
    order = portion(200, order="balanced", seed=1, labels=labels)
    for first in range(0, 200, 10):
        assert sorted(labels[number] for number in order[first : first + 10]) == list(range(10))


def test_the_first_digits_as_filed_are_half_the_classes_and_balanced_ones_all():
    images, labels = reference_images(DIGITS)
    assert set(labels[:500].tolist()) == {0, 1, 2, 3, 4}
    rows = [image.numpy().tobytes() for image in images[:, :1].contiguous()]
    by_picture = dict(zip(rows, labels.tolist(), strict=True))
    counts = []
    for part in ("first half", "second half"):
        half = reference_portion(DIGITS, order="balanced", part=part)[:, :1].contiguous()
        counts.append(Counter(by_picture[image.numpy().tobytes()] for image in half))
    assert len(counts[0]) == len(counts[1]) == 10
    assert all(abs(counts[0][digit] - counts[1][digit]) <= 2 for digit in range(10))


@pytest.mark.parametrize("name", REFERENCES)
def test_all_as_filed_are_the_reference(name):
    assert torch.equal(reference_portion(name), reference_images(name)[0])
    assert len(reference_portion(name, order="balanced", part="first half")) == 500 * (
        2 if "avatars" in name else 1
    )


def test_labels_are_needed_where_the_order_is_balanced_over_them():
    with pytest.raises(InvalidInput, match="2 labels for 3 pictures"):
        portion(3, order="balanced", labels=["a", "b"])
