"""R3GAN: the authors' outputs, and what a file does not fit."""

import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.errors import CheckpointError
from latentsteer.core.generators import load_generator
from latentsteer.core.generators.r3gan.official import GENERATOR

from ..example_files import randomised, tensors_of
from .drawn_files import arrays_of, assert_outputs_agree, written

BLOCK = "G_ema.Model.MainLayers.1.Layers.1."


@pytest.mark.parametrize("name", ["r3gan_plain", "r3gan_classes"])
def test_the_outputs_are_those_of_the_authors_code(name, tmp_path):
    assert_outputs_agree(written(name, tmp_path / "file.safetensors"), name, ["img", "D"])


def test_without_a_class_a_logit_is_the_mean_over_all_classes(tmp_path):
    judge = load_generator(written("r3gan_classes", tmp_path / "file.safetensors")).discriminator
    images = arrays_of("r3gan_classes")["img"].clamp(-1, 1) * 0.5 + 0.5
    each = [judge.of_classes(images, torch.full((3,), number)) for number in range(judge.classes)]
    assert judge.classes == 3
    torch.testing.assert_close(judge.logits(images), torch.stack(each).mean(dim=0))


def test_a_generator_alone_has_no_discriminator(tmp_path):
    tensors = tensors_of(randomised(GENERATOR.examples[0]()))
    own = {name: tensor for name, tensor in tensors.items() if name.startswith("G_ema.")}
    checkpoints.write(tmp_path / "g.safetensors", own)
    assert load_generator(tmp_path / "g.safetensors").discriminator is None


def test_a_stage_without_blocks_and_uneven_groups_are_refused(tmp_path):
    tensors = tensors_of(GENERATOR.examples[0]())
    bare = {name: tensor for name, tensor in tensors.items() if not name.startswith(BLOCK)}
    checkpoints.write(tmp_path / "bare.safetensors", bare)
    with pytest.raises(CheckpointError, match="stage 1 has no residual blocks"):
        load_generator(tmp_path / "bare.safetensors")
    inner = f"{BLOCK}LinearLayer2.Layer.weight"
    uneven = tensors | {inner: torch.zeros(8, 3, 3, 3)}
    checkpoints.write(tmp_path / "uneven.safetensors", uneven)
    with pytest.raises(CheckpointError, match="3 channels a group of 8"):
        load_generator(tmp_path / "uneven.safetensors")
