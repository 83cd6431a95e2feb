"""Folders of timm's and transformers' image classifiers: forward passes, names and errors."""

import builtins
import json
import socket

import pytest
import timm
import torch
import transformers
from latentsteer.core.auxiliaries import load_auxiliary, open_model
from latentsteer.core.auxiliary import Classifier
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.errors import CheckpointError, InvalidInput
from torchvision.transforms import functional as transforms

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Copies of pickles go to the test's folder."""
    monkeypatch.setenv("LATENTSTEER_CACHE", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """No test here may use the network."""

    def refuse(*arguments, **named):
        raise AssertionError("the network was asked for")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def random(model):
    stream = torch.Generator().manual_seed(3)
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if tensor.is_floating_point() and tensor.ndim > 1:
            tensor.data = (2 / tensor[0].numel()) ** 0.5 * torch.randn(
                tensor.shape, generator=stream
            )
        elif tensor.is_floating_point() and "running_var" not in name:
            tensor.data = tensor + 0.1 * torch.randn(tensor.shape, generator=stream)
    return model.eval()


def images(count=2, height=40, width=40):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))


def write(folder, config, model=None, preprocessing=None):
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    if model is not None:
        checkpoints.write(folder / "model.safetensors", model.state_dict())
    if preprocessing is not None:
        text = json.dumps(preprocessing)
        (folder / "preprocessor_config.json").write_text(text, "utf-8")
    return folder


def close(found, expected):
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= 1e-5 * max(1, expected.abs().max())


def prepared(x, edge, crop, mean=MEAN, std=STD):
    x = transforms.center_crop(transforms.resize(x, edge, antialias=True), crop)
    return transforms.normalize(x, mean, std)


# timm

TIMM = [
    ("resnet10t", {"layers": [1, 1, 1, 1], "channels": [8, 8, 16, 16]}),
    ("test_vit", {}),
    ("test_efficientnet", {}),
    ("test_convnext", {}),
]


def timm_model(name, arguments, classes=3, size=32):
    with torch.random.fork_rng():
        sized = {"img_size": size} if "vit" in name else {}
        return random(
            timm.create_model(name, pretrained=False, num_classes=classes, **sized, **arguments)
        )


def timm_config(name, arguments=(), classes=3, size=32, **others):
    cfg = {"input_size": [3, size, size], "fixed_input_size": "vit" in name, "crop_pct": 0.8}
    cfg |= {"mean": MEAN, "std": STD, "interpolation": "bicubic", "tag": "mine", "url": "x"}
    return {
        "architecture": name,
        "num_classes": classes,
        "pretrained_cfg": cfg,
        "model_args": dict(arguments),
        **others,
    }


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


# transformers

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
