"""ResNets from files: torchvision's own forward, stems, wrappings, names and preparation."""

import pytest
import torch
from latentsteer.core.auxiliaries import load_auxiliary
from latentsteer.core.auxiliaries.classifiers.networks.resnet import ResNet
from latentsteer.core.auxiliaries.classifiers.preprocessing import Preparation, without
from latentsteer.core.auxiliaries.classifiers.resnet import RESNET
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.energies.classification import classification
from latentsteer.core.rng import SampleRng
from torchvision.models.resnet import BasicBlock, Bottleneck
from torchvision.transforms import functional as transforms

from ..differences import assert_is_gradient
from .classifier_files import CIFAR, IMAGENET, images, prepared, random, resnet, saved, stages_of

pytestmark = pytest.mark.usefixtures("fresh_cache")


@pytest.mark.parametrize(
    ("block", "depths", "widths", "side"),
    [
        (BasicBlock, [2, 1, 1, 1], {}, None),
        (Bottleneck, [1, 2, 1, 1], {}, 64),
        (Bottleneck, [1, 1, 1, 1], {"groups": 32, "width_per_group": 4}, 64),
        (Bottleneck, [1, 1, 1, 1], {"width_per_group": 88}, 64),
    ],
)
def test_a_resnet_of_torchvision_gives_torchvisions_logits(block, depths, widths, side, tmp_path):
    model = resnet(block, depths, 7, **widths)
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    options = {"image_size": side} if side else {}
    classifier = load_auxiliary(tmp_path / "weights.pth", options=options)
    x = images(1, 60, 47)
    with torch.no_grad():
        seen = prepared(x, side or 256, side or 224, IMAGENET)
        torch.testing.assert_close(classifier.logits(x), model(seen), rtol=1e-5, atol=1e-5)
        features = without(model, "fc")(seen)
        torch.testing.assert_close(classifier.features(x), features, rtol=1e-5, atol=1e-5)
    assert classifier.classes == tuple("0123456")
    digest = checkpoints.fingerprint(tmp_path / "weights.pth")
    assert classifier.id == digest + (f"-image_size={side}" if side else "")


@pytest.mark.parametrize("pool", ["pool", "none"])
def test_a_whole_module_says_whether_it_has_a_max_pool(pool, tmp_path):
    model = resnet(BasicBlock, [1, 1, 1, 1], 3, cifar=pool)
    torch.save(model, tmp_path / "whole.pth")
    x = images()
    classifier = load_auxiliary(tmp_path / "whole.pth")
    with torch.no_grad():
        expected = model(prepared(x, 32, 32, CIFAR))
        torch.testing.assert_close(classifier.logits(x), expected, rtol=1e-5, atol=1e-5)
    facts = RESNET.facts(checkpoints.read(tmp_path / "whole.pth"))
    assert facts["max-pool"].endswith("from the file")


@pytest.mark.parametrize(
    "prefix",
    ["", "model.", "module.", "net.", "state_dict.model.", "state_dict.module.", "a.b.resnet."],
)
def test_wrappings(prefix, small, tmp_path):
    tensors = {prefix + name: tensor for name, tensor in small.state_dict().items()}
    beside = {"optimizer_states.0.state.0.exp_avg": torch.zeros(3)} if prefix else {}
    classifier = load_auxiliary(saved(tmp_path / "m.safetensors", tensors | beside))
    x = images(1, 32, 32)
    expected = small(transforms.normalize(x, *CIFAR))
    torch.testing.assert_close(classifier.logits(x), expected, rtol=1e-5, atol=1e-5)


def test_a_pickle_is_read_once(tmp_path):
    model = resnet(BasicBlock, [1, 1, 1, 1], 3, cifar="pool")
    torch.save(model, tmp_path / "whole.pth")
    x = images()
    first, again = (load_auxiliary(tmp_path / "whole.pth") for _ in range(2))
    (copy,) = (tmp_path / "cache").iterdir()
    assert copy.suffix == ".safetensors"
    assert (first.id, first.name) == (again.id, again.name)
    assert torch.equal(first.logits(x), again.logits(x))
    with torch.no_grad():
        expected = model(prepared(x, 32, 32, CIFAR))
    torch.testing.assert_close(again.logits(x), expected, rtol=1e-5, atol=1e-5)


def test_a_lightning_checkpoint_with_its_class_names(small, tmp_path):
    wrapped = {f"model.{name}": tensor for name, tensor in small.state_dict().items()}
    names = {"bird": 2, "aeroplane": 0, "car": 1, "cat": 3}
    content = {"epoch": 3, "state_dict": wrapped, "hyper_parameters": {"class_to_idx": names}}
    torch.save(content, tmp_path / "last.ckpt")
    classifier = load_auxiliary(tmp_path / "last.ckpt")
    assert classifier.classes == ("aeroplane", "car", "bird", "cat")


def test_averaged_weights_are_preferred(small, tmp_path):
    own = {f"model.{name}": tensor for name, tensor in small.state_dict().items()}
    averaged = random(
        ResNet(stem=8, kernel=3, max_pool=False, bottleneck=False, stages=stages_of(), classes=4),
        seed=9,
    )
    ema = {f"model_ema.module.{n}": t for n, t in averaged.state_dict().items()}
    classifier = load_auxiliary(saved(tmp_path / "m.safetensors", own | ema))
    torch.testing.assert_close(classifier.module.fc.weight, averaged.fc.weight)


def test_a_last_layer_behind_a_dropout(plain, tmp_path):
    tensors = {name.replace("fc.", "fc.1."): t for name, t in plain.state_dict().items()}
    classifier = load_auxiliary(saved(tmp_path / "m.safetensors", tensors))
    torch.testing.assert_close(classifier.module.fc.weight, plain.fc.weight)


def test_colours_and_size_that_are_chosen(small, tmp_path):
    path = saved(tmp_path / "m.safetensors", small.state_dict())
    colours = ((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    options = {"mean": colours[0], "std": colours[1], "image_size": 24}
    before = torch.get_rng_state()
    classifier = load_auxiliary(path, options=options)
    assert torch.equal(before, torch.get_rng_state())
    x = images(2, 50, 30)
    with torch.no_grad():
        expected = small(prepared(x, 24, 24, colours))
        torch.testing.assert_close(classifier.logits(x), expected, rtol=1e-5, atol=1e-5)
    assert classifier.id != load_auxiliary(path).id


@pytest.mark.parametrize("size", [(40, 40), (30, 61), (61, 30), (20, 20), (256, 256)])
def test_images_are_prepared_as_torchvision_does(size):
    x = images(1, *size)
    ours = Preparation(36, (32, 32), *IMAGENET)(x)
    torch.testing.assert_close(ours, prepared(x, 36, 32, IMAGENET))
    square = Preparation((24, 20), (24, 20), *IMAGENET)(x)
    expected = transforms.normalize(transforms.resize(x, [24, 20], antialias=True), *IMAGENET)
    torch.testing.assert_close(square, expected)


def test_gradients_against_finite_differences(small, tmp_path):
    classifier = load_auxiliary(saved(tmp_path / "m.safetensors", small.state_dict()))
    classifier.module.double()
    x = images(1, 37, 45).double()
    along = torch.randn(x.shape, generator=torch.Generator().manual_seed(0)).double()
    for function in (classifier.logits, classifier.features):

        def value(x, function=function):
            return function(x).sin().sum()

        (slope,) = torch.autograd.grad(value(x.requires_grad_()), x)
        assert_is_gradient(slope, value, x.detach(), along)


def test_the_energy_of_a_classifier_runs_with_it(small, tmp_path):
    options = {"classes": ("cat", "dog", "bird", "fish")}
    path = saved(tmp_path / "m.safetensors", small.state_dict())
    classifier = load_auxiliary(path, options=options)
    condition = classifier.condition(["dog", "fish"])
    x = images().requires_grad_()
    energy = classification(classifier, condition)(x, SampleRng.of(0, 2))
    expected = -classifier.logits(x).log_softmax(1)[[0, 1], [1, 3]]
    torch.testing.assert_close(energy, expected)
    (slope,) = torch.autograd.grad(energy.sum(), x)
    assert bool((slope.flatten(1).norm(dim=1) > 0).all())


def test_it_loads_and_back_propagates_inside_inference_mode(small, tmp_path):
    path = saved(tmp_path / "m.safetensors", small.state_dict())
    with torch.inference_mode():
        with torch.inference_mode(False):
            classifier = load_auxiliary(path)
        assert classifier.embed(images()).is_inference()
        with torch.inference_mode(False), torch.enable_grad():
            x = images().requires_grad_()
            torch.autograd.grad(classifier.logits(x).sum(), x)
    assert not classifier.module.training
    assert not any(p.requires_grad or p.is_inference() for p in classifier.module.parameters())
