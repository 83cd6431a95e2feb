"""Diffusion priors on disk."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.diffusion.prior_files import load_prior, save_prior
from latentsteer.core.diffusion.unet import UNetDenoiser
from latentsteer.core.diffusion.whitening import Whitening
from latentsteer.core.errors import CheckpointError, InvalidInput
from latentsteer.core.identity import ModelId, options_of
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import Block, Space

from .gaussian import BASE, SHORT, Exact, drawn, prior_of

GRID = Space((Block("z", (2, 4, 4), -9.0, 9.0),))


def residual():
    whitening = Whitening(torch.tensor([1.0, 2.0, 3.0]), torch.eye(3) * 2)
    prior = prior_of(drawn(3), 3, whitening=whitening, predicts="velocity", licence="MIT")
    return replace(prior, base=ModelId(BASE, {"psi": 0.5})).identified()


def unet():
    return prior_of(UNetDenoiser((2, 4, 4), (4, 8), 4), 32, space=GRID)


@pytest.mark.parametrize("make", [residual, unet])
def test_a_prior_comes_back_from_its_file(make, tmp_path):
    prior, path = make(), tmp_path / "prior.safetensors"
    save_prior(prior, path)
    again = load_prior(path)
    assert again.id == prior.id
    assert options_of(again.base) == options_of(prior.base)
    for name in ("name", "base", "base_name", "schedule", "space", "predicts", "licence"):
        assert getattr(again, name) == getattr(prior, name)
    draws = [p.sample(SampleRng.of(0, 3), torch.zeros(()), steps=4) for p in (prior, again)]
    assert torch.equal(*draws)
    assert not any(weight.requires_grad for weight in again.network.parameters())


def test_a_prior_in_float16_is_nearly_the_same(tmp_path):
    prior, path = residual(), tmp_path / "prior.safetensors"
    save_prior(prior, path, half=True)
    assert checkpoints.read(path).tensors["network.inwards.weight"].dtype == torch.float16
    again = load_prior(path)
    assert again.id != prior.id
    draws = [p.sample(SampleRng.of(0, 3), torch.zeros(()), steps=4) for p in (prior, again)]
    torch.testing.assert_close(*draws, rtol=0.02, atol=0.02)
    save_prior(again, path)
    assert load_prior(path).id == again.id
    with torch.no_grad():
        prior.network.inwards.weight[0, 0] = 1e6
    with pytest.raises(InvalidInput, match="float32"):
        save_prior(prior, path, half=True)


def test_a_network_of_another_kind_is_not_saved(tmp_path):
    with pytest.raises(InvalidInput, match="Exact"):
        save_prior(prior_of(Exact(SHORT, torch.eye(3)), 3), tmp_path / "prior.safetensors")


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    checkpoints.write(path, {"x": torch.zeros(1)}, {"what": "translator"})
    with pytest.raises(CheckpointError, match="holds a translator, not a diffusion prior"):
        load_prior(path)
    with pytest.raises(CheckpointError):
        load_prior(tmp_path / "missing.safetensors")


@pytest.mark.parametrize("spoil", ["levels", "mean", "network", "predicts", "space", "denoiser"])
def test_damaged_files_are_refused(spoil, tmp_path):
    path = tmp_path / "prior.safetensors"
    save_prior(residual(), path)
    held = checkpoints.read(path)
    tensors, config = dict(held.tensors), dict(held.config)
    if spoil == "levels":
        tensors["levels"] = tensors["levels"].flip(0)
    elif spoil == "mean":
        tensors["mean"] = torch.zeros(5)
    elif spoil == "network":
        tensors["network.outwards.weight"] = torch.zeros(2, 2)
    else:
        config[spoil] = {"kind": "nothing"} if spoil == "space" else "nothing"
    checkpoints.write(path, tensors, config)
    with pytest.raises(CheckpointError, match=r"prior\.safetensors is damaged"):
        load_prior(path)
