"""StyleGAN3 and StyleGAN-XL against outputs of their authors' code.

`parity/sg3*` and `parity/sgxl*` are files written by that code, with outputs. For the other
configurations there are only outputs (`parity/stylegan*.npz`) of weights that `drawn` makes from
their names, with the shapes and the pickle's module attributes under `told`.
"""

import json
import zlib
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.checkpoints.architecture import detect
from latentsteer.core.checkpoints.parity import compared, read_arrays
from latentsteer.core.errors import CheckpointError, InvalidInput
from latentsteer.core.generators import ARCHITECTURES, load_generator
from latentsteer.core.generators.stylegan.networks.stylegan3_layers import filtered_lrelu
from latentsteer.core.rng import SampleRng

from ..differences import assert_is_gradient

pytestmark = pytest.mark.usefixtures("files_read_once")
PARITY = Path(__file__).parents[1] / "parity"
WRITTEN = {"sg3t_32": "stylegan3", "sg3r_32": "stylegan3", "sgxl_superres32": "stylegan-xl"}
DRAWN = {
    "stylegan3t_cond16": "stylegan3",
    "stylegan3r_crit1": "stylegan3",
    "stylegan_xl_nested32": "stylegan-xl",
    "stylegan_xl_unconditional": "stylegan-xl",
}

contents = cache(checkpoints.read)  # for files that several tests read


def drawn(name, shape):
    """The weights that the authors' code also used to compute the outputs."""
    draws = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape)
    if name.endswith("_filter"):
        draws = np.abs(draws) + 0.1
        draws = draws / draws.sum()
    elif name.endswith("magnitude_ema"):
        draws = 0.5 + np.abs(draws)
    elif ".mapping.fc" in name:
        draws = draws * 100
    return torch.from_numpy(np.asarray(draws)).float()


@pytest.fixture(scope="module")
def path_of(tmp_path_factory):
    """A file by name: written by the authors' code, or made of drawn weights."""

    @cache
    def find(name):
        if name in WRITTEN:
            return PARITY / f"{name}.pkl"
        told = json.loads(bytes(np.load(PARITY / f"{name}.npz")["told"]))
        tensors = {key: drawn(key, shape) for key, shape in told["shapes"].items()}
        tensors |= {key: torch.tensor(value) for key, value in told["arrays"].items()}
        path = tmp_path_factory.mktemp("drawn") / f"{name}.safetensors"
        checkpoints.write(path, tensors, {"modules": told["modules"]})
        return path

    return find


@pytest.fixture(scope="module")
def bare(path_of, tmp_path_factory):
    """The generator's tensors without attributes, as converters write them."""

    @cache
    def strip(name):
        arrays = (".in_size", ".out_size", ".size", ".sampling_rates")
        tensors = {
            key.removeprefix("G_ema."): tensor
            for key, tensor in contents(path_of(name)).tensors.items()
            if key.startswith("G_ema.") and not key.endswith(arrays)
        }
        path = tmp_path_factory.mktemp("bare") / f"{name}.safetensors"
        checkpoints.write(path, tensors)
        return path

    return strip


def errors(path, arrays):
    checkpoint = contents(path)
    return {c.name: c for c in compared(checkpoint, detect(checkpoint, ARCHITECTURES), arrays)}


def points(generator, count=2, dtype=torch.float32):
    return generator.prior.sample(SampleRng.of(0, count), torch.empty(0)).to(dtype)


@pytest.mark.parametrize(("name", "family"), (WRITTEN | DRAWN).items())
def test_the_outputs_are_those_of_the_authors_code(name, family, path_of):
    path, arrays = path_of(name), read_arrays(PARITY / f"{name}.npz")
    generator = load_generator(path)
    assert generator.architecture == f"{family}-generator"
    assert "non-commercial" in generator.licence
    found = errors(path, arrays)
    assert found.keys() == arrays.keys() - {"z", "c", "transform", "told"}
    assert all(comparison.holds for comparison in found.values()), list(map(str, found.values()))


@pytest.mark.parametrize("name", [*WRITTEN, "stylegan_xl_nested32", "stylegan_xl_unconditional"])
def test_tensors_alone_are_enough_under_the_official_defaults(name, bare):
    found = errors(bare(name), read_arrays(PARITY / f"{name}.npz"))
    assert {"img", "ws"} <= found.keys()
    assert all(comparison.holds for comparison in found.values()), list(map(str, found.values()))


def test_assumptions_are_reported(bare, path_of):
    told, alone = (contents(find("sg3r_32")) for find in (path_of, bare))
    architecture = detect(told, ARCHITECTURES)
    assert {"conv_clamp", "layers", "output_scale", "mapping"}.isdisjoint(architecture.facts(told))
    assert {"conv_clamp", "layers", "output_scale", "mapping"} <= architecture.facts(alone).keys()


def test_attributes_that_change_the_images_are_applied(path_of):
    """A wrong factor, clamp or scale must change the output, or parity would prove little."""
    checkpoint = contents(path_of("stylegan3t_cond16"))
    arrays = read_arrays(PARITY / "stylegan3t_cond16.npz")
    architecture = detect(checkpoint, ARCHITECTURES)
    layer = next(name for name in checkpoint.config["modules"] if name.endswith("L5_16_3"))
    for module, changed in (
        ("G_ema.synthesis", {"output_scale": 0.25}),
        (layer, {"conv_clamp": None}),
        ("G_ema.mapping.fc0", {"weight_gain": 1e-4}),
    ):
        modules = json.loads(json.dumps(checkpoint.config["modules"]))
        modules[module]["attributes"] |= changed
        other = replace(checkpoint, config={"modules": modules})
        found = {c.name: c for c in compared(other, architecture, arrays)}
        assert not found["img"].holds, module


def test_a_transform_of_the_user_is_part_of_the_file(path_of, tmp_path):
    checkpoint = contents(path_of("sg3t_32"))
    arrays = read_arrays(PARITY / "sg3t_32.npz")
    tensors = dict(checkpoint.tensors) | {
        "G_ema.synthesis.input.transform": arrays["transform"].clone()
    }
    checkpoints.write(tmp_path / "moved.safetensors", tensors, checkpoint.config)
    generator = load_generator(tmp_path / "moved.safetensors")
    images = generator(arrays["z"], SampleRng.of(0, len(arrays["z"])))
    expected = (arrays["img_transformed"] * 0.5 + 0.5).clamp(0, 1)
    torch.testing.assert_close(images, expected, atol=1e-5, rtol=0)
    assert not torch.allclose(expected, (arrays["img"] * 0.5 + 0.5).clamp(0, 1), atol=1e-2)


@pytest.mark.parametrize(
    ("name", "latent"), [*((name, "z") for name in WRITTEN), ("sg3t_32", "w+"), ("sg3t_32", "w")]
)
def test_the_gradient_is_the_finite_difference(name, latent, path_of):
    generator = load_generator(path_of(name), {"latent": latent, "psi": 0.8})
    generator.module.double()
    stream = torch.Generator().manual_seed(0)
    at = points(generator, 1, torch.float64).requires_grad_()
    along = torch.randn(at.shape, generator=stream).double()
    weights = torch.rand(3, *generator.image_size, generator=stream).double()

    def score(v):
        return (generator(v, SampleRng.of(1, 1)) * weights).sum()

    (slope,) = torch.autograd.grad(score(at), at)
    assert_is_gradient(slope, score, at.detach(), along)


@pytest.mark.parametrize("name", WRITTEN)
def test_it_loads_and_has_gradients_inside_inference_mode(name, path_of):
    with torch.inference_mode(), torch.inference_mode(False):
        generator = load_generator(path_of(name))
        z = points(generator).requires_grad_()
        (slope,) = torch.autograd.grad(generator(z, SampleRng.of(1, 2)).sum(), z)
    assert bool((slope.norm(dim=1) > 0).all())


@pytest.mark.parametrize("name", WRITTEN)
def test_a_batch_equals_its_members(name, path_of):
    generator = load_generator(path_of(name))
    z = points(generator, 4)
    z[1] *= 50
    together = generator(z, SampleRng.of(1, 4))
    for row in range(4):
        alone = generator(z[row : row + 1], SampleRng.of(1, [row]))
        torch.testing.assert_close(alone[0], together[row], atol=2e-6, rtol=0)


@pytest.mark.parametrize("latent", ["w", "w+"])
def test_w_gives_what_z_gives(latent, path_of):
    path = path_of("sg3t_32")
    plain = load_generator(path, {"psi": 0.6, "cutoff": 3})
    steered = load_generator(path, {"latent": latent, "psi": 0.6, "cutoff": 3})
    z, w = points(plain), points(steered)
    assert steered.source.block("w").shape == ((8, 32) if latent == "w+" else (32,))
    assert steered.prior.log_density is None
    rng = SampleRng.of(0, 2)
    torch.testing.assert_close(steered(w, rng), plain(z, rng), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"noise": "const"}, "noise"),
        ({"latent": "x"}, "latent"),
        ({"psi": "much"}, "psi"),
        ({"cutoff": 99}, "cutoff"),
    ],
)
def test_options_that_it_does_not_take_are_refused(options, fault, path_of):
    with pytest.raises(InvalidInput, match=fault):
        load_generator(path_of("sg3t_32"), options)


def test_the_discriminator_is_loaded(path_of):
    generator = load_generator(path_of("sg3t_32"))
    assert generator.discriminator is not None
    logits = generator.discriminator.logits(generator(points(generator), SampleRng.of(1, 2)))
    assert logits.shape == (2,)


def test_filters_that_nothing_explains_are_a_checkpoint_error(bare, tmp_path):
    tensors = dict(contents(bare("sg3t_32")).tensors)
    del tensors["synthesis.L1_36_16.up_filter"]
    checkpoints.write(tmp_path / "model.safetensors", tensors)
    with pytest.raises(CheckpointError, match="L1_36_16"):
        load_generator(tmp_path / "model.safetensors")


def test_a_filter_whose_taps_differ_from_its_attribute_is_a_checkpoint_error(path_of, tmp_path):
    checkpoint = contents(path_of("sg3t_32"))
    name = "G_ema.synthesis.L1_36_16.down_filter"
    tensors = dict(checkpoint.tensors) | {name: torch.ones(10) / 10}
    checkpoints.write(tmp_path / "model.safetensors", tensors, checkpoint.config)
    with pytest.raises(CheckpointError, match="down_taps"):
        load_generator(tmp_path / "model.safetensors")


def convolved(maps, taps):
    """Full convolutions without padding: along both axes for 1-D taps, otherwise 2-D."""
    if taps.ndim == 1:
        taps = np.outer(taps, taps)
    windows = np.lib.stride_tricks.sliding_window_view(maps, taps.shape)
    return (windows * taps[::-1, ::-1]).sum(axis=(2, 3))


@pytest.mark.parametrize(
    ("module", "changed"),
    [
        ("L1_36_16", {"up_factor": 0}),
        ("L1_36_16", {"down_factor": 10**9}),
        ("L1_36_16", {"padding": [-99, -99, -99, -99]}),
        ("L1_36_16", {"padding": [10**6, 0, 0, 0]}),
        ("L1_36_16", {"padding": "wide"}),
        ("L1_36_16", {"conv_clamp": "tight"}),
        ("", {"layer_names": ["L0_36_16", "L9"]}),
        ("", {"layer_names": 3}),
        ("", {"layer_names": ["input"]}),
        ("input", {"sampling_rate": [1]}),
    ],
)
def test_attributes_that_cannot_be_are_a_checkpoint_error(module, changed, path_of, tmp_path):
    checkpoint = contents(path_of("sg3t_32"))
    modules = json.loads(json.dumps(checkpoint.config["modules"]))
    modules[f"G_ema.synthesis.{module}".removesuffix(".")]["attributes"] |= changed
    checkpoints.write(tmp_path / "model.safetensors", checkpoint.tensors, {"modules": modules})
    with pytest.raises(CheckpointError, match="stylegan3"):
        load_generator(tmp_path / "model.safetensors")


@pytest.mark.parametrize("padding", [(7, 9, 5, 4), (-2, 3, -1, -3)])
@pytest.mark.parametrize("taps", [(5,), (5, 5)])
def test_the_filtered_lrelu_is_its_definition(taps, padding):
    stream = np.random.default_rng(0)
    maps, up_taps, down_taps = (stream.standard_normal(shape) for shape in ((8, 7), 6, taps))
    spread = np.zeros((24, 21))
    spread[::3, ::3] = maps
    left, right, above, below = padding
    padded = np.pad(spread, [(max(above, 0), max(below, 0)), (max(left, 0), max(right, 0))])
    padded = padded[max(-above, 0) :, max(-left, 0) :]
    padded = padded[: padded.shape[0] - max(-below, 0), : padded.shape[1] - max(-right, 0)]
    raised = convolved(padded, up_taps) * 9
    bent = np.clip(np.where(raised > 0, raised, 0.2 * raised) * 1.5, -2, 2)
    found = filtered_lrelu(
        torch.from_numpy(maps)[None, None],
        up=3,
        up_filter=torch.from_numpy(up_taps),
        down=2,
        down_filter=torch.from_numpy(down_taps),
        padding=padding,
        slope=0.2,
        gain=1.5,
        clamp=2.0,
    )
    np.testing.assert_allclose(found[0, 0], convolved(bent, down_taps)[::2, ::2], rtol=1e-10)
