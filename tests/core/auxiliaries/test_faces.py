"""Third-party formats: DCGAN checkpoints of any name, and TensorFlow.js to PyTorch."""

import json

import numpy as np
import pytest
import torch
from latentsteer.core.auxiliaries import load_auxiliary
from latentsteer.core.auxiliaries.face_expressions import CLASSES, FaceExpressions, from_tfjs
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.errors import CheckpointError
from latentsteer.core.generators import load_generator
from latentsteer.core.generators.dcgan import DcganGenerator
from latentsteer.core.rng import SampleRng
from torch import nn
from torch.nn import functional


def tutorial(latent, width, channels):
    """The tutorial's layers, written out."""
    return nn.Sequential(
        nn.ConvTranspose2d(latent, 4 * width, 4, 1, 0, bias=False),
        nn.BatchNorm2d(4 * width),
        nn.ReLU(),
        nn.ConvTranspose2d(4 * width, 2 * width, 4, 2, 1, bias=False),
        nn.BatchNorm2d(2 * width),
        nn.ReLU(),
        nn.ConvTranspose2d(2 * width, channels, 4, 2, 1, bias=False),
        nn.Tanh(),
    ).eval()


def under(prefix, network):
    return {prefix + name: tensor for name, tensor in network.state_dict().items()}


@pytest.mark.parametrize("prefix", ["main.", "model.", "module.main.", "netG.main.", ""])
def test_a_dcgan_of_torch_save_opens_whatever_its_layers_are_called(prefix, tmp_path):
    network = tutorial(5, 4, 3)
    torch.save({"epoch": 3, "g": under(prefix, network)}, tmp_path / "weights.tar")
    generator = load_generator(tmp_path / "weights.tar")
    z = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    expected = network(z[:, :, None, None]) / 2 + 0.5
    torch.testing.assert_close(generator(z, SampleRng.of(0, 3)), expected)
    assert generator.image_size == (16, 16)
    assert generator.licence == "unknown"


def test_a_discriminator_beside_it_is_left_out(tmp_path):
    discriminator = nn.Sequential(
        nn.Conv2d(3, 4, 4, 2, 1),
        nn.LeakyReLU(),
        nn.Conv2d(4, 8, 4, 2, 1),
        nn.BatchNorm2d(8),
        nn.LeakyReLU(),
    )
    both = under("netD.main.", discriminator) | under("netG.main.", tutorial(5, 4, 1))
    torch.save(both, tmp_path / "both.pth")
    assert load_generator(tmp_path / "both.pth").source.dim == 5
    torch.save(under("main.", discriminator), tmp_path / "alone.pth")
    with pytest.raises(CheckpointError, match="No known architecture"):
        load_generator(tmp_path / "alone.pth")


def test_a_dcgan_of_other_than_grey_or_colour_is_refused(tmp_path):
    checkpoints.write(tmp_path / "m.safetensors", under("main.", DcganGenerator((4, 6, 2))))
    with pytest.raises(CheckpointError, match="images with 2 channels"):
        load_generator(tmp_path / "m.safetensors")


# TensorFlow.js


def shapes(width=2, classes=7):
    """Names and shapes in TensorFlow's form, in the order of the file."""
    yield "dense0/conv0/filters", (3, 3, 3, width)
    yield "dense0/conv0/bias", (width,)
    for block in range(4):
        after = width * 2**block
        for conv in range(1 if block == 0 else 0, 4):
            before = after if conv else after // 2
            yield f"dense{block}/conv{conv}/depthwise_filter", (3, 3, before, 1)
            yield f"dense{block}/conv{conv}/pointwise_filter", (1, 1, before, after)
            yield f"dense{block}/conv{conv}/bias", (after,)
    yield "fc/weights", (8 * width, classes)
    yield "fc/bias", (classes,)


def written(folder, *, cut=0, extra=b"", rename=None):
    """Returns both files with random numbers, and the numbers they represent."""
    stream = np.random.default_rng(0)
    entries, content, values = [], b"", {}
    for name, shape in shapes():
        entry = {"name": rename if rename and name == "fc/bias" else name, "shape": shape}
        entry["dtype"] = "float32"
        if name.endswith("bias"):
            held = stream.normal(size=shape).astype("<f4")
            values[name] = held
        else:
            held = stream.integers(0, 256, shape).astype(np.uint8)
            entry["quantization"] = {"dtype": "uint8", "scale": 0.004, "min": -0.5}
            values[name] = (held * 0.004 - 0.5).astype(np.float32)
        content += held.tobytes()
        entries.append(entry)
    manifest, weights = folder / "manifest.json", folder / "weights.bin"
    manifest.write_text(json.dumps([{"paths": ["weights.bin"], "weights": entries}]))
    weights.write_bytes(content[: len(content) - cut] + extra)
    return manifest, weights, values


def test_tensorflows_numbers_become_pytorchs(tmp_path):
    manifest, weights, values = written(tmp_path)
    tensors = from_tfjs(manifest, weights)
    assert tensors.keys() == FaceExpressions(2, 7).state_dict().keys()
    image = values["dense0/conv0/filters"]
    assert tensors["dense0.conv0.weight"][1, 2, 0, 1] == image[0, 1, 2, 1]
    depth = values["dense2/conv0/depthwise_filter"]
    assert tensors["dense2.conv0.depthwise.weight"][3, 0, 2, 1] == depth[2, 1, 3, 0]
    point = values["dense3/conv3/pointwise_filter"]
    assert tensors["dense3.conv3.pointwise.weight"][5, 7, 0, 0] == point[0, 0, 7, 5]
    assert torch.equal(tensors["fc.weight"], torch.from_numpy(values["fc/weights"].T.copy()))


def by_hand(values, images):
    """The network in NumPy's order of axes, from TensorFlow's definitions of its layers."""

    def conv(x, kernel, stride, groups):
        # SAME: the output has ceil(side / stride) pixels; the odd one of padding comes last.
        side = x.shape[2]
        total = max((-(-side // stride) - 1) * stride + 3 - side, 0)
        x = functional.pad(x, (total // 2, total - total // 2) * 2)
        return functional.conv2d(x, kernel, stride=stride, groups=groups)

    def separable(x, name, stride):
        depth = torch.from_numpy(values[f"{name}/depthwise_filter"]).permute(2, 3, 0, 1)
        point = torch.from_numpy(values[f"{name}/pointwise_filter"]).permute(3, 2, 0, 1)
        x = functional.conv2d(conv(x, depth, stride, x.shape[1]), point)
        return x + torch.from_numpy(values[f"{name}/bias"])[:, None, None]

    mean = torch.tensor([122.782, 117.001, 104.298])[:, None, None]
    x = functional.interpolate(images, (112, 112), mode="bilinear", align_corners=False)
    x = (x * 255 - mean) / 255
    for block in range(4):
        name = f"dense{block}"
        if block == 0:
            filters = torch.from_numpy(values[f"{name}/conv0/filters"]).permute(3, 2, 0, 1)
            x = (
                conv(x, filters, 2, 1)
                + torch.from_numpy(values[f"{name}/conv0/bias"])[:, None, None]
            )
        else:
            x = separable(x, f"{name}/conv0", 2)
        first = x.relu()
        second = separable(first, f"{name}/conv1", 1)
        third = separable((first + second).relu(), f"{name}/conv2", 1)
        fourth = separable((first + second + third).relu(), f"{name}/conv3", 1)
        x = (first + second + third + fourth).relu()
    x = functional.avg_pool2d(x, 7)[:, :, 0, 0]
    return x @ torch.from_numpy(values["fc/weights"]) + torch.from_numpy(values["fc/bias"])


def test_the_converted_classifier_is_tensorflows_network(tmp_path):
    manifest, weights, values = written(tmp_path)
    checkpoints.write(tmp_path / "m.safetensors", from_tfjs(manifest, weights))
    classifier = load_auxiliary(tmp_path / "m.safetensors")
    assert classifier.classes == CLASSES
    images = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    expected = by_hand(values, images)
    torch.testing.assert_close(classifier.logits(images), expected, rtol=1e-4, atol=1e-4)


def test_wide_and_high_images_stand_in_black_squares(tmp_path):
    manifest, weights, _ = written(tmp_path)
    checkpoints.write(tmp_path / "m.safetensors", from_tfjs(manifest, weights))
    classifier = load_auxiliary(tmp_path / "m.safetensors")
    wide = torch.rand(2, 3, 20, 32, generator=torch.Generator().manual_seed(0))
    square = torch.zeros(2, 3, 32, 32)
    square[:, :, 6:26] = wide
    torch.testing.assert_close(classifier.logits(wide), classifier.logits(square))
    torch.testing.assert_close(classifier.logits(wide.mT), classifier.logits(square.mT))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"cut": 1}, "is not what .* describes"),
        ({"extra": b"more"}, "describes"),
        ({"rename": "fc/gamma"}, "is not what .* describes"),
    ],
)
def test_files_that_do_not_fit_each_other_are_refused(wrong, message, tmp_path):
    manifest, weights, _ = written(tmp_path, **wrong)
    with pytest.raises(CheckpointError, match=message):
        from_tfjs(manifest, weights)


def test_a_manifest_that_is_none_is_refused(tmp_path):
    manifest, weights, _ = written(tmp_path)
    for text in ("{", "[1]", '[{"weights": [{"name": "a", "shape": [1], "dtype": "string"}]}]'):
        manifest.write_text(text)
        with pytest.raises(CheckpointError, match="is not what"):
            from_tfjs(manifest, weights)
