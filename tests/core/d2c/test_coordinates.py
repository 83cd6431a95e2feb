"""Coordinates in which few-shot conditions are trained."""

import pytest
import torch
from latentsteer.core.d2c.coordinates import LatentCoordinates
from latentsteer.core.d2c.few_shot import fit_few_shot, fit_positive_unlabelled
from latentsteer.core.diffusion.whitening import Whitening
from latentsteer.core.errors import InvalidInput

from .mixtures import generator

DIM = 4
STD = torch.tensor([4.0, 2.0, 1.0, 0.25], dtype=torch.float64)


@pytest.fixture
def stream():
    return torch.Generator().manual_seed(2)


def drawn(stream, count=4000):
    """Draws with exactly these standard deviations, uncorrelated."""
    x = torch.randn(count, DIM, generator=stream).double()
    x = x - x.mean(dim=0)
    factor = torch.linalg.cholesky(x.mT @ x / (count - 1))
    return torch.linalg.solve_triangular(factor, x.mT, upper=False).mT * STD


def lower(stream):
    return torch.randn(DIM, DIM, generator=stream).tril(-1) + torch.eye(DIM) * 2


def test_directions_are_divided_by_the_root_of_their_standard_deviation(stream):
    x = drawn(stream)
    for scale in (torch.ones(DIM), torch.tensor([1.0, 2.0, 3.0, 4.0]), lower(stream)):
        whitening = Whitening(torch.arange(float(DIM)), scale)
        z = Whitening(whitening.mean.double(), scale.double()).from_white(x)
        u = LatentCoordinates.of(whitening, z)(z)
        found = u.std(dim=0)
        assert found.square().mean() == pytest.approx(1, abs=0.01)
        # Up to the shrinkage by 4 in 4004.
        assert torch.allclose(found / found[0], (STD / STD[0]).sqrt(), rtol=0.02)
        assert torch.allclose(torch.corrcoef(u.mT), torch.eye(DIM).double(), atol=1e-6)
        assert torch.allclose(u.mean(dim=0), torch.zeros(DIM).double(), atol=1e-9)


def test_few_latents_are_trusted_less(stream):
    few = drawn(stream, 8)
    u = LatentCoordinates.of(Whitening(torch.zeros(DIM), torch.ones(DIM)), few)(few)
    ratios = u.std(dim=0) / u.std(dim=0)[0]
    assert (ratios < (STD / STD[0]).sqrt() + 1e-9).all()
    assert (ratios > STD / STD[0] - 1e-9).all()
    with pytest.raises(InvalidInput, match="at least 2"):
        LatentCoordinates.of(Whitening(torch.zeros(DIM), torch.ones(DIM)), few[:1])


def test_a_condition_is_of_latents_whatever_it_was_trained_in(stream):
    """In coordinates that exaggerate the noise, the same labels predict less."""
    z = torch.randn(400, 20, generator=stream)
    labels = (z[:, 0] > 0).long()
    loud = torch.diag(torch.tensor([0.01, *[1.0] * 19], dtype=torch.float64))
    zero = torch.zeros(20, dtype=torch.float64)
    right = {}
    for name, given in (("as it is", torch.eye(20).double()), ("loud", loud)):
        coordinates = LatentCoordinates(zero, given)
        settings = {"coordinates": coordinates, "ridge": 1e-2}
        made = fit_few_shot(z[:60], labels[:60], ("a", "b"), 1, generator(20), **settings)
        found = made.logit(z[60:].double()) > 0
        right[name] = float((found == (labels[60:] == 1)).double().mean())
        of_u = made.weight @ torch.linalg.inv(given) / made.std
        u = coordinates(z)
        assert torch.allclose(
            made.logits(z.double())[:, 1],
            made.calibration[0] * (u @ of_u.T + made.bias)[:, 0] + made.calibration[1],
        )
    assert right["as it is"] > right["loud"] + 0.1
    plain = LatentCoordinates(zero, torch.eye(20).double())
    some = fit_positive_unlabelled(z[labels == 1], z, generator(20), coordinates=plain)
    assert some.mean.equal(zero)
    assert (some.weight[0].argmax(), some.std.sum()) == (0, 20)
