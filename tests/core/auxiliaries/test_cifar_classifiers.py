"""ResNets for CIFAR from files: their stems, and the usual code."""

import pytest
import torch
from latentsteer.core.auxiliaries import load_auxiliary
from latentsteer.core.checkpoints import checkpoint as checkpoints
from torch import nn
from torch.nn import functional
from torchvision.models.resnet import BasicBlock, Bottleneck
from torchvision.transforms import functional as transforms

from .classifier_files import CIFAR, images, prepared, random, resnet, saved

pytestmark = pytest.mark.usefixtures("fresh_cache")


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
