"""The lowest of several energies."""

import torch
from latentsteer.core.snapshot import lowest

NAN, INF = torch.nan, torch.inf


def test_the_lowest_come_first_and_of_equals_the_earlier():
    energies = torch.tensor([3.0, 1.0, 2.0, 1.0, -4.0])
    assert lowest(energies, 5).tolist() == [4, 1, 3, 2, 0]
    assert lowest(energies, 2).tolist() == [4, 1]
    assert lowest(energies, 9).tolist() == [4, 1, 3, 2, 0]


def test_what_is_not_finite_comes_last_and_nan_at_the_very_end():
    energies = torch.tensor([[NAN, 2.0, -INF, 1.0], [INF, NAN, -INF, 5.0]])
    assert lowest(energies, 2).tolist() == [[3, 1], [3, 2]]
    assert lowest(energies, 4).tolist() == [[3, 1, 2, 0], [3, 2, 0, 1]]
