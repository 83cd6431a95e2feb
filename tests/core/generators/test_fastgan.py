"""FastGAN of projected GANs: the authors' outputs, its noise, and what a file does not fit."""

import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.errors import CheckpointError, InvalidInput
from latentsteer.core.generators import load_generator
from latentsteer.core.generators.fastgan.official import GENERATOR
from latentsteer.core.identity import options_of
from latentsteer.core.rng import SampleRng

from ..example_files import drawn, randomised, tensors_of
from ..example_files import written as written_example
from .drawn_files import assert_outputs_agree, written

ARCHIVES = [
    ("fastgan_plain", "img_seed7"),
    ("fastgan_classes", "img_seed7"),
    ("fastgan_lite", "img"),
]


@pytest.fixture
def path(tmp_path):
    return written_example(randomised(GENERATOR.examples[0]()), tmp_path / "fastgan.safetensors")


@pytest.mark.parametrize(("name", "output"), ARCHIVES)
def test_the_outputs_are_those_of_the_authors_code(name, output, tmp_path):
    assert_outputs_agree(written(name, tmp_path / "file.safetensors"), name, [output])


def test_noise_is_the_same_for_every_image_unless_drawn_again(path):
    made = {
        kind: load_generator(path, {"noise": kind} if kind != "auto" else {})
        for kind in ("auto", "const", "random", "none")
    }
    z = drawn(made["auto"], 2)
    with torch.no_grad():
        seen = {
            kind: [generator(z, SampleRng.of(seed, 2)) for seed in (0, 1)]
            for kind, generator in made.items()
        }
    assert torch.equal(*seen["const"])
    assert torch.equal(*seen["none"])
    assert not torch.equal(*seen["random"])
    assert torch.equal(seen["auto"][0], seen["const"][0])
    assert not torch.equal(seen["const"][0], seen["none"][0])
    assert options_of(made["auto"].id) == {"noise": "const"}
    with pytest.raises(InvalidInput, match="noise is 'pink'"):
        load_generator(path, {"noise": "pink"})


def test_the_weights_that_pickles_have_beside_the_normalised_ones_are_ignored(path, tmp_path):
    tensors = dict(checkpoints.read(path).tensors)
    beside = {n.removesuffix("_orig"): t + 1 for n, t in tensors.items() if n.endswith("_orig")}
    checkpoints.write(tmp_path / "pickled.safetensors", tensors | beside)
    one, other = (load_generator(p) for p in (path, tmp_path / "pickled.safetensors"))
    z = drawn(one, 2)
    assert torch.equal(one(z, SampleRng.of(0, 2)), other(z, SampleRng.of(0, 2)))


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"img_resolution": 1024}, r"no maps of 1024 pixels have the 1 channels"),
        ({"img_resolution": 64}, r"no maps of 64 pixels"),
    ],
)
def test_a_size_that_the_tensors_do_not_have_is_refused(attributes, message, path, tmp_path):
    config = {"modules": {"G_ema": {"attributes": attributes}}}
    checkpoints.write(tmp_path / "other.safetensors", checkpoints.read(path).tensors, config)
    with pytest.raises(CheckpointError, match=message):
        load_generator(tmp_path / "other.safetensors")


def test_the_size_follows_from_the_last_layers_width_where_no_attribute_says_it(path, tmp_path):
    checkpoints.write(tmp_path / "bare.safetensors", checkpoints.read(path).tensors)
    assert load_generator(tmp_path / "bare.safetensors").image_size == (128, 128)


def test_images_with_other_channels_are_refused(path, tmp_path):
    tensors = tensors_of(randomised(GENERATOR.examples[2]()))
    last = "G_ema.synthesis.to_big."
    for name, rows in ((f"{last}weight_orig", 2), (f"{last}weight_u", 2), (f"{last}bias", 2)):
        tensors[name] = tensors[name].repeat_interleave(rows, dim=0)
    checkpoints.write(tmp_path / "two.safetensors", tensors)
    with pytest.raises(CheckpointError, match="images with 2 channels"):
        load_generator(tmp_path / "two.safetensors")
