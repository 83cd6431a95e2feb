"""StyleGAN2 of NVIDIA's two frameworks and of rosinality, against outputs of their code."""

import json
from dataclasses import replace

import pytest
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.errors import CheckpointError
from latentsteer.core.generators import load_generator
from latentsteer.core.generators.stylegan.arrays import Wanted, wanted

from .stylegan2_files import (
    CONDITIONAL,
    FAMILIES,
    GREY,
    INPUTS,
    TENSORFLOW,
    UNKNOWN,
    arrays_of,
    errors,
    rewritten,
)


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
def test_attributes_are_applied(name, module, changed, array, path_of):
    """Each must change the output, or the parity above would prove little."""
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
def test_arguments_of_tensorflow_networks_are_applied(network, changed, array, path_of):
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


def test_names_of_arrays_state_truncation_and_noise():
    assert wanted("ws_psi07_cut4") == Wanted("ws", 0.7, 4)
    assert wanted("img_psi075") == Wanted("img", 0.75)
    assert wanted("img_psi10_none") == Wanted("img", 1.0, noise="none")
    assert wanted("img_wplus") == Wanted("img", layered=True)
    assert wanted("img_psi07", ["ws", "ws_psi07_cut4"]).cutoff == 4
    assert wanted("img_psi07", ["ws_psi07", "ws_psi07_cut4"]).cutoff == 0
    assert wanted("img_psi07", ["ws_psi07_cut4", "ws_psi07_cut2"]).cutoff == 0
    assert [wanted(name) for name in ("z", "image", "img_transformed", "D")] == [None] * 4
