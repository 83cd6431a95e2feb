"""The script of the shipped diffusion prior, on few avatars and steps."""

import json
from dataclasses import replace

import pytest
import torch
from latentsteer.core.diffusion.prior_files import load_prior, save_prior
from latentsteer.core.diffusion.recipe import DenoiserSizes
from latentsteer.core.generators import load_generator
from latentsteer.core.zoo.shipped import embedded, reference_images
from latentsteer.workflows.studies.training.avatars_prior_figures import share_table
from latentsteer.workflows.studies.training.train_avatars_prior import (
    FILE,
    TRAINING,
    encoded_avatars,
    encoder_coordinates,
    publish_prior,
    train,
)

FEW = replace(TRAINING, steps=3, batch_size=8, warm_up=1)
TINY = DenoiserSizes("residual", width=8, depth=1, time=4, waves=4)


@pytest.fixture(scope="module")
def generator():
    return load_generator(embedded("avatars (embedded)"))


@pytest.fixture(scope="module")
def images():
    real, _ = reference_images("avatars held out (embedded)")
    return (real[:40] * 255).round().to(torch.uint8)


@pytest.fixture(scope="module")
def latents(generator, images):
    return encoded_avatars(generator, images)


@torch.no_grad()
def test_latents_are_modelled_in_the_coordinates_of_the_encoder(generator, images, latents):
    means, _ = generator.encoder(images.float() / 255)
    deviations = means - means.mean(dim=0)
    expected = deviations / deviations.square().mean().sqrt()
    whitening = encoder_coordinates(generator.module, latents)
    assert torch.allclose(whitening.to_white(latents), expected, atol=1e-4)
    assert torch.allclose(whitening.from_white(expected), latents, atol=1e-3)


def test_it_publishes_a_prior_of_the_generator_with_its_figures(generator, latents, tmp_path):
    unfinished = tmp_path / "unfinished.safetensors"
    prior = train(latents, generator, FEW, unfinished, TINY)
    prior.check(generator)
    own = encoder_coordinates(generator.module, latents)
    assert torch.equal(prior.whitening.scale, own.scale)
    save_prior(prior, tmp_path / FILE, half=True)
    publish_prior(tmp_path, FEW, {"frechet_50_steps": 1.5})
    (entry,) = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert entry["file"] == FILE
    assert entry["recipe"]["steps"] == 3
    assert entry["figures"] == {"frechet_50_steps": 1.5}
    stored = load_prior(tmp_path / FILE)
    assert entry["parameters"] == sum(p.numel() for p in prior.network.parameters())
    x, t = own.to_white(latents[:4]), torch.tensor([0, 300, 600, 999])
    assert torch.allclose(stored.noise_of(x, t), prior.noise_of(x, t), atol=1e-2)


def test_shares_are_told_beside_those_of_real_avatars():
    table = share_table(
        {"hat": ("red", "blue")},
        {"hat": torch.tensor([0.75, 0.25])},
        {"hat": torch.tensor([0.5, 0.5])},
    )
    assert table == "hat, 0.250 apart: red 0.750 (0.500), blue 0.250 (0.500)"
