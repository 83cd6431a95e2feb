"""A training of D2C: it learns, resumes to the bit, keeps its last good state, draws pictures."""

import math
from dataclasses import replace
from functools import cache

import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.d2c.training.configurations import (
    CONFIGURATIONS,
    configuration_named,
    paper_weights,
)
from latentsteer.core.d2c.training.fitting import fit_d2c, save_d2c
from latentsteer.core.d2c.training.images import HeldImages
from latentsteer.core.d2c.training.loop import D2CLoop
from latentsteer.core.d2c.training.pictures import TrainingPictures
from latentsteer.core.d2c.training.settings import D2CTraining, Views
from latentsteer.core.errors import Diverged, InvalidInput, ResumeMismatch
from latentsteer.core.generators import open_generator
from latentsteer.core.generators.d2c.networks.logistics import LogisticMixture
from latentsteer.core.rng import SampleRng
from latentsteer.core.translators.progress import TrainingFile
from PIL import Image

from . import tiny

CPU = torch.device("cpu")
SCHEMES = {"joint": tiny.JOINT, "two-stage": tiny.TWO_STAGE}


class Stop(Exception):
    """An interrupt of the host."""


def fitted(training=tiny.JOINT, *, stop=None, images=None, seed=3, **more):
    """Trains a tiny D2C; returns its networks, or None if it was stopped, and the losses."""
    losses = {}

    def report(done, found):
        losses[done] = found
        if done == stop:
            raise Stop

    images = images or tiny.images()
    try:
        made = fit_d2c(
            images, tiny.configuration(training), seed=seed, device=CPU, report=report, **more
        )
    except Stop:
        made = None
    return made, losses


@cache
def whole(scheme):
    """An undisturbed training."""
    return fitted(SCHEMES[scheme])


def same(networks, others):
    own, other = networks.state_dict(), others.state_dict()
    assert sorted(own) == sorted(other)
    return all(torch.equal(own[name], other[name]) for name in own)


@pytest.mark.bits
@pytest.mark.parametrize(("scheme", "stop"), [("joint", 1), ("two-stage", 2)])
def test_a_stopped_training_resumes_to_the_same_bits(scheme, stop, tmp_path):
    undisturbed, expected = whole(scheme)
    file = TrainingFile(tmp_path / "state.safetensors", seconds=1e9)
    made, _ = fitted(SCHEMES[scheme], stop=stop, progress=file)
    assert made is None
    assert checkpoints.read(file.path).config["done"] == stop
    resumed, losses = fitted(SCHEMES[scheme], progress=file)
    assert list(losses) == [stop, *range(stop + 1, SCHEMES[scheme].batches + 1)]
    assert {n: losses[n] for n in losses if n > stop} == {
        n: expected[n] for n in expected if n > stop
    }
    assert same(resumed, undisturbed)


@pytest.mark.slow
def test_reconstruction_and_diffusion_improve():
    """On four images of one colour each, from which crops take nothing."""
    pixels = torch.tensor([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]])
    pixels = pixels.to(torch.uint8)[:, :, None, None].expand(-1, -1, tiny.SIDE, tiny.SIDE)
    made = tiny.configuration(steps=24, mirror=False, learning_rate=1e-2, diffusion_rate=2e-2)
    plain = replace(made.contrast, views=Views(jitter_share=0.0, grey_share=0.0))
    losses = []
    fit_d2c(
        HeldImages(pixels.contiguous()),
        replace(made, contrast=plain),
        seed=3,
        device=CPU,
        report=lambda done, found: losses.append(found),
    )
    for term in ("reconstruction", "diffusion"):
        values = [getattr(own, term) for own in losses]
        assert sum(values[-8:]) < 0.9 * sum(values[:8]), term


def test_a_training_depends_on_its_seed_and_leaves_the_global_stream_alone():
    state = torch.get_rng_state()
    once = replace(tiny.JOINT, steps=1)
    first, _ = fitted(once, seed=3)
    assert torch.equal(torch.get_rng_state(), state)
    assert same(first, fitted(once, seed=3)[0])
    assert not same(first, fitted(once, seed=4)[0])


def test_the_result_has_the_names_of_official_files():
    made, _ = whole("two-stage")
    official = made.official()
    heads = {name.split(".")[0] for name in official}
    assert heads == {"autoencoder", "diffusion", "latent_mod"}
    assert torch.equal(official["autoencoder.encoder_q.stem.weight"], made.autoencoder.stem.weight)
    assert torch.equal(official["diffusion.conv_in.weight"], made.mean_denoiser.conv_in.weight)
    assert not any(".fc." in name for name in official)
    z = torch.cat(
        [
            made.autoencoder.encode(x)
            for image in tiny.images().read(range(20)).split(1)
            for x in (image, image.flip(3))
        ]
    )
    variance, mean = torch.var_mean(z, (0, 2, 3), correction=0, keepdim=True)
    torch.testing.assert_close(official["latent_mod.mean"], mean, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(official["latent_mod.std"], variance.sqrt(), rtol=1e-4, atol=1e-6)


def test_the_file_is_opened_as_a_generator(tmp_path):
    made, _ = whole("two-stage")
    save_d2c(made, tiny.configuration(tiny.TWO_STAGE), tmp_path / "own.safetensors")
    generator = open_generator(tmp_path / "own.safetensors", {"latent": "clean"})
    assert generator.architecture == "d2c"
    assert generator.image_size == (tiny.SIDE, tiny.SIDE)
    x = tiny.images().read(range(2))
    z = generator.encode(x)
    own = made.autoencoder
    torch.testing.assert_close(z, made.statistics(own.encode(x)).flatten(1))
    images = generator.render(generator.source.split(z), SampleRng.of(0, 2))
    torch.testing.assert_close(images, LogisticMixture.of(own(x)).mean(), rtol=1e-4, atol=1e-5)


def test_averages_follow_by_their_rate():
    loop = D2CLoop(tiny.images(), tiny.configuration(average=0.5), 3, device=CPU)
    networks = loop.networks
    start = networks.mean_denoiser.conv_in.bias.clone()
    bias = networks.denoiser.conv_in.bias
    weights = [bias.detach().clone() for _ in loop.batches_left()]
    for done, weight in enumerate(weights):
        kept = min(0.5, (1 + done) / (10 + done))
        start = kept * start + (1 - kept) * weight
    torch.testing.assert_close(networks.mean_denoiser.conv_in.bias, start)


def test_a_diverged_training_keeps_its_last_good_state(tmp_path):
    bad = replace(tiny.JOINT, learning_rate=1e30)
    file = TrainingFile(tmp_path / "state.safetensors", seconds=0)
    with pytest.raises(Diverged, match=r"Lower the learning rate .* is kept in .*state") as error:
        fitted(bad, progress=file)
    held = checkpoints.read(file.path)
    assert held.config["done"] == error.value.step
    assert all(t.isfinite().all() for t in held.tensors.values() if t.is_floating_point())


def test_another_training_is_refused_and_named(tmp_path):
    file = TrainingFile(tmp_path / "state.safetensors")
    fitted(stop=1, progress=file)
    with pytest.raises(ResumeMismatch, match="other settings"):
        fitted(tiny.TWO_STAGE, progress=file)
    with pytest.raises(ResumeMismatch, match="images"):
        fitted(progress=file, images=tiny.images(21))
    checkpoints.write(file.path, {"x": torch.ones(1)}, {"what": "translator training"})
    with pytest.raises(ResumeMismatch, match="not a D2C training"):
        fitted(progress=file)


@pytest.mark.bits
def test_pictures_are_written_and_do_not_change_the_training(tmp_path):
    pictures = TrainingPictures(tmp_path / "pictures", every=2)
    shown, _ = fitted(tiny.TWO_STAGE, shown=pictures)
    assert same(shown, whole("two-stage")[0])
    names = sorted(path.name for path in (tmp_path / "pictures").iterdir())
    assert names == [
        *(f"reconstructions-{done}.png" for done in (1, 2, 3)),
        *(f"samples-{done}.png" for done in (2, 3)),
    ]
    for name in names:
        with Image.open(tmp_path / "pictures" / name) as picture:
            assert picture.size == (8 * tiny.SIDE, 2 * tiny.SIDE)


@pytest.mark.slow
def test_half_precision_is_near():
    _, plain = fitted()
    _, half = fitted(replace(tiny.JOINT, bf16=True))
    assert half != plain
    for own, other in zip(half.values(), plain.values(), strict=True):
        assert vars(own) == pytest.approx(vars(other), rel=0.1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "0 steps"),
        ({"batch_size": 1}, "Batches of 1 in 1 parts"),
        ({"diffusion_steps": 5}, "diffusion steps in a joint training"),
        ({"learning_rate": 0.0}, "learning_rate is 0"),
        ({"contrastive_weight": math.nan}, "contrastive_weight is nan"),
        ({"contrastive_weight": 0.0, "reconstruction_weight": 0.0}, "nothing trains"),
        ({"reconstructed": "augmented"}, "Reconstruct clean images"),
        ({"average": 1.0}, r"Average 1\.0"),
    ],
)
def test_settings_out_of_range_are_refused(change, message):
    with pytest.raises(InvalidInput, match=message):
        replace(tiny.JOINT, **change)


def test_images_must_fit():
    with pytest.raises(InvalidInput, match=r"3 images for batches of 4.* to 3 or less"):
        fitted(images=tiny.images(3))
    with pytest.raises(InvalidInput, match="Images of 6 pixels for a D2C of 8"):
        fitted(images=tiny.images(20, 6))


def test_the_configurations_have_the_papers_numbers():
    assert configuration_named("cifar10").shape == (10, 16, 16)
    assert configuration_named("ffhq256").shape == (8, 32, 32)
    assert {c.resolution for c in CONFIGURATIONS.values()} == {32, 64, 256}
    ours = configuration_named("cifar10").training
    # 1,000 epochs of 50,000 images in whole batches of 128; then twice as many latents.
    assert ours.steps == 1000 * (50_000 // 128)
    assert ours.diffusion_steps == 10_000 * math.ceil(100_000 / 256)
    assert ours.contrastive_weight / ours.reconstruction_weight == pytest.approx(17_500)
    assert configuration_named("cifar10 contrastive").training.reconstruction_weight == 0
    literal = paper_weights(ours)
    assert (literal.reconstruction_weight, literal.contrastive_weight) == (1, 1e-4)
    assert isinstance(literal, D2CTraining)
    assert literal.scheme == "joint"
    with pytest.raises(InvalidInput, match="no configuration 'cifar' of D2C; there are cifar10"):
        configuration_named("cifar")
