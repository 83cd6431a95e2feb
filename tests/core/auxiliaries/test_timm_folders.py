"""Folders of timm's image classifiers: forward passes, names and errors."""

import builtins

import pytest
import timm
import torch
from latentsteer.core.auxiliaries import load_auxiliary
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.errors import CheckpointError

from .classifier_files import images
from .classifier_folders import TIMM, close, prepared, random, timm_config, timm_model, write

pytestmark = pytest.mark.usefixtures("fresh_cache", "offline")


@pytest.mark.parametrize(("name", "arguments"), TIMM)
@pytest.mark.parametrize("safe", [True, False])
def test_a_folder_of_timm_gives_timms_logits(name, arguments, safe, tmp_path):
    model = timm_model(name, arguments)
    folder = write(tmp_path / "mine", timm_config(name, arguments), model if safe else None)
    if not safe:
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
    before = torch.get_rng_state()
    classifier = load_auxiliary(folder)
    assert torch.equal(before, torch.get_rng_state())
    assert (classifier.name, classifier.classes) == ("mine", ("0", "1", "2"))
    x = images(2, 50, 42)
    seen = prepared(x, 40, 32)
    with torch.no_grad():
        close(classifier.logits(x), model(seen))
        features = model.forward_head(model.forward_features(seen), pre_logits=True)
        close(classifier.features(x), features)
    assert not any(parameter.requires_grad for parameter in classifier.module.parameters())


def test_an_older_configuration_of_timm_is_flat(tmp_path):
    seen = timm_config("test_resnet")["pretrained_cfg"]
    with torch.random.fork_rng():
        model = random(timm.create_model("test_resnet", pretrained=False, num_classes=3))
    flat = {"architecture": "test_resnet", "num_classes": 3, "labels": ["a", "b", "c"]} | seen
    classifier = load_auxiliary(write(tmp_path / "old", flat, model))
    assert classifier.classes == ("a", "b", "c")
    close(classifier.logits(images()), model(prepared(images(), 40, 32)).detach())


def test_names_of_timm(tmp_path):
    model = timm_model(*TIMM[1])
    words = {"n1": "tench, Tinca tinca", "n2": "crane", "n3": "crane"}
    config = timm_config(*TIMM[1], label_names=["n1", "n2", "n3"], label_descriptions=words)
    classifier = load_auxiliary(write(tmp_path / "mine", config, model))
    assert classifier.classes == ("tench", "crane (1)", "crane (2)")
    chosen = load_auxiliary(tmp_path / "mine", options={"classes": ("x", "y", "z")})
    assert chosen.classes == ("x", "y", "z")
    assert (
        chosen.id
        == classifier.id
        == checkpoints.fingerprint(tmp_path / "mine" / "model.safetensors")
    )


def test_a_thousand_classes_are_imagenets(tmp_path):
    config = timm_config(*TIMM[1], classes=1000)
    model = timm_model(*TIMM[1], classes=1000)
    classes = load_auxiliary(write(tmp_path / "mine", config, model)).classes
    assert (classes[0], classes[1], classes[134], classes[999]) == (
        "tench",
        "goldfish",
        "crane bird",
        "toilet tissue",
    )
    assert len(set(classes)) == 1000


def test_timm_is_not_installed(tmp_path, monkeypatch):
    folder = write(tmp_path / "mine", timm_config(*TIMM[1]), timm_model(*TIMM[1]))
    usual = builtins.__import__

    def absent(name, *arguments):
        if name.partition(".")[0] == "timm":
            raise ImportError(name)
        return usual(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(CheckpointError, match=r"timm, which is not installed. .*pip install timm"):
        load_auxiliary(folder)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"architecture": "resnet51"}, r"'resnet51', which timm .* Closest: .*resnet50"),
        ({"architecture": "hf-hub:some/where"}, "which timm .* does not have"),
        ({"num_classes": 1}, "has 1 output: a regression"),
        ({"num_classes": 0}, "has 0 outputs: no last layer"),
        ({"num_classes": 4}, "does not fit its network"),
        ({"num_classes": "many"}, "has 'many' classes"),
        ({"model_args": {"checkpoint_path": "/x"}}, r"not supported: \['checkpoint_path'\]"),
        ({"model_args": {"strange": 1}}, "cannot build mine"),
        ({"label_names": ["a", "b"]}, "names 2 classes and has 3 logits"),
    ],
)
def test_a_folder_of_timm_with_a_fault(change, says, tmp_path):
    folder = write(tmp_path / "mine", timm_config(*TIMM[1]) | change, timm_model(*TIMM[1]))
    with pytest.raises(CheckpointError, match=says):
        load_auxiliary(folder)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"input_size": [1, 32, 32]}, "images of 1 channels"),
        ({"input_size": [3, 32]}, "no usable input_size"),
        ({"std": [0.2, 0, 0.2]}, "no usable .* std"),
        ({"crop_pct": 1.5}, "no usable .* crop_pct"),
    ],
)
def test_a_folder_of_timm_that_looks_at_images_strangely(change, says, tmp_path):
    config = timm_config(*TIMM[1])
    config["pretrained_cfg"] |= change
    with pytest.raises(CheckpointError, match=says):
        load_auxiliary(write(tmp_path / "mine", config, timm_model(*TIMM[1])))


def test_weights_of_timm_that_are_not_finite(tmp_path):
    model = timm_model(*TIMM[1])
    model.head.weight.data[0, 0] = torch.nan
    with pytest.raises(CheckpointError, match=r"not finite|head\.weight"):
        load_auxiliary(write(tmp_path / "mine", timm_config(*TIMM[1]), model))
