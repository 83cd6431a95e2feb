"""Official D2C files against outputs of their authors' code, and what a file does not say."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.checkpoints.parity import TOLERANCE
from latentsteer.core.errors import CheckpointError, GeneratorMismatch, InvalidInput
from latentsteer.core.generators import load_generator
from latentsteer.core.generators.d2c.boundary import boundary_condition, read_boundary
from latentsteer.core.generators.d2c.layouts import AutoencoderSettings
from latentsteer.core.generators.d2c.official import GENERATOR, diffusion_prior
from latentsteer.core.generators.d2c.reading import autoencoder_layout
from latentsteer.core.generators.d2c.settings import d2c_configuration
from latentsteer.core.identity import options_of
from latentsteer.core.rng import SampleRng

from .d2c_files import LAYOUTS, arrays_of, tensors_of, thinned, told_of

AUTOENCODER = "autoencoder.encoder_q."
SMALL = "d2c_elu"
MILD = (0.01, 0.1, 10)
NAN = torch.tensor([torch.nan])


@pytest.fixture(scope="module")
def path_of(tmp_path_factory):
    """A file by layout, with the names of the authors' whole state dict."""
    folder = tmp_path_factory.mktemp("d2c")

    def find(name):
        path = folder / f"{name}.safetensors"
        if not path.exists():
            checkpoints.write(path, tensors_of(name))
        return path

    return find


@pytest.fixture(scope="module")
def mild(tmp_path_factory):
    """A small file with a diffusion of ten levels, which drawn weights do not make explode."""
    path = tmp_path_factory.mktemp("mild") / "mild.safetensors"
    checkpoints.write(path, tensors_of(SMALL), d2c_configuration(side=8, bits=5, betas=MILD))
    return path


@pytest.fixture(scope="module")
def opened(mild):
    """The generator of that file by options."""
    kept = {}

    def find(**options):
        key = tuple(sorted(options.items()))
        if key not in kept:
            kept[key] = load_generator(mild, options)
        return kept[key]

    return find


def draws(generator, count=2, seed=0):
    return generator.prior.sample(SampleRng.of(seed, count), torch.empty(0))


def shown(generator, z, seed=1):
    with torch.no_grad():
        return generator(z, SampleRng.of(seed, len(z)))


# Parity


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_outputs_are_the_authors(name, path_of):
    arrays = arrays_of(name)
    with torch.no_grad():
        found = GENERATOR.parity(checkpoints.read(path_of(name)), arrays)
    assert set(found) == {"z", "eps_t500", "z_ddim", "z_mod", "logits"}
    for key, value in found.items():
        own = thinned(value) if key == "logits" else value
        assert float((own - arrays[key]).abs().max() / arrays[key].abs().max()) <= TOLERANCE, key


def test_a_diffusion_with_other_noise_levels_misses(path_of, tmp_path):
    """The parity of DDIM's result sees the schedule, which no file says."""
    checkpoint = checkpoints.read(path_of(SMALL))
    config = d2c_configuration(side=8, bits=5, betas=(1e-4, 0.0201, 1000))
    with torch.no_grad():
        found = GENERATOR.parity(replace(checkpoint, config=config), arrays_of(SMALL))["z_ddim"]
    wanted = arrays_of(SMALL)["z_ddim"]
    assert float((found - wanted).abs().max() / wanted.abs().max()) > 100 * TOLERANCE


def test_the_paper_s_sizes_are_those_of_the_files(path_of):
    own = {
        key.removeprefix(AUTOENCODER): value
        for key, value in tensors_of("d2c_three_scales").items()
        if key.startswith(AUTOENCODER)
    }
    told = told_of("d2c_three_scales")["autoencoder"]
    named = {key: told[key] for key in vars(AutoencoderSettings()) if key in told}
    layout = AutoencoderSettings(**named).layout
    assert layout == autoencoder_layout(replace(checkpoints.read(path_of(SMALL)), tensors=own))
    assert layout.factor == 8


# Latents


def test_images_are_encoded_to_the_authors_latents_normalised(opened):
    arrays, generator = arrays_of(SMALL), opened(latent="clean")
    scale = generator.module.latent_mod
    with torch.no_grad():
        found = generator.encode(arrays["x"])
    wanted = ((arrays["z"] - scale.mean) / scale.std).flatten(1)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)
    assert opened().encode is None
    with torch.no_grad():
        other = opened(latent="clean", bits=2).encode(arrays["x"])
    assert float((other - wanted).abs().max()) > 1e-3


def test_noise_becomes_clean_latents_and_these_the_same_images(opened):
    noise, clean = (opened(latent=own, denoising_steps=4) for own in ("noise", "clean"))
    x, z = draws(noise), draws(clean)
    pushed = diffusion_prior(clean).push(x, steps=4)
    torch.testing.assert_close(pushed, z)
    torch.testing.assert_close(shown(noise, x), shown(clean, z))
    assert noise.prior.log_density is not None
    assert clean.prior.log_density is None
    assert float((shown(opened(denoising_steps=3), x) - shown(noise, x)).abs().max()) > 1e-3


def test_a_latent_is_one_image_unless_something_is_drawn(opened):
    x = draws(opened(denoising_steps=4))
    for options, same in (
        ({}, True),
        ({"denoising_eta": 0.7}, False),
        ({"pixels": "sample"}, False),
    ):
        generator = opened(denoising_steps=4, **options)
        one, again, other = (shown(generator, x, seed) for seed in (1, 1, 2))
        assert torch.equal(one, again)
        assert torch.equal(one, other) == same


def test_the_id_has_the_options_that_change_the_map(opened):
    assert options_of(opened().id) == {
        "latent": "noise",
        "pixels": "mean",
        "denoising_steps": 10,
        "denoising_eta": 0.0,
    }
    clean = opened(latent="clean", denoising_steps=7, denoising_eta=0.5)
    assert options_of(clean.id) == {"latent": "clean", "pixels": "mean"}
    prior = diffusion_prior(clean)
    prior.check(opened(latent="clean"))
    with pytest.raises(GeneratorMismatch, match="latent clean"):
        prior.check(opened())
    with pytest.raises(InvalidInput, match="latent clean"):
        diffusion_prior(opened())


# Gradients


@pytest.mark.parametrize(
    "options",
    [
        {"denoising_steps": 3},
        {"denoising_steps": 3, "denoising_eta": 0.5},
        {"latent": "clean", "pixels": "sample"},
    ],
)
def test_gradients_are_finite_differences(options, mild):
    generator = load_generator(mild, options)
    points = draws(generator).double().requires_grad_()
    generator.module.double()
    along = torch.randn(points.shape, generator=torch.Generator().manual_seed(1)).double()

    def value(at):
        images = generator(at, SampleRng.of(0, 2))
        return (images * torch.linspace(-1, 1, images.shape[-1], dtype=torch.float64)).sum()

    (slope,) = torch.autograd.grad(value(points), points)
    step = 1e-6
    with torch.no_grad():
        expected = (value(points + step * along) - value(points - step * along)) / (2 * step)
    torch.testing.assert_close((slope * along).sum(), expected, rtol=1e-5, atol=1e-8)


def test_it_loads_and_backpropagates_within_inference_mode(mild):
    with torch.inference_mode(), torch.inference_mode(False):
        generator = load_generator(mild, {"denoising_steps": 2})
        points = draws(generator).requires_grad_()
        (slope,) = torch.autograd.grad(generator(points, SampleRng.of(0, 2)).sum(), points)
    assert bool((slope.norm(dim=1) > 0).all())


# What a file does not say


@pytest.mark.parametrize(
    ("name", "size", "why"),
    [
        ("d2c_three_scales", 64, "projection head"),
        ("d2c_one_scale", 32, "attention at 16 x 16"),
        ("d2c_inverted", 128, "attention at 16 x 16"),
        ("d2c_elu", 256, "as many halvings"),
    ],
)
def test_the_image_size_is_derived_where_a_file_says_it(name, size, why, path_of):
    facts = GENERATOR.facts(checkpoints.read(path_of(name)))
    assert f"{size} x {size}" in facts["image size"]
    assert why in facts["image size"]


def test_the_configuration_of_the_authors_is_taken_if_a_checkpoint_has_it(path_of):
    told = {key: told_of("d2c_inverted")[key] for key in ("autoencoder", "diffusion")}
    checkpoint = checkpoints.read(path_of("d2c_inverted"))
    for config in ({"folder": told}, {"d2c": told}):
        facts = GENERATOR.facts(replace(checkpoint, config=config))
        assert "32 x 32 (the configuration)" in facts["image size"]
        assert "3 per colour (the configuration)" in facts["bits"]
        assert "(the configuration)" in facts["noise schedule"]
    chosen = replace(checkpoint, config={"d2c": told}, options={"image_size": 64, "bits": 2})
    facts = GENERATOR.facts(chosen)
    assert "64 x 64 (chosen)" in facts["image size"]
    assert "2 per colour (chosen)" in facts["bits"]


def test_a_configuration_beside_the_file_is_taken(path_of, tmp_path):
    told = {key: told_of(SMALL)[key] for key in ("autoencoder", "diffusion")}
    path = shutil.copy(path_of(SMALL), tmp_path / "x_model.safetensors")
    assert load_generator(path).image_size == (256, 256)
    for name, size in (("x_config.json", 32), ("x_model.json", 64)):
        told["autoencoder"]["latent_dim"] = size // 4
        (tmp_path / name).write_text(json.dumps(told))
        assert load_generator(path).image_size == (size, size)
        assert name in GENERATOR.facts(checkpoints.read(path))["image size"]
    (tmp_path / "x_model.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"x_model\.json is not JSON"):
        load_generator(path)


@pytest.mark.parametrize(
    ("config", "what"),
    [
        ({"autoencoder": {"num_x_bits": 9}}, "num_x_bits is 9"),
        ({"autoencoder": {"num_x_bits": 2.5}}, "whole number"),
        ({"autoencoder": {"latent_dim": "8"}}, "latent_dim is '8'"),
        ({"autoencoder": {"latent_dim": 5}}, "side 5"),
        ({"autoencoder": [8]}, "no table"),
        ({"diffusion": {"diffusion": {"beta_schedule": "quad"}}}, "'quad'"),
        ({"diffusion": {"diffusion": {"beta_end": 2}}}, "beta_end is 2"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(config, what, path_of):
    checkpoint = replace(checkpoints.read(path_of("d2c_inverted")), config={"d2c": config})
    with pytest.raises(CheckpointError, match=what):
        GENERATOR.load(checkpoint)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"latent": "w"}, "noise, clean"),
        ({"denoising_steps": 1001}, "1 to 1000"),
        ({"denoising_steps": 2.5}, "denoising_steps is 2.5"),
        ({"denoising_eta": 1.5}, "denoising_eta is 1.5"),
        ({"denoising_eta": "half"}, "denoising_eta is 'half'"),
        ({"pixels": "median"}, "mean, sample"),
        ({"image_size": 100}, "multiple of 16"),
        ({"bits": 9}, "bits is 9"),
        ({"psi": 0.5}, "takes no option psi"),
    ],
)
def test_options_that_cannot_be_are_refused(options, what, path_of):
    with pytest.raises(InvalidInput, match=what):
        load_generator(path_of("d2c_inverted"), options)


# Files


def test_what_only_the_training_needs_may_be_missing_or_anything(path_of, tmp_path):
    tensors = tensors_of("d2c_inverted") | {f"{AUTOENCODER}fc.0.weight": torch.zeros(1)}
    training = ("autoencoder.encoder_k.", "autoencoder.queue", f"{AUTOENCODER}fc.")
    unused = [key for key in tensors if key.startswith(training) or "weight_normalized" in key]
    assert len(unused) > 200
    spoilt = {key: NAN if key in unused else value for key, value in tensors.items()}
    bare = {key: value for key, value in tensors.items() if key not in unused}
    for kept in (spoilt, bare):
        checkpoints.write(tmp_path / "m.safetensors", kept)
        found = load_generator(tmp_path / "m.safetensors").module.state_dict()
        assert found.keys() == bare.keys()
        assert all(torch.equal(found[key], bare[key]) for key in bare)


@pytest.mark.parametrize(
    ("part", "what"),
    [
        ("autoencoder.", "no autoencoder"),
        ("diffusion.", "no diffusion"),
        ("latent_mod.", "no statistics"),
    ],
)
def test_a_file_without_one_of_its_parts_says_which(part, what, tmp_path):
    kept = {key: value for key, value in tensors_of(SMALL).items() if not key.startswith(part)}
    checkpoints.write(tmp_path / "half.safetensors", kept)
    with pytest.raises(CheckpointError, match=rf"half\.safetensors .* {what}.*convert_ckpt"):
        load_generator(tmp_path / "half.safetensors")


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"latent_mod.std": torch.tensor([1.0, 0.0]).view(1, 2, 1, 1)}, "not above 0"),
        ({"latent_mod.mean": NAN.expand(1, 2, 1, 1)}, r"latent_mod\.mean"),
        ({"latent_mod.mean": torch.zeros(1, 3, 1, 1)}, r"latent_mod\.mean"),
        ({"diffusion.conv_in.weight": torch.zeros(32, 3, 3, 3)}, "2 channels, .* diffusion 3"),
        ({f"{AUTOENCODER}image_conditional.1.weight": torch.zeros(99, 6, 3, 3)}, "99 numbers"),
        ({f"{AUTOENCODER}stem.weight": torch.zeros(7, 3, 3, 3)}, "does not fit"),
        ({f"{AUTOENCODER}extra": torch.zeros(1)}, "extra"),
        ({"extra": torch.zeros(1)}, "extra"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes, what, tmp_path):
    checkpoints.write(tmp_path / "m.safetensors", {**tensors_of(SMALL), **changes})
    with pytest.raises(CheckpointError, match=what):
        load_generator(tmp_path / "m.safetensors")


def test_an_unknown_operation_is_named(tmp_path):
    kept = {
        key: value
        for key, value in tensors_of(SMALL).items()
        if not key.startswith(f"{AUTOENCODER}enc_tower.0._ops.1.bn.")
    }
    checkpoints.write(tmp_path / "m.safetensors", kept)
    with pytest.raises(CheckpointError, match=r"enc_tower\.0\._ops\.1\.` is neither"):
        load_generator(tmp_path / "m.safetensors")


# Released boundaries


def test_a_released_boundary_moves_latents_as_the_authors_do(opened, tmp_path):
    generator = opened(latent="clean")
    boundary = torch.randn(1, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    checkpoints.write(tmp_path / "beard.safetensors", {"boundary": boundary})
    vector = read_boundary(tmp_path / "beard.safetensors", generator)
    assert vector.shape == (generator.source.dim,)
    scale, z = generator.module.latent_mod, draws(generator)
    moved = scale.restored((z - 20 * vector).unflatten(1, (2, 8, 8)))
    wanted = scale.restored(z.unflatten(1, (2, 8, 8))) - 20 * boundary
    torch.testing.assert_close(moved, wanted)


@pytest.mark.parametrize(("side", "sign"), [("minus", -1), ("plus", 1)])
def test_a_boundary_as_a_condition_is_a_direction_with_its_step(side, sign, opened, tmp_path):
    generator, path = opened(latent="clean"), tmp_path / "beard.safetensors"
    boundary = torch.randn(1, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    checkpoints.write(path, {"boundary": boundary})
    condition = boundary_condition(path, generator, "beard", side)
    condition.check(generator)
    found = sign * condition.figures["step"] * condition.vector()
    torch.testing.assert_close(found, read_boundary(path, generator))
    z = draws(generator)
    more, less = (condition.probability(z + s * condition.vector()) for s in (1, -1))
    assert bool((more > less).all())
    with pytest.raises(InvalidInput, match="no name"):
        boundary_condition(path, generator, " ", side)
    checkpoints.write(path, {"boundary": 0 * boundary})
    with pytest.raises(CheckpointError, match="length 0"):
        boundary_condition(path, generator, "beard", side)


@pytest.mark.parametrize(
    ("tensors", "what"),
    [
        ({"boundary": torch.zeros(1, 8, 32, 32)}, r"\[1, 8, 32, 32\]"),
        ({"weight": torch.zeros(1, 2, 8, 8)}, "`weight`"),
        ({"boundary": torch.zeros(1, 2, 8, 8), "more": torch.zeros(1)}, "alone"),
        ({"boundary": NAN.expand(1, 2, 8, 8)}, "not finite"),
    ],
)
def test_a_file_that_is_no_boundary_of_the_model_is_refused(tensors, what, opened, tmp_path):
    checkpoints.write(tmp_path / "b.safetensors", tensors)
    with pytest.raises(CheckpointError, match=what):
        read_boundary(tmp_path / "b.safetensors", opened(latent="clean"))
    with pytest.raises(InvalidInput, match="latent clean"):
        read_boundary(tmp_path / "b.safetensors", opened())
