"""The distance from the codes of a discrete VAE, and the nearest codes."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.energies.codebook import codebook, nearest_codes
from latentsteer.core.errors import InvalidInput
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import Block, Space

TABLE = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])


@pytest.fixture
def grid(toys):
    """A generator of two features at two places."""
    return replace(toys.generator(), source=Space((Block("z", (2, 1, 2)),)), codes=TABLE)


def test_it_is_the_squared_distance_from_the_nearest_codes(grid):
    # Features first: the places are (0.9, 0.1) and (0.2, 1.5).
    z = torch.tensor([[0.9, 0.2, 0.1, 1.5]], requires_grad=True)
    value = codebook(grid)(z, SampleRng.of(0, 1))
    torch.testing.assert_close(value, torch.tensor([0.1**2 + 0.1**2 + 0.2**2 + 0.5**2]))
    (slope,) = torch.autograd.grad(value.sum(), z)
    torch.testing.assert_close(slope, 2 * torch.tensor([[-0.1, 0.2, 0.1, -0.5]]))


def test_features_are_replaced_by_their_nearest_codes(grid):
    z = torch.tensor([[0.9, 0.2, 0.1, 1.5], [-3.0, 0.4, -1.0, 0.9]])
    expected = torch.tensor([[1.0, 0.0, 0.0, 2.0], [0.0, 0.0, 0.0, 0.0]])
    found = nearest_codes(grid, z)
    assert torch.equal(found, expected)
    assert torch.equal(nearest_codes(grid, found), found)


def test_latents_without_codes_are_refused(toys, grid):
    for other in (toys.generator(), replace(grid, codes=None)):
        with pytest.raises(InvalidInput, match="no grid of codes"):
            codebook(other)
