"""Few-shot conditions in the coordinates of a diffusion prior."""

import pytest
import torch
from latentsteer.core.d2c.coordinates import (
    in_latents,
    in_the_better_coordinates,
    white_is_better,
)
from latentsteer.core.d2c.few_shot import fit_few_shot
from latentsteer.core.d2c.whitening import Whitening

from .mixtures import generator

DIM = 6


@pytest.fixture
def stream():
    return torch.Generator().manual_seed(2)


def whitenings(stream):
    mean = torch.randn(DIM, generator=stream)
    lower = torch.randn(DIM, DIM, generator=stream).tril(-1) + torch.diag(
        torch.arange(1.0, DIM + 1)
    )
    return [Whitening(mean, torch.arange(1.0, DIM + 1)), Whitening(mean, lower)]


def test_a_condition_of_whitened_latents_is_the_same_of_latents(stream):
    z = torch.randn(40, DIM, generator=stream)
    labels = (z[:, 0] > 0).long()
    for whitening in whitenings(stream):
        white = fit_few_shot(whitening.to_white(z), labels, ("a", "b"), 1, generator(DIM))
        found = in_latents(white, whitening)
        new = torch.randn(9, DIM, generator=stream).double()
        expected = white.logits(whitening.to_white(new))
        assert torch.allclose(found.logits(new), expected, atol=1e-9)
        assert found.shares == white.shares
        assert found.calibration == white.calibration


def test_the_coordinates_are_those_of_the_smaller_held_out_loss(stream):
    """Constant labels' noise: in z the telling direction is a hundredth of the others."""
    x = torch.randn(60, DIM, generator=stream)
    labels = (x[:, 0] > 0).long()
    scale = torch.eye(DIM)
    scale[1:, 0] = 1.0
    hidden = Whitening(torch.zeros(DIM), scale)
    same = Whitening(torch.zeros(DIM), torch.ones(DIM))
    z = hidden.from_white(x)
    given = []

    def fit(to):
        given.append(to(z))
        return fit_few_shot(to(z), labels, ("a", "b"), 1, generator(DIM))

    assert not white_is_better(z, labels, same), "equal losses keep the latents"
    for whitening in (hidden, same):
        better = white_is_better(z, labels, whitening)
        made = in_the_better_coordinates(fit, z, labels, whitening)
        assert torch.equal(given[-1], whitening.to_white(z) if better else z)
        right = (made.probability(z.double()) > 0.5) == (labels == 1)
        assert float(right.double().mean()) > 0.8
