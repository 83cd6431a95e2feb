"""A tiny D2C and its images, which the tests train in milliseconds."""

from dataclasses import replace

import torch
from latentsteer.core.d2c.training.images import HeldImages
from latentsteer.core.d2c.training.settings import (
    D2CConfiguration,
    D2CTraining,
    MomentumContrast,
    Views,
)
from latentsteer.core.generators.d2c.layouts import AutoencoderSettings, UNetLayout

SIDE = 8
AUTOENCODER = AutoencoderSettings(2, 1, 2, 4, 4, 1, 1, 1, 1, 1, 1).layout
DENOISER = UNetLayout(2, 4, (4,), 1, frozenset())
CONTRAST = MomentumContrast(dim=4, hidden=6, keys=10, momentum=0.5, temperature=0.2, views=Views())
JOINT = D2CTraining(
    steps=2,
    batch_size=4,
    parts=1,
    reconstruction_weight=1e-2,
    diffusion_weight=1e-2,
    contrastive_weight=1.0,
    average=0.9,
)
TWO_STAGE = replace(
    JOINT, scheme="two-stage", steps=1, diffusion_steps=2, reconstructed="augmented"
)


def configuration(training=JOINT, **changes):
    """Returns a tiny configuration."""
    return D2CConfiguration(
        "A test.", SIDE, 8, AUTOENCODER, DENOISER, CONTRAST, replace(training, **changes)
    )


def images(count=20, side=SIDE):
    """Returns images of 8 bits."""
    stream = torch.Generator().manual_seed(1)
    drawn = torch.randint(256, (count, 3, side, side), generator=stream, dtype=torch.uint8)
    return HeldImages(drawn)
