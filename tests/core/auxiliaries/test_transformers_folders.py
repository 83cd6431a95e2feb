"""Folders of transformers' image classifiers: forward passes, preparation and errors."""

import json

import pytest
import torch
import transformers
from latentsteer.core.auxiliaries import load_auxiliary, open_model
from latentsteer.core.auxiliary import Classifier
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.errors import CheckpointError, InvalidInput
from torchvision.transforms import functional as transforms

from .classifier_files import images
from .classifier_folders import MEAN, STD, TIMM, close, random, timm_config, timm_model, write

pytestmark = pytest.mark.usefixtures("fresh_cache", "offline")

SMALL = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1}
VIT = {**SMALL, "num_attention_heads": 2, "image_size": 32, "patch_size": 8}
STAGED = {"hidden_sizes": [8, 12], "depths": [1, 1]}
KINDS = {
    "ViTForImageClassification": VIT,
    "DeiTForImageClassificationWithTeacher": VIT,
    "BeitForImageClassification": VIT,
    "ResNetForImageClassification": {**STAGED, "embedding_size": 8, "layer_type": "basic"},
    "ConvNextForImageClassification": {**STAGED, "num_stages": 2},
    "SwinForImageClassification": {
        "embed_dim": 8,
        "depths": [1, 1],
        "num_heads": [1, 2],
        "window_size": 4,
        "image_size": 32,
        "patch_size": 4,
    },
    "SiglipForImageClassification": {
        "vision_config": {**SMALL, "num_attention_heads": 2, "image_size": 32, "patch_size": 8}
    },
}
LABELS = {0: "cat", 1: "dog, hound", 2: "bird"}
SEEN = {"size": {"height": 32, "width": 32}, "image_mean": MEAN, "image_std": STD}
SEEN |= {"do_normalize": True, "do_resize": True}


def made(name):
    kind = getattr(transformers, name)
    labels = {"id2label": LABELS, "label2id": {v: k for k, v in LABELS.items()}}
    config = kind.config_class(**KINDS[name], **labels)
    with torch.random.fork_rng():
        return random(kind(config))


def saved(model, folder, seen=SEEN):
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(seen), "utf-8")
    return folder


@pytest.fixture
def vit(tmp_path):
    return saved(made("ViTForImageClassification"), tmp_path / "vit")


def edited(folder, **changes):
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config = {name: v for name, v in (config | changes).items() if v is not None}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    return folder


@pytest.mark.parametrize("name", KINDS)
def test_a_folder_of_transformers_gives_its_logits(name, tmp_path):
    model = made(name)
    classifier = open_model(saved(model, tmp_path / "mine"))
    assert isinstance(classifier, Classifier)
    assert classifier.classes == ("cat", "dog", "bird")
    x = images(2, 50, 42)
    seen = transforms.normalize(transforms.resize(x, [32, 32], antialias=True), MEAN, STD)
    with torch.no_grad():
        close(classifier.logits(x), model(pixel_values=seen).logits)
        features = classifier.features(x)
    # The penultimate layer, of which the last layers are linear functions.
    heads = [m for n, m in model.named_modules() if n.split(".")[0].endswith("classifier")]
    last = [m for m in heads if isinstance(m, torch.nn.Linear)]
    if len(last) == 1:
        close(last[0](features), classifier.logits(x).detach())
    assert features.shape[1] == last[0].in_features


@pytest.mark.parametrize("pickled", [True, False])
def test_weights_of_either_kind(pickled, vit):
    tensors = dict(checkpoints.read(vit / "model.safetensors").tensors)
    expected = load_auxiliary(vit).logits(images())
    if pickled:
        torch.save(tensors, vit / "pytorch_model.bin")
        (vit / "model.safetensors").unlink()
    close(load_auxiliary(vit).logits(images()), expected)


@pytest.mark.parametrize(
    ("kind", "seen"),
    [
        ("ViTImageProcessor", {"size": {"height": 32, "width": 28}}),
        ("ViTImageProcessor", {"size": {"height": 32, "width": 32}, "do_normalize": False}),
        ("ConvNextImageProcessor", {"size": {"shortest_edge": 32}, "crop_pct": 0.8}),
        ("ConvNextImageProcessor", {"size": {"shortest_edge": 384}, "crop_pct": 0.8}),
        ("LevitImageProcessor", {"size": {"shortest_edge": 28}}),
        ("PoolFormerImageProcessor", {"size": {"shortest_edge": 28}, "crop_pct": 0.9}),
        ("CLIPImageProcessor", {"size": {"shortest_edge": 40}}),
        ("MobileViTImageProcessor", {"size": {"shortest_edge": 40}}),
        (
            "EfficientNetImageProcessor",
            {
                "size": {"height": 32, "width": 32},
                "rescale_offset": True,
                "rescale_factor": 2 / 255,
            },
        ),
    ],
)
def test_images_are_prepared_as_the_processor_does(kind, seen, tmp_path):
    from latentsteer.core.auxiliaries.classifiers.transformers import _preparation
    from latentsteer.core.auxiliaries.transformers_folder import Folder

    crop = {"crop_size": {"height": 28, "width": 28}}
    own = {"image_mean": MEAN, "image_std": STD} if "MobileViT" not in kind else {}
    processor = getattr(transformers, kind)(**{**crop, **own, **seen, "resample": 2})
    said = json.loads(processor.to_json_string())
    ours = _preparation(Folder(tmp_path, {}, said, ()), {})
    rows = torch.linspace(0, 255, 60)[:, None] * torch.ones(45) * 0.6
    columns = torch.linspace(0, 100, 45)[None].expand(60, 45)
    pixels = torch.stack([rows, columns, rows * 0.3 + columns]).round().to(torch.uint8)
    expected = processor(pixels, return_tensors="pt").pixel_values
    found = ours(pixels[None] / 255)
    assert found.shape == expected.shape
    # The processor's pixels are whole numbers; EfficientNet's are divided by the std twice.
    assert (found - expected).abs().max() < (0.2 if "EfficientNet" in kind else 0.08)


def test_no_preprocessing_is_imagenets_at_the_models_size(vit):
    (vit / "preprocessor_config.json").unlink()
    classifier = load_auxiliary(vit)
    model = classifier.module
    seen = transforms.normalize(images(1, 32, 32), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    close(classifier.logits(images(1, 32, 32)), model(seen).logits)


def test_options_of_a_folder(vit):
    options = {"classes": ("a", "b", "c"), "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
    classifier = load_auxiliary(vit, options=options)
    assert classifier.classes == ("a", "b", "c")
    close(classifier.logits(images(1, 32, 32)), classifier.module(images(1, 32, 32)).logits)
    with pytest.raises(InvalidInput, match=r"takes no option max_pool.*classes, mean, std"):
        load_auxiliary(vit, options={"max_pool": True})
    with pytest.raises(InvalidInput, match="2 class names given; vit has 3 classes"):
        load_auxiliary(vit, options={"classes": ("a", "b")})
    with pytest.raises(InvalidInput, match="choose auto for both"):
        load_auxiliary(vit, activation="gelu")


def test_gradients_against_finite_differences(vit):
    classifier = load_auxiliary(vit)
    classifier.module.double()
    x = images(1, 37, 45).double()
    step = torch.randn(x.shape, generator=torch.Generator().manual_seed(1)).double()

    def value(x):
        return classifier.logits(x).sin().sum() + classifier.features(x).sin().sum()

    (slope,) = torch.autograd.grad(value(x.requires_grad_()), x)
    with torch.no_grad():
        difference = (value(x + 1e-6 * step) - value(x - 1e-6 * step)) / 2e-6
    torch.testing.assert_close((slope * step).sum(), difference, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", ["timm", "transformers"])
def test_folders_load_and_back_propagate_inside_inference_mode(kind, vit, tmp_path):
    folder = vit
    if kind == "timm":
        folder = write(tmp_path / "mine", timm_config(*TIMM[1]), timm_model(*TIMM[1]))
    with torch.inference_mode():
        with torch.inference_mode(False), torch.enable_grad():
            classifier = load_auxiliary(folder)
        classifier.embed(images())
        with torch.inference_mode(False), torch.enable_grad():
            x = images().requires_grad_()
            (slope,) = torch.autograd.grad(classifier.logits(x).sum(), x)
    assert slope.abs().sum() > 0


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"id2label": {"0": "a"}}, "has 1 output: a regression"),
        ({"problem_type": "regression"}, "was trained for regression"),
        ({"problem_type": "multi_label_classification"}, "multi label classification"),
        ({"id2label": {"0": "a", "1": "b"}}, "do not fit"),
        ({"model_type": "bert"}, r"type 'bert', which is of an unknown kind. .*vit"),
        ({"model_type": "siglip2"}, "takes patches instead of pixels"),
        ({"architectures": ["BertForImageClassification"]}, "no class logits; expected ViT"),
        ({"architectures": ["ViTModel"]}, "a vit without a classification head"),
    ],
)
def test_a_folder_of_transformers_with_a_fault(changes, says, vit):
    with pytest.raises(CheckpointError, match=says):
        load_auxiliary(edited(vit, **changes))


@pytest.mark.parametrize("fault", ["missing", "not finite"])
def test_weights_of_transformers_that_do_not_fit(fault, vit):
    tensors = dict(checkpoints.read(vit / "model.safetensors").tensors)
    if fault == "missing":
        del tensors["classifier.weight"]
    else:
        tensors["classifier.weight"] = torch.full((3, 16), torch.nan)
    checkpoints.write(vit / "model.safetensors", tensors)
    with pytest.raises(CheckpointError, match=r"classifier\.weight"):
        load_auxiliary(vit)


@pytest.mark.parametrize(
    "change", [{"size": "large"}, {"image_std": [0.2, 0.0, 0.2]}, {"size": {"longest": 3}}]
)
def test_preprocessing_that_makes_no_sense(change, tmp_path):
    folder = saved(made("ViTForImageClassification"), tmp_path / "vit", SEEN | change)
    with pytest.raises(CheckpointError, match="has no usable size, mean or std"):
        load_auxiliary(folder)


def test_an_unknown_type_lists_what_is_known(tmp_path):
    folder = write(tmp_path / "other", {"model_type": "bert"}, torch.nn.Linear(1, 1))
    with pytest.raises(CheckpointError, match=r"Known types: clip, .*; classifiers .*vit.*timm's"):
        load_auxiliary(folder)


def test_no_code_of_a_folder_is_run(vit):
    (vit / "code.py").write_text("raise SystemExit('run')", "utf-8")
    edited(vit, auto_map={"AutoModelForImageClassification": "code.Model", "AutoConfig": "code.C"})
    assert load_auxiliary(vit).classes == ("cat", "dog", "bird")
