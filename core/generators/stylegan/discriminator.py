"""StyleGAN2's discriminator as the library takes it: of images in [0, 1], one by one."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ...auxiliary import Discriminator
from .networks.discriminator import MinibatchStd, StyleGan2Discriminator

__all__ = ["as_discriminator"]


def as_discriminator(network: StyleGan2Discriminator) -> Discriminator:
    """The discriminator of a network; without a class, the mean of its logits over all classes.

    A network with minibatch statistics compares the images of a batch. Here it gets one image at a
    time, so that the logit of an image does not depend on the others.

    Args:
        network: filled and frozen.
    """
    channels = network.img_channels

    def logits(images: Tensor) -> Tensor:
        return network(_as_many(images, channels) * 2 - 1)

    def features(images: Tensor) -> Tensor:
        return network.features(_as_many(images, channels) * 2 - 1)

    def of_classes(images: Tensor, classes: Tensor) -> Tensor:
        rows = nn.functional.one_hot(classes, network.c_dim).to(images)
        return network(_as_many(images, channels) * 2 - 1, rows)

    compares = any(isinstance(module, MinibatchStd) for module in network.modules())
    each = _one_by_one if compares else _at_once
    return Discriminator(
        network,
        logits=each(logits),
        features=each(features),
        of_classes=each(of_classes) if network.c_dim else None,
        classes=network.c_dim,
    )


def _at_once(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return function


def _one_by_one(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The function of single rows, as a function of batches."""

    def each(*batches: Tensor) -> Tensor:
        rows = zip(*(batch.split(1) for batch in batches), strict=True)
        return torch.cat([function(*row) for row in rows])

    return each


def _as_many(images: Tensor, channels: int) -> Tensor:
    """Colour images with the network's number of channels; those beyond the colours are 1."""
    if channels < 3:
        images = images.mean(dim=1, keepdim=True)
    beyond = channels - images.shape[1]
    return nn.functional.pad(images, (0, 0, 0, 0, 0, beyond), value=1.0) if beyond else images
