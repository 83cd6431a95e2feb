"""StyleGAN2 of NVIDIA's two frameworks and of rosinality, against what their code gave.

`parity/sg2_tf_configf32` and `parity/rosinality_64` are files that it wrote, with its outputs; of
other configurations there are outputs alone (`parity/stylegan2_*.npz`), for weights that `drawn`
makes of their names, and under `told` the shapes and what the pickle told of the modules.
"""

import json
import math
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.checkpoints.architecture import detect
from latentsteer.core.checkpoints.parity import compared, read_arrays
from latentsteer.core.errors import CheckpointError, InvalidInput
from latentsteer.core.generators import ARCHITECTURES, load_generator
from latentsteer.core.generators.stylegan import stylegan2
from latentsteer.core.generators.stylegan.arrays import Wanted, wanted
from latentsteer.core.rng import SampleRng

PARITY = Path(__file__).parents[1] / "parity"
WRITTEN = {"sg2_tf_configf32": "pkl", "rosinality_64": "pt"}
CONDITIONAL, GREY = "stylegan2_resnet_cond16", "stylegan2_orig_grey16"
TENSORFLOW, TRAINED = "stylegan2_tf_cond16", "stylegan2_rosinality_train16"
FAMILIES = {
    "sg2_tf_configf32": "stylegan2-tensorflow",
    "rosinality_64": "stylegan2-rosinality",
    CONDITIONAL: "stylegan2",
    GREY: "stylegan2",
    TENSORFLOW: "stylegan2-tensorflow",
    TRAINED: "stylegan2-rosinality",
}
ONE_EACH = (CONDITIONAL, TENSORFLOW, TRAINED)
INPUTS = {"z", "c", "wplus", "told"}
UNKNOWN = {TRAINED: {"w_avg"}, "rosinality_64": {"D"}}
"""Outputs that those files have not what it takes for."""
JUDGED = [name for name in FAMILIES if name != "rosinality_64"]


def drawn(name, shape):
    """The weights that the authors' code had, too, when it made the outputs."""
    draws = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape)
    draws = np.asarray(draws)
    if name.endswith(("resample_filter", ".kernel")):
        draws = np.abs(draws) + 0.1
        draws = draws / draws.sum()
    elif any(part in name for part in ("mapping.fc", "/Dense", ".style.")) and "4x4" not in name:
        draws = draws * 100
    return torch.from_numpy(draws.astype(np.float32))


@pytest.fixture(scope="module")
def path_of(tmp_path_factory):
    """The file of a name: as the authors' code wrote it, or made of drawn weights."""

    def find(name):
        if name in WRITTEN:
            return PARITY / f"{name}.{WRITTEN[name]}"
        told = json.loads(bytes(np.load(PARITY / f"{name}.npz")["told"]))
        tensors = {key: drawn(key, shape) for key, shape in told["shapes"].items()}
        path = tmp_path_factory.mktemp("drawn") / f"{name}.safetensors"
        checkpoints.write(path, tensors, {"modules": told["modules"]})
        return path

    return find


def arrays_of(name):
    return read_arrays(PARITY / f"{name}.npz")


def errors(checkpoint, arrays):
    return {c.name: c for c in compared(checkpoint, detect(checkpoint, ARCHITECTURES), arrays)}


def rewritten(path, tmp_path, change, config=None):
    """A copy of a file whose tensors went through a function."""
    checkpoint = checkpoints.read(path)
    copy = tmp_path / "copy.safetensors"
    checkpoints.write(
        copy, change(dict(checkpoint.tensors)), checkpoint.config if config is None else config
    )
    return copy


def points(generator, count=3, seed=0, dtype=torch.float32):
    return generator.prior.sample(SampleRng.of(seed, count), torch.empty(0)).to(dtype)


def streams(count, seed=0):
    return SampleRng.of(seed, count, "noise")


def in_unit(images):
    images = images * 0.5 + 0.5
    images = images if images.shape[1] == 3 else images[:, :1].expand(-1, 3, -1, -1)
    return images.clamp(0, 1)


# Against the authors' code


@pytest.mark.parametrize(("name", "family"), FAMILIES.items())
def test_the_outputs_are_those_of_the_authors_code(name, family, path_of):
    checkpoint, arrays = checkpoints.read(path_of(name)), arrays_of(name)
    found = errors(checkpoint, arrays)
    assert found.keys() == arrays.keys() - INPUTS - UNKNOWN.get(name, set())
    assert all(comparison.holds for comparison in found.values()), list(map(str, found.values()))
    assert load_generator(path_of(name)).architecture == f"{family}-generator"


@pytest.mark.parametrize("name", FAMILIES)
def test_a_conversion_to_safetensors_loads_alike(name, path_of, tmp_path):
    copy = rewritten(path_of(name), tmp_path, lambda tensors: tensors)
    found = errors(checkpoints.read(copy), arrays_of(name))
    assert {"img", "img_const"} & found.keys()
    assert all(comparison.holds for comparison in found.values()), list(map(str, found.values()))


@pytest.mark.parametrize(
    ("name", "module", "changed", "array"),
    [
        (CONDITIONAL, "G_ema.synthesis.b16.conv1", {"conv_clamp": None}, "img_const"),
        (CONDITIONAL, "G_ema.mapping.fc0", {"activation": "lrelu"}, "ws"),
        (CONDITIONAL, "G_ema.mapping.fc1", {"weight_gain": 1e-3}, "ws"),
        (CONDITIONAL, "D.b4.mbstd", {"group_size": 4}, "D_logits"),
        (CONDITIONAL, "D.b8.conv1", {"conv_clamp": 0.5}, "D_logits"),
        (GREY, "G_ema.synthesis.b8.conv0", {"activation": "lrelu"}, "img_const"),
        (GREY, "D.b4.mbstd", {"group_size": 3}, "D_logits"),
    ],
)
def test_attributes_are_heeded(name, module, changed, array, path_of):
    """Each must show, or the parity above would prove little."""
    checkpoint = checkpoints.read(path_of(name))
    modules = json.loads(json.dumps(checkpoint.config["modules"]))
    modules[module]["attributes"] |= changed
    found = errors(replace(checkpoint, config={"modules": modules}), arrays_of(name))
    assert not found[array].holds


@pytest.mark.parametrize(
    ("network", "changed", "array"),
    [
        ("2", {"mapping_lrmul": 0.01}, "ws"),
        ("2", {"conv_clamp": None}, "img"),
        ("2", {"nonlinearity": "relu"}, "img"),
        ("2", {"resample_kernel": [1, 2, 1]}, "img"),
        ("1", {"mbstd_group_size": 4}, "D"),
        ("1", {"mapping_lrmul": 0.01}, "D"),
    ],
)
def test_arguments_of_tensorflow_networks_are_heeded(network, changed, array, path_of):
    checkpoint = checkpoints.read(path_of(TENSORFLOW))
    modules = json.loads(json.dumps(checkpoint.config["modules"]))
    modules[network]["arguments"]["kwargs"] |= changed
    found = errors(replace(checkpoint, config={"modules": modules}), arrays_of(TENSORFLOW))
    assert not found[array].holds


def test_an_unknown_activation_is_named(path_of):
    checkpoint = checkpoints.read(path_of(CONDITIONAL))
    modules = json.loads(json.dumps(checkpoint.config["modules"]))
    modules["G_ema.synthesis.b8.conv1"]["attributes"]["activation"] = "gelu"
    with pytest.raises(CheckpointError, match=r"b8\.conv1.*'gelu'.*lrelu"):
        errors(replace(checkpoint, config={"modules": modules}), arrays_of(CONDITIONAL))


def test_arrays_names_tell_truncation_and_noise():
    assert wanted("ws_psi07_cut4") == Wanted("ws", 0.7, 4)
    assert wanted("img_psi075") == Wanted("img", 0.75)
    assert wanted("img_psi10_none") == Wanted("img", 1.0, noise="none")
    assert wanted("img_wplus") == Wanted("img", layered=True)
    assert wanted("img_psi07", ["ws", "ws_psi07_cut4"]).cutoff == 4
    assert wanted("img_psi07", ["ws_psi07", "ws_psi07_cut4"]).cutoff == 0
    assert wanted("img_psi07", ["ws_psi07_cut4", "ws_psi07_cut2"]).cutoff == 0
    assert [wanted(name) for name in ("z", "image", "img_transformed", "D")] == [None] * 4


# Files that say less, or more


def test_tensors_alone_load_under_the_official_defaults_and_it_is_told(path_of, tmp_path):
    bare = rewritten(path_of(CONDITIONAL), tmp_path, lambda tensors: tensors, {})
    checkpoint = checkpoints.read(bare)
    assert "leaky ReLU" in stylegan2.GENERATOR.facts(checkpoint)["attributes"]
    told = checkpoints.read(path_of(CONDITIONAL))
    assert "attributes" not in stylegan2.GENERATOR.facts(told)
    generator = load_generator(bare)
    assert generator.module.mapping.fc0.bias_gain == 0.01
    assert generator.discriminator.module.b4.mbstd.group_size == 4


def test_a_bare_state_dict_has_no_discriminator(path_of, tmp_path):
    def alone(tensors):
        return {
            name.removeprefix("G_ema."): tensor
            for name, tensor in tensors.items()
            if name.startswith("G_ema.")
        }

    generator = load_generator(rewritten(path_of(GREY), tmp_path, alone))
    assert generator.discriminator is None
    assert generator.architecture == "stylegan2-generator"


def test_another_kind_of_discriminator_is_left_out_and_told(path_of, tmp_path):
    def other(tensors):
        kept = {n: t for n, t in tensors.items() if n.startswith("G_ema.")}
        return kept | {"D.feature_network.conv.weight": torch.zeros(2, 2)}

    copy = rewritten(path_of(GREY), tmp_path, other)
    assert load_generator(copy).discriminator is None
    facts = stylegan2.GENERATOR.facts(checkpoints.read(copy))
    assert "left out" in facts["discriminator"]


def test_the_averaged_generator_is_taken(path_of, tmp_path):
    def with_another(tensors):
        return {n.replace("G_ema.", "G."): t + 1 for n, t in tensors.items()} | tensors

    copy = rewritten(path_of(GREY), tmp_path, with_another)
    z = points(load_generator(copy))
    expected = load_generator(path_of(GREY))(z, streams(3))
    assert torch.equal(load_generator(copy)(z, streams(3)), expected)


def test_what_is_wrong_is_named_as_the_file_names_it(path_of, tmp_path):
    for name, missing in (
        (TENSORFLOW, "8x8/Conv1/noise_strength"),
        (TRAINED, "convs.1.activate.bias"),
    ):

        def without(tensors, end=missing):
            return {n: t for n, t in tensors.items() if not n.endswith(end)}

        copy = rewritten(path_of(name), tmp_path, without)
        with pytest.raises(CheckpointError, match=missing.replace(".", r"\.")):
            load_generator(copy)


def test_progressive_growing_leaves_its_last_colours(path_of, tmp_path):
    """StyleGAN2's configurations B to D name colours by their distance from the last."""

    def grown(tensors):
        kept = {
            name: tensor
            for name, tensor in tensors.items()
            if "ToRGB" not in name or "/32x32/" in name
        }
        renamed = {n.replace("32x32/ToRGB", "ToRGB_lod0"): t for n, t in kept.items()}
        earlier = {
            n.replace("16x16/ToRGB", "ToRGB_lod1"): t
            for n, t in tensors.items()
            if "16x16/ToRGB" in n
        }
        return renamed | earlier | {"2.G_synthesis_stylegan2/lod": torch.zeros(())}

    def plain(tensors):
        return {n: t for n, t in tensors.items() if "ToRGB" not in n or "/32x32/" in n}

    path = path_of("sg2_tf_configf32")
    growing = load_generator(rewritten(path, tmp_path, grown))
    (tmp_path / "other").mkdir()
    expected = load_generator(rewritten(path, tmp_path / "other", plain))
    z = points(growing)
    assert torch.equal(growing(z, streams(3)), expected(z, streams(3)))


def test_a_file_without_a_mean_of_w_gets_the_same_one_always(path_of):
    path = path_of(TRAINED)
    checkpoint = checkpoints.read(path)
    facts = detect(checkpoint, ARCHITECTURES).facts(checkpoint)
    assert "4096" in facts["mean of w"]
    first, second = (load_generator(path, {"psi": 0.0}) for _ in range(2))
    z = points(first)
    mean = first(z, streams(3))
    assert torch.equal(mean, second(z, streams(3)))
    torch.testing.assert_close(mean[0], mean[1])
    ws = load_generator(path).module.mapping(torch.randn(20000, 6, generator=torch.Generator()))
    near = first.module.mapping.w_avg - ws.mean(dim=0)
    assert bool((near.abs() < 0.1 * ws.std(dim=0) + 1e-3).all())


def test_a_file_without_noise_gets_the_same_one_always(path_of, tmp_path):
    def without(tensors):
        return {n: t for n, t in tensors.items() if "noises." not in n}

    copy = rewritten(path_of(TRAINED), tmp_path, without)
    checkpoint = checkpoints.read(copy)
    assert "fixed seed" in detect(checkpoint, ARCHITECTURES).facts(checkpoint)["noise"]
    first, second = (load_generator(copy) for _ in range(2))
    z = points(first)
    assert torch.equal(first(z, streams(3)), second(z, streams(3)))
    silent = load_generator(copy, {"noise": "none"})
    assert not torch.allclose(silent(z, streams(3)), first(z, streams(3)), atol=1e-2)


def test_a_mean_of_w_that_a_file_lacks_for_good_is_an_error(path_of, tmp_path):
    def without(tensors):
        return {n: t for n, t in tensors.items() if n != "G_ema.mapping.w_avg"}

    config = json.loads(json.dumps(checkpoints.read(path_of(GREY)).config))
    config["modules"]["G_ema.mapping"]["attributes"]["w_avg_beta"] = None
    copy = rewritten(path_of(GREY), tmp_path, without, config)
    load_generator(copy)
    with pytest.raises(InvalidInput, match="no mean of w"):
        load_generator(copy, {"psi": 0.5})


# Latents, truncation and noise


@pytest.mark.parametrize("name", ONE_EACH)
def test_z_w_and_a_w_per_layer_give_the_same_images(name, path_of):
    by_z = load_generator(path_of(name))
    z, rng = points(by_z), streams(3)
    blocks = by_z.source.split(z)
    module = by_z.module
    w = module.mapping(blocks["z"], blocks.get("c"))
    expected = by_z(z, rng)
    by_w = load_generator(path_of(name), {"latent": "w"})
    by_ws = load_generator(path_of(name), {"latent": "w+"})
    ws = w.repeat(1, module.synthesis.num_ws)
    assert str(by_w.source) == f"w[{w.shape[1]}]"
    assert str(by_ws.source) == f"w[{module.synthesis.num_ws}, {w.shape[1]}]"
    torch.testing.assert_close(by_w(w, rng), expected)
    torch.testing.assert_close(by_ws(ws, rng), expected)
    mixed = torch.cat([ws[:1, : 2 * w.shape[1]], ws[1:2, 2 * w.shape[1] :]], dim=1)
    assert not torch.allclose(by_ws(mixed, streams(1)), expected[:1], atol=1e-2)


def test_classes_stand_beside_z_as_rows_of_shares(path_of):
    generator = load_generator(path_of(CONDITIONAL))
    assert str(generator.source) == "z[6] + c[4]"
    z, c = points(generator, 400).split([6, 4], dim=1)
    assert torch.equal(c.sum(dim=1), torch.ones(400))
    assert set(c.unique().tolist()) == {0.0, 1.0}
    assert bool((c.mean(dim=0) > 0.15).all())
    assert abs(float(z.mean())) < 0.1
    density = generator.prior.log_density(torch.cat([z, c], dim=1))
    expected = -z.square().sum(dim=1) / 2 - 3 * math.log(2 * math.pi) - math.log(4)
    torch.testing.assert_close(density, expected)
    half = torch.cat([z[:1], torch.full((1, 4), 0.25)], dim=1)
    assert generator(half, streams(1)).isfinite().all()


@pytest.mark.parametrize("latent", ["w", "w+"])
@pytest.mark.parametrize("name", ONE_EACH)
def test_the_law_of_w_is_the_mapping_networks(name, latent, path_of):
    by_z = load_generator(path_of(name))
    by_w = load_generator(path_of(name), {"latent": latent})
    blocks = by_z.source.split(points(by_z, 5))
    w = by_z.module.mapping(blocks["z"], blocks.get("c"))
    found = points(by_w, 5)
    assert torch.equal(found, points(by_w, 5))
    torch.testing.assert_close(found, w.repeat(1, found.shape[1] // w.shape[1]))
    alone = by_w.prior.sample(SampleRng.of(0, [3]), torch.empty(0))
    torch.testing.assert_close(alone[0], found[3])
    assert by_w.prior.log_density is None
    assert "mapping network" in str(by_w.prior)


@pytest.mark.parametrize("latent", ["z", "w", "w+"])
def test_truncation_pulls_the_first_layers_to_the_mean(latent, path_of):
    name = "sg2_tf_configf32"
    arrays, module = arrays_of(name), load_generator(path_of(name)).module
    w = module.mapping(arrays["z"])
    v = {"z": arrays["z"], "w": w, "w+": w.repeat(1, 8)}[latent]
    whole = load_generator(path_of(name), {"latent": latent, "psi": 0.7})
    images = whole(v, streams(len(v)))
    torch.testing.assert_close(images, in_unit(arrays["img_psi07"]), atol=1e-4, rtol=0)
    part = load_generator(path_of(name), {"latent": latent, "psi": 0.7, "cutoff": 3})
    centre = module.mapping.w_avg
    ws = w[:, None].repeat(1, 8, 1)
    ws[:, :3] = centre + 0.7 * (ws[:, :3] - centre)
    expected = in_unit(module.synthesis(ws))
    torch.testing.assert_close(part(v, streams(len(v))), expected, atol=1e-4, rtol=0)
    assert not torch.allclose(expected, images, atol=1e-2)


@pytest.mark.parametrize("name", ONE_EACH)
def test_noise_is_the_files_or_drawn_or_none(name, path_of):
    z = points(load_generator(path_of(name)))
    made = {
        mode: load_generator(path_of(name), {"noise": mode})(z, streams(3))
        for mode in ("const", "random", "none")
    }
    assert torch.equal(load_generator(path_of(name))(z, streams(3)), made["const"])
    for one, other in (("const", "random"), ("const", "none"), ("random", "none")):
        assert not torch.allclose(made[one], made[other], atol=1e-2)
    drawing = load_generator(path_of(name), {"noise": "random"})
    assert torch.equal(drawing(z, streams(3)), made["random"])
    assert not torch.allclose(drawing(z, streams(3, seed=1)), made["random"], atol=1e-2)
    for row in range(3):
        rng = SampleRng.of(0, [row], "noise")
        alone = drawing(z[row : row + 1], rng)
        torch.testing.assert_close(alone[0], made["random"][row], atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"latent": "wplus"}, r"latent is 'wplus'.*z, w, w\+"),
        ({"psi": float("nan")}, "psi is nan"),
        ({"psi": "strong"}, "psi is 'strong'"),
        ({"cutoff": 7}, "cutoff is 7.*from 0.*to 6"),
        ({"cutoff": -1}, "cutoff is -1"),
        ({"cutoff": 1.5}, r"cutoff is 1\.5"),
        ({"noise": "loud"}, "noise is 'loud'.*const, random, none"),
        ({"eps": 1e-4}, "takes no option eps"),
    ],
)
def test_an_option_out_of_range_is_named(options, message, path_of):
    with pytest.raises(InvalidInput, match=message):
        load_generator(path_of(CONDITIONAL), options)


# Gradients


@pytest.mark.parametrize("noise", ["const", "random"])
@pytest.mark.parametrize("name", FAMILIES)
def test_gradients_are_those_of_finite_differences(name, noise, path_of):
    generator = load_generator(path_of(name), {"noise": noise})
    generator.module.double()
    z = points(generator, 2, dtype=torch.float64).requires_grad_()
    weights = torch.randn(
        2, 3, *generator.image_size, generator=torch.Generator().manual_seed(1), dtype=z.dtype
    )

    def value(at):
        images = generator.module(
            *generator.source.split(at).values(), noise=noise, rng=streams(2)
        )
        return (weights[:, : images.shape[1]] * images).sum()

    (slope,) = torch.autograd.grad(value(z), z)
    step = torch.randn(z.shape, generator=torch.Generator().manual_seed(2), dtype=z.dtype) * 1e-6
    with torch.no_grad():
        rise = value(z + step) - value(z - step)
    torch.testing.assert_close(rise, 2 * (slope * step).sum(), rtol=1e-4, atol=1e-10)
    assert float(slope.norm()) > 0


@pytest.mark.parametrize("name", ONE_EACH)
def test_a_discriminators_gradients_are_those_of_finite_differences(name, path_of):
    judge = load_generator(path_of(name)).discriminator
    judge.module.double()
    side = judge.module.img_resolution
    images = torch.rand(
        4, 3, side, side, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    ).requires_grad_()
    (slope,) = torch.autograd.grad(judge.logits(images).square().sum(), images)
    step = torch.randn(images.shape, generator=torch.Generator().manual_seed(2)).double() * 1e-6
    with torch.no_grad():
        ends = [judge.logits(images + sign * step).square().sum() for sign in (1, -1)]
    torch.testing.assert_close(ends[0] - ends[1], 2 * (slope * step).sum(), rtol=1e-4, atol=1e-10)


@pytest.mark.parametrize("name", FAMILIES)
def test_it_loads_and_back_propagates_in_inference_mode(name, path_of):
    with torch.inference_mode(), torch.inference_mode(False):
        generator = load_generator(path_of(name))
        z = points(generator, 2).requires_grad_()
        images = generator(z, streams(2))
        (slope,) = torch.autograd.grad(images.sum(), z)
        assert float(slope.norm()) > 0
        if generator.discriminator is None:
            return
        seen = images.detach().requires_grad_()
        (judged,) = torch.autograd.grad(generator.discriminator.logits(seen).sum(), seen)
        assert float(judged.norm()) > 0


# Discriminators


@pytest.mark.parametrize("name", JUDGED)
def test_logits_are_linear_in_the_features(name, path_of):
    judge = load_generator(path_of(name)).discriminator
    side = judge.module.img_resolution
    images = torch.rand(6, 3, side, side, generator=torch.Generator().manual_seed(0))
    features, logits = judge.features(images), judge.logits(images)
    layer = judge.module.b4.out
    slope = judge.module.directions(None) @ layer.weight * layer.weight_gain
    offset = (judge.module.directions(None) * layer.bias).sum()
    torch.testing.assert_close(logits, features @ slope[0] + offset, rtol=1e-4, atol=1e-4)


def test_without_a_class_the_logit_is_the_mean_over_classes(path_of):
    for name, classes in ((CONDITIONAL, 4), (TENSORFLOW, 3)):
        judge = load_generator(path_of(name)).discriminator
        images = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
        rows = torch.eye(classes)
        each = [
            torch.cat([judge.module(image[None] * 2 - 1, row[None]) for image in images])
            for row in rows
        ]
        torch.testing.assert_close(judge.logits(images), torch.stack(each).mean(dim=0))
        assert not torch.allclose(each[0], each[1], atol=1e-2)


def test_the_network_s_logits_depend_on_the_group_and_any_batch_has_some(path_of):
    network = load_generator(path_of("sg2_tf_configf32")).discriminator.module
    assert network.b4.mbstd.group_size == 4
    images = torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    four = network(images[::2])
    torch.testing.assert_close(network(images)[::2], four)
    assert not torch.allclose(network(images[:1]), four[:1])
    for count in (1, 3, 5, 6, 7):
        assert network(images[:count]).shape == (count,)


def test_the_discriminator_s_logits_and_features_depend_on_no_other_image(path_of):
    discriminator = load_generator(path_of("sg2_tf_configf32")).discriminator
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    for function in (discriminator.logits, discriminator.features):
        alone = torch.cat([function(image[None]) for image in images])
        assert torch.equal(function(images), alone)


def test_grey_and_further_channels_are_made_of_colours(path_of):
    judge = load_generator(path_of(GREY)).discriminator
    images = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    grey = images.mean(dim=1, keepdim=True)
    alone = torch.cat([judge.module(image[None] * 2 - 1) for image in grey])
    torch.testing.assert_close(judge.logits(images), alone)
    generator = load_generator(path_of(GREY))
    made = generator(points(generator), streams(3))
    assert torch.equal(made[:, 0], made[:, 1])
    assert torch.equal(made[:, 0], made[:, 2])
