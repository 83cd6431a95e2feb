"""ResNets that cannot be opened, and options out of range."""

import pytest
import torch
from latentsteer.core.auxiliaries import load_auxiliary
from latentsteer.core.errors import CheckpointError, InvalidInput
from torchvision.models.resnet import BasicBlock

from .classifier_files import resnet, saved

pytestmark = pytest.mark.usefixtures("fresh_cache")


@pytest.mark.parametrize("kernel", [(5, 5), (7, 3)])
def test_an_unknown_stem(kernel, plain, tmp_path):
    tensors = plain.state_dict() | {"conv1.weight": torch.zeros(64, 3, *kernel)}
    with pytest.raises(CheckpointError, match=rf"{kernel[0]} x {kernel[1]} .*Known: 7 x 7 with"):
        load_auxiliary(saved(tmp_path / "m.safetensors", tensors))


def test_grey_images_are_not_known(plain, tmp_path):
    tensors = plain.state_dict() | {"conv1.weight": torch.zeros(64, 1, 7, 7)}
    with pytest.raises(CheckpointError, match="takes 1 channels"):
        load_auxiliary(saved(tmp_path / "m.safetensors", tensors))


def test_another_stride_of_a_whole_module(tmp_path):
    model = resnet(BasicBlock, [1, 1, 1, 1], 3, cifar="none")
    model.conv1.stride = (2, 2)
    torch.save(model, tmp_path / "whole.pth")
    with pytest.raises(CheckpointError, match="3 x 3 with stride 2"):
        load_auxiliary(tmp_path / "whole.pth")


def test_a_regression(plain, tmp_path):
    head = {"fc.weight": torch.zeros(1, 512), "fc.bias": torch.zeros(1)}
    with pytest.raises(CheckpointError, match="has 1 output: a regression"):
        load_auxiliary(saved(tmp_path / "m.safetensors", plain.state_dict() | head))


def test_an_encoder_without_a_last_layer(plain, tmp_path):
    tensors = {name: t for name, t in plain.state_dict().items() if not name.startswith("fc.")}
    with pytest.raises(CheckpointError, match="ResNet without its last layer"):
        load_auxiliary(saved(tmp_path / "m.safetensors", tensors))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"std": (0.2, 0.0, 0.2)}, r"std 0\.2, 0\.0, 0\.2; expected numbers above 0"),
        ({"std": (0.2, -1, 0.2)}, "expected numbers above 0"),
        ({"mean": (0.5, 0.5)}, "has 2 entries; expected 3 numbers"),
        ({"std": 0.5}, "has 1 entries; expected 3 numbers"),
        ({"mean": (0.5, float("nan"), 0.5)}, "expected 3 numbers"),
        ({"mean": (123.7, 116.3, 103.5)}, r"expected numbers in \[0, 1\]"),
        ({"classes": ("a", "b")}, r"2 class names given; m\.safetensors has 4 classes"),
        ({"classes": ("a", "b", "a", "c")}, "'a' names 2 classes: 0, 2"),
        ({"classes": ("a", "b", " ", "c")}, "name of class 2 is empty"),
        ({"classes": "abcd"}, "expected a sequence of names"),
        ({"max_pool": "yes"}, "max_pool is 'yes'; expected True or False"),
        ({"image_size": 0}, "image_size 0; expected a whole number from 8 to 4096"),
        ({"psi": 0.7}, "takes no option psi"),
    ],
)
def test_options_out_of_range(options, says, small, tmp_path):
    path = saved(tmp_path / "m.safetensors", small.state_dict())
    with pytest.raises(InvalidInput, match=says):
        load_auxiliary(path, options=options)


def test_names_of_a_file_that_are_too_few(small, tmp_path):
    path = saved(tmp_path / "m.safetensors", small.state_dict(), {"classes": ["a", "b"]})
    with pytest.raises(CheckpointError, match="names 2 classes and has 4 logits"):
        load_auxiliary(path)
    assert load_auxiliary(path, options={"classes": list("wxyz")}).classes == tuple("wxyz")
