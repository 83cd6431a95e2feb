"""Whitening of latents."""

import pytest
import torch
from latentsteer.core.diffusion.whitening import Whitening
from latentsteer.core.errors import InvalidInput
from latentsteer.core.spaces import Block, Space

FLAT = Space((Block("z", (4,)),))
GRID = Space((Block("z", (2, 3, 3)), Block("y", (2,))))


def latents(rows, space, seed=0):
    stream = torch.Generator().manual_seed(seed)
    mix = torch.randn(space.dim, space.dim, generator=stream)
    return torch.randn(rows, space.dim, generator=stream) @ mix + 3


def moments(x):
    return x.mean(dim=0), torch.cov(x.mT, correction=0)


@pytest.mark.parametrize("kind", ["coordinates", "matrix"])
def test_whitened_latents_are_standardised(kind):
    z = latents(200, FLAT)
    whitening = Whitening.of(z, FLAT, kind)
    x = whitening.to_white(z)
    mean, covariance = moments(x.double())
    torch.testing.assert_close(mean, torch.zeros(4).double(), atol=1e-5, rtol=0)
    found = covariance if kind == "matrix" else covariance.diagonal()
    expected = torch.eye(4) if kind == "matrix" else torch.ones(4)
    torch.testing.assert_close(found, expected.double(), atol=1e-4, rtol=0)
    torch.testing.assert_close(whitening.from_white(x), z, atol=1e-4, rtol=1e-4)


def test_channels_of_a_grid_share_their_moments():
    z = latents(50, GRID)
    x = GRID.split(Whitening.of(z, GRID, "channels").to_white(z).double())
    for channel in x["z"].unbind(dim=1):
        assert channel.mean().abs() < 1e-5
        assert channel.square().mean() == pytest.approx(1, abs=1e-4)
    assert x["z"].std(dim=0).std() > 0.05  # not each coordinate
    assert x["y"].std(dim=0, correction=0).tolist() == pytest.approx([1, 1], abs=1e-4)


def test_no_whitening_is_the_identity():
    z = latents(1, FLAT)
    whitening = Whitening.of(z, FLAT, "none")
    assert torch.equal(whitening.to_white(z), z)
    assert torch.equal(whitening.from_white(z), z)


@pytest.mark.parametrize("kind", ["coordinates", "matrix"])
def test_a_constant_coordinate_stays_finite(kind):
    z = latents(100, FLAT)
    z[:, 1] = 5.0
    whitening = Whitening.of(z, FLAT, kind)
    x = whitening.to_white(z)
    assert x.isfinite().all()
    torch.testing.assert_close(x[:, 1], torch.zeros(100), atol=1e-3, rtol=0)
    torch.testing.assert_close(whitening.from_white(x), z, atol=1e-3, rtol=1e-4)


def test_bad_whitenings_are_refused():
    with pytest.raises(InvalidInput, match="at least 2"):
        Whitening.of(latents(1, FLAT), FLAT, "matrix")
    with pytest.raises(InvalidInput, match="scale of the shape"):
        Whitening(torch.zeros(3), torch.ones(2))
    for scale in (torch.zeros(3), torch.full((3,), float("nan")), torch.zeros(3, 3)):
        with pytest.raises(InvalidInput, match="finite and above 0"):
            Whitening(torch.zeros(3), scale)
