"""Classifiers of torchvision other than ResNets, detected by their shapes."""

from functools import cache
from pathlib import Path

import pytest
import torch
import torchvision
from latentsteer.core.auxiliaries import AUXILIARIES, load_auxiliary
from latentsteer.core.auxiliaries.classifiers.torchvision import FAMILIES, TORCHVISION, fitting
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.checkpoints.architecture import detect
from latentsteer.core.errors import CheckpointError

from .classifier_files import IMAGENET, images, prepared, random, saved

pytestmark = pytest.mark.usefixtures("fresh_cache")

MEMBERS = [family.members[0] for family in FAMILIES]
MEMBERS += ["vgg13_bn", "convnext_small", "efficientnet_b1", "vit_b_32", "mobilenet_v3_large"]


@pytest.mark.parametrize("member", MEMBERS)
def test_every_constructor_is_told_by_its_shapes(member, monkeypatch):
    """A model of some shapes is built once, for the file and for the comparison with it."""
    monkeypatch.setattr(torchvision.models, "get_model", cache(torchvision.models.get_model))
    with torch.device("meta"):
        model = torchvision.models.get_model(member, weights=None, num_classes=6)
    tensors = {n: torch.zeros(()).expand(t.shape) for n, t in model.state_dict().items()}
    checkpoint = checkpoints.Checkpoint(Path("m.pth"), tensors, "")
    assert detect(checkpoint, AUXILIARIES) is TORCHVISION
    (family,) = (f for f in FAMILIES if member in f.members)
    assert fitting("model", family, tensors) == (member, 6)


@pytest.mark.parametrize("member", ["shufflenet_v2_x0_5", "squeezenet1_1", "mobilenet_v3_small"])
def test_a_file_of_torchvision_gives_torchvisions_logits(member, tmp_path):
    with torch.random.fork_rng():
        model = random(torchvision.models.get_model(member, weights=None, num_classes=4))
    wrapped = {f"module.{name}": tensor for name, tensor in model.state_dict().items()}
    torch.save({"state_dict": wrapped}, tmp_path / "m.pth")
    classifier = load_auxiliary(tmp_path / "m.pth", options={"image_size": 64})
    x = images(2, 70, 64)
    with torch.no_grad():
        seen = prepared(x, 64, 64, IMAGENET)
        expected = model(seen)
        far = (classifier.logits(x) - expected).abs().max() / expected.abs().max()
        assert far < 1e-5
        features = classifier.features(x)
    assert features.shape[1] in (576, 512, 1024)
    usual = load_auxiliary(tmp_path / "m.pth")
    assert usual.logits(x).shape == (2, 4)


def test_tensors_that_fit_no_constructor_name_the_closest(tmp_path):
    with torch.random.fork_rng():
        tensors = torchvision.models.shufflenet_v2_x0_5(weights=None, num_classes=3).state_dict()
    tensors["conv5.0.weight"] = torch.zeros(1000, 192, 1, 1)
    with pytest.raises(
        CheckpointError,
        match=r"fits none of .*Closest is shufflenet_v2_x0_5, in all but 1 .*`conv5\.0\.weight`",
    ):
        load_auxiliary(saved(tmp_path / "m.safetensors", tensors))


def test_a_densenet_under_its_older_names():
    family = FAMILIES[0]
    with torch.device("meta"):
        model = torchvision.models.densenet121(weights=None, num_classes=6)
    old = {
        name.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): torch.zeros(()).expand(
            tensor.shape
        )
        for name, tensor in model.state_dict().items()
    }
    checkpoint = checkpoints.Checkpoint(Path("m.pth"), old, "")
    assert family.members[0] in TORCHVISION.facts(checkpoint)["constructor"]
