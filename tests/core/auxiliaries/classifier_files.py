"""Small classifiers, their files and images for them."""

import torch
import torchvision
from latentsteer.core.auxiliaries.classifiers.networks.resnet import Stage
from latentsteer.core.checkpoints import checkpoint as checkpoints
from torch import nn
from torchvision.transforms import functional as transforms

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CIFAR = ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))


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


def images(count=2, height=40, width=40):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))


def saved(path, tensors, config=None):
    checkpoints.write(path, tensors, config)
    return path


def prepared(x, edge, crop, colours):
    x = transforms.center_crop(transforms.resize(x, edge, antialias=True), crop)
    return transforms.normalize(x, *colours)


def stages_of():
    return [Stage(1, 8, 8, 1, "none"), Stage(2, 12, 12, 1, "convolved")]
