"""Inversion of images: its starts, and its convergence."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.chunking import Chunking
from latentsteer.core.energies.example import toy_clip
from latentsteer.core.energies.perceptual import likeness
from latentsteer.core.errors import InvalidInput
from latentsteer.core.features import clip_features
from latentsteer.core.refine.refinement import refine
from latentsteer.core.refine.rules import Adam
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import Identity
from latentsteer.core.starts.inversion import from_images


def linear_encoder(generator):
    """Returns least-squares latents of a generator's images, which are nearly linear in them."""
    z = generator.prior.sample(SampleRng.of(5, 400, "fit"), torch.empty(0))
    flat = generator(z, SampleRng.of(0, 400)).flatten(1)
    mean = flat.mean(dim=0)
    solved = torch.linalg.lstsq(flat - mean, z).solution
    return lambda images: (images.flatten(1) - mean) @ solved


@pytest.fixture
def generator(toys):
    made = toys.generator()
    return replace(made, encode=linear_encoder(made))


@pytest.fixture
def pictures(generator):
    z = generator.prior.sample(SampleRng.of(1, 3, "truth"), torch.empty(0))
    return generator(z, SampleRng.of(0, 3))


def start(generator, images, toys, **options):
    settings = {
        "energy": options.pop("energy", None) or likeness(images, None),
        "chunking": Chunking.of("fixed", generator.image_size),
        "device": toys.cpu,
    }
    rng = SampleRng.of(0, len(images), "invert")
    return from_images(generator, images, rng, **settings | options)


def distance(generator, start, images):
    return likeness(images, None).pullback(generator)(start.values, SampleRng.of(0, len(images)))


def test_the_encoder_starts_nearer_than_the_prior(generator, pictures, toys):
    found = start(generator, pictures, toys)
    assert isinstance(found.chart, Identity)
    expected = generator.source.clamp(generator.encode(pictures))
    torch.testing.assert_close(found.values, expected, rtol=1e-5, atol=1e-6)
    near = distance(generator, found, pictures)
    for how in ("candidates", "mean"):
        other = start(generator, pictures, toys, how=how)
        assert near.mean() < distance(generator, other, pictures).mean()


def test_without_encoder_the_best_candidate_is_the_start(toys, generator, pictures):
    bare = replace(generator, encode=None)
    one, many = (start(bare, pictures, toys, candidates=count) for count in (1, 8))
    assert bool((distance(bare, many, pictures) <= distance(bare, one, pictures)).all())
    with pytest.raises(InvalidInput, match=r"'toy' has no encoder\. Start from candidates"):
        start(bare, pictures, toys, how="encoder")


def test_the_mean_of_the_prior_is_near_0_and_the_same_for_all(generator, pictures, toys):
    found = start(generator, pictures, toys, how="mean").values
    assert torch.equal(found[0], found[2])
    assert found.abs().max() < 5 / 1000**0.5


def test_images_of_another_size_are_resized(generator, pictures, toys):
    large = torch.nn.functional.interpolate(pictures, (24, 32), mode="bilinear")
    found, exact = start(generator, large, toys).values, start(generator, pictures, toys).values
    assert found.shape == exact.shape
    assert torch.nn.functional.cosine_similarity(found, exact).min() > 0.5


def test_no_image_is_refused(generator, pictures, toys):
    with pytest.raises(InvalidInput, match="No image to invert"):
        start(generator, pictures[:0], toys, energy=likeness(pictures, None))


def test_refinement_finds_the_image_again(generator, pictures, toys):
    clip = toy_clip()
    energy = likeness(pictures, clip_features(clip), pixel_weight=1.0)
    first = start(generator, pictures, toys, energy=energy)
    latents = toys.latents(generator, first.values)
    job = toys.job(generator=generator, energy=energy, rule=Adam(learning_rate=0.05), steps=120)
    found, trace = refine(job, latents)
    assert set(trace.before) == {"energy", "perceptual(features of toy-clip)", "pixels"}
    assert bool((trace.after["energy"] < 0.2 * trace.before["energy"]).all())
    again = generator(found.values, SampleRng.of(0, 3))
    assert (again - pictures).abs().mean() < 0.02
