"""Gradients against central differences, for functions with kinks such as a ReLU's."""

from collections.abc import Callable

import torch
from torch import Tensor

STEPS = (1e-6, 1e-7, 1e-8)


def assert_is_gradient(
    slope: Tensor, value: Callable[[Tensor], Tensor], at: Tensor, along: Tensor
) -> None:
    """Asserts that a slope is the derivative of a function along a direction, in float64.

    A difference is wrong where its step crosses a kink, and where a kink lies depends on the
    machine's last bits. A shorter step crosses fewer and rounds more, so one of three steps has to
    agree, to 1e-5. A wrong slope agrees with none.
    """
    assert at.dtype == torch.float64
    found = float((slope * along).sum())
    assert found != 0
    expected = []
    for step in STEPS:
        with torch.no_grad():
            risen = float(value(at + step * along) - value(at - step * along))
        expected.append(risen / (2 * step))
        if abs(found - expected[-1]) <= 1e-5 * abs(found) + 1e-8:
            return
    raise AssertionError(f"slope {found}, differences {expected}")
