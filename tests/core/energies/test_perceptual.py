"""Distances to reference images: LPIPS exactly, features of a CLIP, and pixels."""

import warnings
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from latentsteer.core.auxiliaries.lpips import alexnet, lpips_features, lpips_heads, vgg16
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.energies.example import toy_clip
from latentsteer.core.energies.perceptual import HELD, likeness, perceptual, pixels
from latentsteer.core.errors import CheckpointError, ConditionMismatch, InvalidInput
from latentsteer.core.features import clip_features
from latentsteer.core.rng import SampleRng

BACKBONES = {"alexnet": (alexnet, "alex"), "vgg16": (vgg16, "vgg")}


def pictures(count, *size, seed=0):
    return torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(seed))


def values(energy, images):
    return energy(images, SampleRng.of(0, len(images)))


@pytest.fixture(scope="module")
def backbone():
    """Returns what a file of torchvision's with random weights holds, by kind of the network."""

    @cache
    def make(kind):
        stream = torch.Generator().manual_seed(3)
        with torch.device("meta"):
            state = BACKBONES[kind][0]().state_dict()
        tensors = {
            f"features.{name}": torch.randn(value.shape, generator=stream)
            * (2 / max(1, value[0].numel())) ** 0.5
            for name, value in state.items()
        }
        tensors["classifier.6.bias"] = torch.zeros(1000)
        return checkpoints.Checkpoint(Path(f"{kind}.safetensors"), tensors, f"{kind}-id")

    return make


@pytest.fixture
def undrawn(monkeypatch):
    """New networks have the weights that are in memory.

    LPIPS of the package makes whole classifiers, whose hundred million weights it drops.
    """
    for name in ("normal_", "constant_", "uniform_", "kaiming_normal_", "kaiming_uniform_"):
        monkeypatch.setattr(torch.nn.init, name, lambda tensor, *_, **__: tensor)


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("kind", BACKBONES)
def test_lpips_is_that_of_the_lpips_package(kind, backbone):
    lpips = pytest.importorskip("lpips")
    checkpoint = backbone(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torchvision, about a deprecated argument
        theirs = lpips.LPIPS(net=BACKBONES[kind][1], pnet_rand=True, pretrained=False)
    heads = lpips_heads(kind)
    with torch.no_grad():
        for number, head in enumerate(heads):
            theirs.lins[number].model[-1].weight.copy_(head)
        for name, parameter in theirs.net.named_parameters():
            parameter.copy_(checkpoint.tensors[f"features.{name.split('.', 1)[1]}"])
    one, two = pictures(2, 80, 72), pictures(2, 80, 72, seed=1)
    expected = theirs(one, two, normalize=True)[:, 0, 0, 0]
    found = values(perceptual(lpips_features(checkpoint), two), one)
    torch.testing.assert_close(found, expected, rtol=2e-5, atol=1e-6)
    assert bool((found > 0).all())


@pytest.mark.usefixtures("undrawn")
def test_the_heads_are_what_the_lpips_package_loads():
    lpips = pytest.importorskip("lpips")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    for own, other in zip(lpips_heads("alexnet"), theirs.lins, strict=True):
        assert torch.equal(own, other.model[-1].weight)
        assert bool((own >= 0).all())


@pytest.mark.parametrize("size", [(8, 8), (20, 300), (300, 280)])
def test_lpips_takes_images_of_any_size_and_back_propagates(size, backbone):
    heads = [torch.ones(1, c, 1, 1) for c in (64, 192, 384, 256, 256)]
    energy = perceptual(lpips_features(backbone("alexnet"), heads), pictures(1, 30, 30))
    images = pictures(2, *size, seed=2).requires_grad_()
    found = values(energy, images)
    (slope,) = torch.autograd.grad(found.sum(), images)
    assert bool(slope.isfinite().all())
    assert bool((slope.flatten(1).norm(dim=1) > 0).all())


def test_black_images_have_a_finite_gradient(backbone):
    """Where every channel is 0 the norm of a feature has no gradient."""
    checkpoint = backbone("alexnet")
    no_bias = {n: t * (t.ndim > 1) for n, t in checkpoint.tensors.items()}
    heads = [torch.ones(1, c, 1, 1) for c in (64, 192, 384, 256, 256)]
    features = lpips_features(replace(checkpoint, tensors=no_bias), heads)
    grey = torch.tensor([0.485, 0.456, 0.406])[:, None, None].expand(1, 3, 64, 64)
    images = grey.clone().requires_grad_()
    (slope,) = torch.autograd.grad(
        values(perceptual(features, pictures(1, 64, 64)), images), images
    )
    assert bool(slope.isfinite().all())


def test_the_distance_to_oneself_is_0_and_to_others_is_not():
    clip = toy_clip()
    images = pictures(3, 9, 9)
    for energy in (perceptual(clip_features(clip), images), pixels(images)):
        assert values(energy, images).abs().max() < 1e-9
        assert values(energy, images.flip(0))[0] > 1e-4


def test_a_clips_features_are_compared_stage_by_stage():
    clip = toy_clip()
    one, two = pictures(2, 7, 7), pictures(2, 7, 7, seed=1)
    expected = torch.zeros(2)
    for f, g in zip(*(clip.stages(clip.module, clip.pixels(x)) for x in (one, two)), strict=True):
        f, g = (v / v.norm(dim=1, keepdim=True) for v in (f, g))
        expected += (f - g).square().sum(dim=1).mean(dim=(1, 2))
    energy = perceptual(clip_features(clip), two)
    torch.testing.assert_close(values(energy, one), expected)
    assert [leaf.label for leaf in energy.leaves()] == ["perceptual(features of toy-clip)"]


def test_pixels_are_the_mean_squared_difference_to_the_resized_reference():
    images, reference = pictures(3, 6, 6), pictures(1, 12, 12, seed=1)
    resized = torch.nn.functional.interpolate(reference, (6, 6), mode="bilinear", antialias=True)
    expected = (images - resized).square().mean(dim=(1, 2, 3))
    torch.testing.assert_close(values(pixels(reference), images), expected)


@pytest.mark.parametrize("count", [3, HELD + 1])
def test_one_reference_each_goes_with_its_sample_wherever_it_stands(count):
    clip = toy_clip()
    images, references = pictures(count, 5, 5), pictures(count, 8, 6, seed=1)
    energy = perceptual(clip_features(clip), references) + pixels(references)
    together = values(energy, images)
    for row in (0, count - 1):
        alone = energy(images[row : row + 1], SampleRng.of(0, count).part(row, row + 1))
        torch.testing.assert_close(alone[0], together[row])
        own = perceptual(clip_features(clip), references[row : row + 1])
        own = own + pixels(references[row : row + 1])
        torch.testing.assert_close(values(own, images[row : row + 1])[0], together[row])


def test_references_that_do_not_fit_the_samples_are_refused():
    energy = pixels(pictures(3, 5, 5))
    with pytest.raises(ConditionMismatch, match="has 3 reference images and the batch 5 samples"):
        energy.check_batch(5)
    energy.check_batch(3)
    with pytest.raises(InvalidInput, match="No reference image"):
        pixels(pictures(0, 5, 5))


def test_the_signature_tells_references_apart():
    one, two = (pixels(pictures(1, 5, 5, seed=seed)).signature() for seed in (0, 1))
    assert one != two


def test_likeness_is_the_weighted_sum_of_both():
    clip, images, references = toy_clip(), pictures(2, 5, 5), pictures(2, 5, 5, seed=1)
    features = clip_features(clip)
    both = likeness(references, features, perceptual_weight=2.0, pixel_weight=0.5)
    apart = 2 * values(perceptual(features, references), images)
    apart = apart + 0.5 * values(pixels(references), images)
    torch.testing.assert_close(values(both, images), apart)
    assert len(likeness(references, None).terms) == 1
    for weights in ({"pixel_weight": 0.0}, {"perceptual_weight": 1.0, "pixel_weight": 0.0}):
        with pytest.raises(InvalidInput, match="Nothing to compare images by"):
            likeness(references, None, **weights)
    with pytest.raises(InvalidInput, match="at least 0"):
        likeness(references, features, perceptual_weight=-1.0)


def test_other_weights_and_a_clip_without_stages_are_refused(tmp_path, backbone):
    path = tmp_path / "other.safetensors"
    checkpoints.write(path, {"features.0.weight": torch.zeros(64, 3, 3, 3)})
    with pytest.raises(CheckpointError, match="neither a VGG16 nor an AlexNet"):
        lpips_features(checkpoints.read(path))
    with pytest.raises(ConditionMismatch, match="'toy-clip' has no feature maps"):
        clip_features(replace(toy_clip(), stages=None))


def test_without_the_lpips_package_the_cure_is_named(monkeypatch):
    monkeypatch.setattr("latentsteer.core.auxiliaries.lpips.find_spec", lambda name: None)
    with pytest.raises(CheckpointError, match="pip install lpips"):
        lpips_heads("vgg16")
