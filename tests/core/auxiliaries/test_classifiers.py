"""Classifiers from files: torchvision's own forward, stems, wrappings, names, and bad input."""

from pathlib import Path

import pytest
import torch
import torchvision
from latentsteer.core.auxiliaries import AUXILIARIES, load_auxiliary
from latentsteer.core.auxiliaries.classifiers.networks.resnet import ResNet, Stage
from latentsteer.core.auxiliaries.classifiers.preprocessing import Preparation, without
from latentsteer.core.auxiliaries.classifiers.resnet import RESNET
from latentsteer.core.auxiliaries.classifiers.torchvision import FAMILIES, TORCHVISION, fitting
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.checkpoints.architecture import detect
from latentsteer.core.energies.classification import classification
from latentsteer.core.errors import CheckpointError, InvalidInput
from latentsteer.core.rng import SampleRng
from torch import nn
from torch.nn import functional
from torchvision.models.resnet import BasicBlock, Bottleneck
from torchvision.transforms import functional as transforms

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CIFAR = ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Copies of pickles go to the test's folder."""
    monkeypatch.setenv("LATENTSTEER_CACHE", str(tmp_path / "cache"))


def random(module, seed=1):
    """Returns the module with random weights and statistics, so that each tensor matters."""
    stream = torch.Generator().manual_seed(seed)
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if not tensor.is_floating_point():
            continue
        noise = torch.randn(tensor.shape, generator=stream)
        if tensor.ndim > 1:
            tensor.data = noise * (2 / tensor[0].numel()) ** 0.5
        else:
            centre = 1.0 if name.endswith(("weight", "running_var")) else 0.0
            tensor.data = centre + 0.1 * noise
    return module.eval()


def resnet(block, depths, classes, cifar=None, **widths):
    """Torchvision's network, optionally with a stem for CIFAR's images with or without a pool."""
    with torch.random.fork_rng():
        model = torchvision.models.ResNet(block, depths, num_classes=classes, **widths)
        if cifar is not None:
            model.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
            model.maxpool = model.maxpool if cifar == "pool" else nn.Identity()
    return random(model)


@pytest.fixture(scope="module")
def plain():
    return resnet(BasicBlock, [1, 1, 1, 1], 5)


@pytest.fixture(scope="module")
def small():
    """A CIFAR ResNet of 20 layers' shape, narrow, in torchvision's blocks."""
    stages = [Stage(1, 8, 8, 1, "none"), Stage(2, 12, 12, 1, "convolved")]
    parts = {"stem": 8, "kernel": 3, "max_pool": False, "bottleneck": False}
    return random(ResNet(**parts, stages=stages, classes=4))


def images(count=2, height=40, width=40):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))


def saved(path, tensors, config=None):
    checkpoints.write(path, tensors, config)
    return path


def prepared(x, edge, crop, colours):
    x = transforms.center_crop(transforms.resize(x, edge, antialias=True), crop)
    return transforms.normalize(x, *colours)


# ResNets


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
@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
def test_a_cifar_stem_with_and_without_a_max_pool(block, pool, tmp_path):
    model = resnet(block, [1, 1, 1, 1], 10, cifar=pool)
    path = saved(tmp_path / "m.safetensors", model.state_dict())
    x = images()
    with torch.no_grad():
        expected = model(prepared(x, 32, 32, CIFAR))
        chosen = load_auxiliary(path, options={"max_pool": pool == "pool"})
        torch.testing.assert_close(chosen.logits(x), expected, rtol=1e-5, atol=1e-5)
        # By default there is none after such a stem.
        auto = load_auxiliary(path)
        assert torch.allclose(auto.logits(x), expected, atol=1e-4) == (pool == "none")
    # An option that equals the value in the file is not an option.
    assert (chosen.id != auto.id) == (pool == "pool")
    assert auto.id == checkpoints.fingerprint(path)


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


def stages_of():
    return [Stage(1, 8, 8, 1, "none"), Stage(2, 12, 12, 1, "convolved")]


class CifarCode(nn.Module):
    """Written out as in the usual CIFAR code: `shortcut` and `linear`; He's option A or B."""

    def __init__(self, padded, widths=(6, 8, 12), classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        before = widths[0]
        for number, width in enumerate(widths, 1):
            blocks = [CifarBlock(before, width, 2 if number > 1 else 1, padded)]
            self.add_module(f"layer{number}", nn.Sequential(*blocks, CifarBlock(width, width)))
            before = width
        self.linear = nn.Linear(before, classes)

    def forward(self, x):
        x = functional.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(functional.avg_pool2d(x, x.shape[3]).flatten(1))


class CifarBlock(nn.Module):
    def __init__(self, before, width, stride=1, padded=True):
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.extra = (width - before) // 2 if stride > 1 else None
        self.shortcut = nn.Sequential()
        if stride > 1 and not padded:
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x):
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        if self.extra is not None and not len(self.shortcut):
            sides = (0, 0, 0, 0, self.extra, self.extra)
            return functional.relu(y + functional.pad(x[:, :, ::2, ::2], sides))
        return functional.relu(y + self.shortcut(x))


@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("classes", [10, 100])
def test_the_usual_cifar_code(padded, classes, tmp_path):
    model = random(CifarCode(padded, classes=classes))
    torch.save({"net": model.state_dict(), "acc": 93.0}, tmp_path / "ckpt.pth")
    classifier = load_auxiliary(tmp_path / "ckpt.pth")
    std = (0.2023, 0.1994, 0.2010) if classes == 10 else (0.2673, 0.2564, 0.2762)
    mean = CIFAR[0] if classes == 10 else (0.5071, 0.4865, 0.4409)
    x = images(2, 32, 32)
    expected = model(transforms.normalize(x, mean, std))
    torch.testing.assert_close(classifier.logits(x), expected, rtol=1e-5, atol=1e-5)


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


# Gradients and the energy


def slopes(function, x, count=12):
    """The gradient, and central differences, at a few numbers of x."""
    (slope,) = torch.autograd.grad(function(x.requires_grad_()), x)
    picked = torch.randperm(x.numel(), generator=torch.Generator().manual_seed(0))[:count]
    differences = []
    for place in picked.tolist():
        step = torch.zeros(x.numel(), dtype=x.dtype)
        step[place] = 1e-6
        ends = [function(x.detach() + sign * step.view_as(x)) for sign in (1, -1)]
        differences.append((ends[0] - ends[1]) / 2e-6)
    return slope.flatten()[picked], torch.stack(differences).detach()


def test_gradients_against_finite_differences(small, tmp_path):
    classifier = load_auxiliary(saved(tmp_path / "m.safetensors", small.state_dict()))
    classifier.module.double()
    x = images(1, 37, 45).double()
    for function in (classifier.logits, classifier.features):
        found, expected = slopes(lambda x, f=function: f(x).sin().sum(), x.clone())
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-8)


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


# Bad input


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


# Torchvision's others


MEMBERS = [family.members[0] for family in FAMILIES]
MEMBERS += ["vgg13_bn", "convnext_small", "efficientnet_b3", "vit_b_32", "mobilenet_v3_large"]


@pytest.mark.parametrize("member", MEMBERS)
def test_every_constructor_is_told_by_its_shapes(member):
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
