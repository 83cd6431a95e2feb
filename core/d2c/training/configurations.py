"""The configurations of D2C by name: those of the paper, and LatentSteer's small ones.

The paper's appendix with the training details is missing from every known public copy, so
numbers are those of the released code (github.com/jiamings/d2c: train/train_cifar.sh,
train/train.py, configs/ffhq_256.yml, d2c/diffusion/configs). Where it says nothing they are
LatentSteer's, and `what` says so. The released command gives `--cos`, which its script never
reads: the rate is constant. Its 1,000 epochs of 390 batches are 390,000 steps, its 10,000 epochs
of 391 batches on the latents of images and mirrored images 3,910,000.

The released first stage is reconstruction / 17500 + L_C. The paper gives lambda = 1e-4 for eq. (4)
but not the unit of its L_D2; with nats summed over an image the contrastive term hardly counts.
The joint configurations therefore keep the released ratio, and `paper_weights` has the literal
one.
"""

from collections.abc import Mapping
from dataclasses import replace

from ...errors import InvalidInput
from ...generators.d2c.layouts import (
    AutoencoderLayout,
    AutoencoderSettings,
    ConvBranch,
    UNetLayout,
)
from .settings import D2CConfiguration, D2CTraining, MomentumContrast, Views

__all__ = ["CONFIGURATIONS", "SMALL", "configuration_named", "light_decoder", "paper_weights"]

NATS = 17_500.0
"""What the released code divides the reconstruction by."""


def _autoencoder(
    latent: int, width: int, *, outer: int = 1, scales: int = 1, groups: int = 6
) -> AutoencoderLayout:
    return AutoencoderSettings(
        num_latent_per_group=latent,
        num_latent_scales=scales,
        num_groups_per_scale=groups,
        num_channels_enc=width,
        num_channels_dec=width,
        num_preprocess_blocks=outer,
        num_postprocess_blocks=outer,
    ).layout


def light_decoder(layout: AutoencoderLayout) -> AutoencoderLayout:
    """Returns the sizes with the encoder's kind of cells in the decoder (`res_bnswish`).

    A processor is several times faster at them than at NVAE's depthwise convolutions.

    Args:
        layout: the sizes.
    """
    branches = (ConvBranch(), ConvBranch())
    tower, last = (
        tuple(replace(cell, branches=branches) for cell in part) for part in layout.decoder
    )
    return replace(layout, decoder=(tower, last))


CIFAR = _autoencoder(10, 128)
CIFAR_UNET = UNetLayout(10, 128, (128, 256, 256, 256), attention=frozenset({0}))
FACES_256, FACES_UNET = AutoencoderSettings().layout, UNetLayout()
SIXTY_FOUR = _autoencoder(8, 64)
SMALL_UNET = UNetLayout(4, 64, (64, 128), 1, frozenset({0}))
FACE_VIEWS = Views(area=(0.25, 1.0), jitter_share=0.5)
RELEASED = D2CTraining(
    scheme="two-stage",
    steps=390_000,
    diffusion_steps=3_910_000,
    reconstruction_weight=1 / NATS,
    contrastive_weight=1.0,
    reconstructed="augmented",
)
JOINT = D2CTraining(
    steps=390_000,
    reconstruction_weight=1 / NATS,
    diffusion_weight=1 / NATS,
    contrastive_weight=1.0,
)
FACES = MomentumContrast(hidden=2048, keys=15_000, momentum=0.9999, views=FACE_VIEWS)

CIFAR_10 = D2CConfiguration(
    "CIFAR-10 at 32 pixels (d01, d08 to d10): the released script.",
    32,
    8,
    CIFAR,
    CIFAR_UNET,
    MomentumContrast(),
    replace(RELEASED, diffusion_batch_size=256),
)
SMALL_CONTRAST = MomentumContrast(
    dim=128, hidden=256, keys=4096, momentum=0.99, temperature=0.2, views=FACE_VIEWS
)
SMALL_JOINT = replace(
    JOINT, steps=20_000, batch_size=64, parts=2, diffusion_rate=5e-4, average=0.999, cosine=True
)

CONFIGURATIONS: Mapping[str, D2CConfiguration] = {
    "cifar10": CIFAR_10,
    "cifar10 joint": replace(
        CIFAR_10,
        what="CIFAR-10 at 32 pixels by eq. (4) and (5) at once: the released sizes and ratio.",
        training=JOINT,
    ),
    "cifar10 contrastive": replace(
        CIFAR_10,
        what="CIFAR-10 without L_D2 (d04): the contrastive term alone; it generates nothing.",
        training=replace(RELEASED, reconstruction_weight=0.0, diffusion_steps=0),
    ),
    "cifar100": replace(
        CIFAR_10, what="CIFAR-100 at 32 pixels (d02, d11 to d13): the released script."
    ),
    "fmow": D2CConfiguration(
        "fMoW (d03) at 64 pixels. The size is the released code's; the rest is CIFAR's or "
        "LatentSteer's.",
        64,
        8,
        SIXTY_FOUR,
        FACES_UNET,
        MomentumContrast(hidden=2048),
        RELEASED,
    ),
    "celeba64": D2CConfiguration(
        "CelebA at 64 pixels (d05, d14 to d24). Views and the grid of 32 x 32 latents are the "
        "released code's, the channels LatentSteer's.",
        64,
        8,
        SIXTY_FOUR,
        FACES_UNET,
        MomentumContrast(hidden=2048, views=FACE_VIEWS),
        RELEASED,
    ),
    "celebahq256": D2CConfiguration(
        "CelebA-HQ at 256 pixels (d06, d25 to d28): the sizes of the released FFHQ, the released "
        "views.",
        256,
        5,
        FACES_256,
        FACES_UNET,
        FACES,
        RELEASED,
    ),
    "ffhq256": D2CConfiguration(
        "FFHQ at 256 pixels (d07, d25 to d28): the released sizes and views; its training was "
        "not released.",
        256,
        5,
        FACES_256,
        FACES_UNET,
        replace(FACES, views=replace(FACE_VIEWS, blur_share=0.2)),
        RELEASED,
    ),
    "small 32": D2CConfiguration(
        "Small sets at 32 pixels, by eq. (4) and (5) at once. Ours: an hour on a CPU.",
        32,
        8,
        light_decoder(_autoencoder(4, 16, scales=2, groups=1)),
        SMALL_UNET,
        SMALL_CONTRAST,
        SMALL_JOINT,
    ),
    "small 64": D2CConfiguration(
        "Small sets at 64 pixels, by eq. (4) and (5) at once. Ours: hours on a CPU.",
        64,
        8,
        light_decoder(_autoencoder(4, 12, outer=2, scales=2, groups=1)),
        SMALL_UNET,
        SMALL_CONTRAST,
        SMALL_JOINT,
    ),
}
"""Configurations by name."""
SMALL = tuple(name for name in CONFIGURATIONS if name.startswith("small"))
"""Names of those that a CPU can train."""


def configuration_named(name: str) -> D2CConfiguration:
    """Returns the configuration with a name.

    Raises:
        InvalidInput: there is none.
    """
    if name not in CONFIGURATIONS:
        raise InvalidInput(
            f"There is no configuration {name!r} of D2C; there are {', '.join(CONFIGURATIONS)}."
        )
    return CONFIGURATIONS[name]


def paper_weights(training: D2CTraining) -> D2CTraining:
    """Returns a joint training with eq. (4) and (5) as printed: all in nats, lambda = 1e-4."""
    return replace(
        training,
        scheme="joint",
        diffusion_steps=0,
        reconstruction_weight=1.0,
        diffusion_weight=1.0,
        contrastive_weight=1e-4,
        reconstructed="clean",
    )
