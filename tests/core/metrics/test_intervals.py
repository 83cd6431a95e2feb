"""Shares and their intervals, against published ones."""

import pytest
from latentsteer.core.errors import InvalidInput
from latentsteer.core.metrics.intervals import paired_difference, wilson


@pytest.mark.parametrize(
    ("yes", "cases", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_is_newcombes_method_3(yes, cases, low, high):
    found = wilson(yes, cases)
    assert found.value == yes / cases
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_wilson_is_symmetric_and_meets_the_ends():
    some, rest = wilson(3, 11), wilson(8, 11)
    assert (some.low, some.high) == pytest.approx((1 - rest.high, 1 - rest.low))
    assert wilson(0, 5).low == 0
    assert wilson(5, 5).high == 1
    assert wilson(3, 11, level=0.5).low > some.low


def answers(both, first, second, neither):
    return (
        [True] * (both + first) + [False] * (second + neither),
        [True] * both + [False] * first + [True] * second + [False] * neither,
    )


def test_paired_difference_is_newcombes_method_10():
    found = paired_difference(*answers(36, 12, 2, 0))
    assert found.value == pytest.approx(0.2)
    assert (found.low, found.high) == pytest.approx((0.0569, 0.3404), abs=5e-5)


def test_a_paired_difference_changes_sign_with_the_order_and_narrows_with_agreement():
    first, second = answers(9, 6, 1, 4)
    one, other = paired_difference(first, second), paired_difference(second, first)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
    tied = paired_difference(*answers(20, 3, 0, 20))
    loose = paired_difference(*answers(11, 12, 9, 11))
    assert tied.value == pytest.approx(loose.value)
    assert tied.high - tied.low < loose.high - loose.low


def test_no_difference_where_all_agree():
    found = paired_difference([True] * 12, [True] * 12)
    assert found.value == 0
    assert found.low < 0 < found.high


@pytest.mark.parametrize(
    "call", [lambda: wilson(3, 2), lambda: wilson(-1, 2), lambda: wilson(0, 0)]
)
def test_shares_out_of_range_are_refused(call):
    with pytest.raises(InvalidInput, match="A share of"):
        call()


@pytest.mark.parametrize(("first", "second"), [([], []), ([True], [True, False])])
def test_unequal_or_no_cases_are_refused(first, second):
    with pytest.raises(InvalidInput, match="expected as many"):
        paired_difference(first, second)
