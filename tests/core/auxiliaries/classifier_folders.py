"""Folders of timm's image classifiers, and what the tests of all folders share."""

import json

import timm
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from torchvision.transforms import functional as transforms

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


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
