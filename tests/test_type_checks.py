"""The checks of types and shapes that every other test of the core runs under."""

from collections.abc import Callable

import beartype
import jaxtyping
import pytest
import torch
from jaxtyping import Float
from latentsteer.core.chunking import Chunking
from latentsteer.core.refine.barrier import Barrier, combined
from latentsteer.core.refine.rules import Langevin
from torch import Tensor

from .type_checks import Checks, names_an_array

WRONG = (jaxtyping.TypeCheckError, beartype.roar.BeartypeCallHintViolation)
ROWS = torch.zeros(2, 3)


def test_arrays_are_found_in_a_type_hint():
    rows = Float[Tensor, "n d"]
    for hint in (rows, rows | None, tuple[int, rows], Callable[[rows], int], "rows"):
        assert names_an_array(hint)
    for hint in (int, Tensor, int | None, dict[str, Tensor], Callable[[Tensor], int], None):
        assert not names_an_array(hint)


@pytest.mark.parametrize(
    "call",
    [
        lambda: combined(Barrier(), ROWS, torch.zeros(2, 4)),
        lambda: combined(Barrier(), ROWS[0], ROWS[0]),
        lambda: combined(Barrier(), ROWS.long(), ROWS.long()),
        lambda: combined("bi-level", ROWS, ROWS),
        lambda: list(Chunking(4, padded=True).spans("two")),
        lambda: Chunking("four", padded=True),
        lambda: Langevin(inverse_temperature="warm"),
    ],
    ids=["other axes", "fewer axes", "integers", "a rule", "a method", "a field", "a sub-field"],
)
def test_a_wrong_type_or_shape_is_refused(call):
    with pytest.raises(WRONG):
        call()


def test_sizes_are_compared_within_a_call_alone():
    for width in (3, 4):
        rows = torch.ones(2, width)
        assert torch.equal(combined(Barrier("primary only"), rows, rows), rows)


def test_each_of_a_nested_function_is_checked_around_its_own_values():
    checks = Checks()

    def of_width(width):
        @checks
        def widened(rows: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
            return torch.ones(len(rows), width)

        return widened

    for width in (3, 4):
        widened = of_width(width)
        assert torch.equal(widened(torch.zeros(2, width)), torch.ones(2, width))
        for wrong in (torch.zeros(2, 5), torch.zeros(width), torch.zeros(2, width).long(), "rows"):
            with pytest.raises(WRONG):
                widened(wrong)
    assert len(checks.nested) == 1


def test_nested_functions_of_other_type_hints_have_checks_of_their_own():
    checks = Checks()

    def of_kind(kind):
        @checks
        def same(value: kind):
            return value

        return same

    assert of_kind(int)(3) == 3
    assert of_kind(str)("three") == "three"
    with pytest.raises(WRONG):
        of_kind(str)(3)
    with pytest.raises(WRONG):
        of_kind(int)("three")
