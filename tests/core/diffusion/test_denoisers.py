"""The networks of diffusion priors."""

import pytest
import torch
from latentsteer.core.diffusion.denoisers import (
    DENOISERS,
    ResidualDenoiser,
    UNetDenoiser,
    denoiser_of,
)
from latentsteer.core.diffusion.layers import time_waves
from latentsteer.core.errors import CheckpointError, InvalidInput

from .gaussian import drawn

MADE = {
    "residual": [
        lambda seed=0: ResidualDenoiser(5, 8, 1, 0, 6, 4, seed=seed),
        lambda seed=0: ResidualDenoiser(3, 6, 3, 10, 4, 2, seed=seed),
    ],
    "unet": [
        lambda seed=0: UNetDenoiser((2, 4, 6), (8, 12), 6, seed=seed),
        lambda seed=0: UNetDenoiser((3, 3, 3), (6,), 4, seed=seed),
    ],
}
ALL = [(kind, make) for kind, makers in MADE.items() for make in makers]


def test_every_kind_is_tested():
    assert MADE.keys() == DENOISERS.keys()


def perturbed(network):
    stream = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(torch.randn(weight.shape, generator=stream) * 0.1)
    return network


@pytest.mark.parametrize(("kind", "make"), ALL)
def test_a_network_is_rebuilt_from_its_tensors(kind, make):
    network = perturbed(make())
    again = denoiser_of(kind, network.state_dict())
    x = torch.randn(3, dim_of(network), generator=torch.Generator().manual_seed(0))
    t = torch.tensor([0, 7, 900])
    assert torch.equal(network(x, t), again(x, t))
    assert network(x, t).shape == x.shape
    assert not any(weight.requires_grad for weight in again.parameters())


def dim_of(network):
    if isinstance(network, UNetDenoiser):
        return network.outwards.out_channels * network.height * network.width
    return network.outwards.out_features


@pytest.mark.parametrize(("kind", "make"), ALL)
def test_an_untrained_network_predicts_zero_and_learns_everywhere(kind, make):
    network = make()
    x = torch.randn(2, dim_of(network), generator=torch.Generator().manual_seed(0))
    t = torch.tensor([3, 500])
    assert not network(x, t).any()
    perturbed(network)
    network(x, t).square().sum().backward()
    still = [n for n, weight in network.named_parameters() if not weight.grad.any()]
    assert still == []
    assert not torch.equal(network(x, t), network(x, t + 100))


@pytest.mark.parametrize(("kind", "make"), ALL)
def test_initial_weights_are_those_of_the_seed(kind, make):
    one, two, other = make(seed=1).state_dict(), make(seed=1).state_dict(), make(seed=2)
    assert all(torch.equal(one[name], two[name]) for name in one)
    changed = [not torch.equal(one[name], tensor) for name, tensor in other.state_dict().items()]
    assert any(changed)


def test_the_embedding_of_times_is_that_of_ddpm():
    found = time_waves(torch.tensor([0, 5]), 6, torch.zeros(1, dtype=torch.float64))
    angles = 5 * torch.tensor([1, 1e-2, 1e-4])
    torch.testing.assert_close(found[1], torch.cat([angles.sin(), angles.cos()]).double())
    assert found[0].tolist() == [0, 0, 0, 1, 1, 1]


def test_a_unet_sees_the_whole_grid():
    network = perturbed(UNetDenoiser((1, 4, 4), (8, 8), 4))
    x = torch.zeros(1, 16, requires_grad=True)
    network(x, torch.tensor([2]))[0, 0].backward()
    assert x.grad.all()


def test_bad_networks_are_refused():
    with pytest.raises(InvalidInput, match="width 0"):
        ResidualDenoiser(3, 0)
    with pytest.raises(InvalidInput, match="even"):
        ResidualDenoiser(3, waves=3)
    with pytest.raises(InvalidInput, match="divisible by 4"):
        UNetDenoiser((2, 6, 8), (4, 4, 4))
    with pytest.raises(CheckpointError, match="residual, unet"):
        denoiser_of("other", {})
    tensors = drawn(3).state_dict()
    for name in ("inwards.weight", "blocks.1.first.bias"):
        with pytest.raises(CheckpointError, match="residual denoiser"):
            denoiser_of("residual", {n: t for n, t in tensors.items() if n != name})
