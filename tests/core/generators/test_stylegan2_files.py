"""Files of StyleGAN2 with less or more information than the authors' code writes."""

import json

import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.checkpoints.architecture import detect
from latentsteer.core.errors import CheckpointError, InvalidInput
from latentsteer.core.generators import ARCHITECTURES, load_generator
from latentsteer.core.generators.stylegan import stylegan2

from .stylegan2_files import CONDITIONAL, GREY, TENSORFLOW, TRAINED, points, rewritten, streams


def test_tensors_alone_load_under_the_official_defaults_which_are_reported(path_of, tmp_path):
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


def test_another_kind_of_discriminator_is_left_out_and_reported(path_of, tmp_path):
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
    """StyleGAN2's configurations B to D number colour layers by distance from the last."""

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
