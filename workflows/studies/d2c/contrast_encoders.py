"""The encoders of the comparison of a D2C with its contrastive term and without it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from einops import reduce
from jaxtyping import Float
from torch import Tensor

from ....core.checkpoints.checkpoint import read
from ....core.d2c.training.configurations import configuration_named, light_decoder
from ....core.d2c.training.settings import D2CConfiguration, Views
from ....core.errors import CheckpointError
from ....core.generators.d2c.layouts import AutoencoderSettings, UNetLayout
from ....core.generators.d2c.networks.autoencoder import D2CEncoder
from ....core.pairs.precision import packed, unpacked

__all__ = [
    "ARMS",
    "BATCH",
    "ENCODERS",
    "contrast_configuration",
    "contrast_encoders",
    "contrast_latents",
    "small_encoder",
    "smaller",
]

ENCODERS = Path(__file__).parents[1] / "results" / "contrast_encoders.safetensors"
"""The trained encoders, from `studies.training.train_avatars_contrast`."""
ARMS = ("on", "off", "off_time")
"""With the contrastive term; without it at equal steps; without it at equal time."""
BATCH, WIDTH = 32, 8
VIEWS = Views(
    area=(0.5, 1.0), jitter=(0.2, 0.2, 0.2, 0.0), jitter_share=0.5, grey_share=0.0, flip_share=0.0
)
"""Views of avatars. Hair, hats, clothes and backgrounds differ by their colours, which a
shift of the hue or a grey view would make the encoder forget; winks and eyepatches have a side; a
crop below half of the area loses the clothes or the hair."""


def contrast_configuration(steps: int, *, contrast: bool) -> D2CConfiguration:
    """Returns the configuration of an arm: small enough for minutes of a processor.

    Images of 32 pixels become 128 numbers, 8 channels of 4 x 4. The rate is constant, as released,
    so that a longer training begins with the shorter one.

    Args:
        steps: batches.
        contrast: whether the encoder also learns from the contrastive term. Nothing else differs.
    """
    small = configuration_named("small 32")
    settings = AutoencoderSettings(
        num_latent_per_group=8,
        num_latent_scales=2,
        num_groups_per_scale=1,
        num_channels_enc=WIDTH,
        num_channels_dec=WIDTH,
        num_preprocess_blocks=2,
        num_preprocess_cells=1,
        num_cell_per_cond_enc=1,
        num_postprocess_blocks=2,
        num_postprocess_cells=1,
        num_cell_per_cond_dec=1,
    )
    return replace(
        small,
        what="Avatars of 32 pixels, with the contrastive term or without it.",
        autoencoder=replace(light_decoder(settings.layout), mixtures=3),
        denoiser=UNetLayout(8, 32, (32, 64), 1, frozenset()),
        contrast=replace(small.contrast, views=VIEWS),
        training=replace(
            small.training,
            steps=steps,
            batch_size=BATCH,
            parts=1,
            contrastive_weight=small.training.contrastive_weight if contrast else 0.0,
            cosine=False,
            mirror=False,
        ),
    )


def smaller(images: Tensor) -> Tensor:
    """Returns images of 64 pixels at 32, each pixel the mean of four, in whole levels of 8 bits.

    Args:
        images: in [0, 1], or in bytes.
    """
    levels = images.float() if images.dtype == torch.uint8 else images * 255
    means = reduce(levels, "image colour (h 2) (w 2) -> image colour h w", "mean")
    return means.round().clamp(0, 255).to(torch.uint8)


def contrast_encoders(path: Path = ENCODERS) -> tuple[Mapping[str, D2CEncoder], dict[str, object]]:
    """Returns the trained encoders by arm and seed, `on 0` and so on, and how they were trained.

    Raises:
        CheckpointError: the file is of something else.
    """
    held = read(path)
    runs = held.config.get("runs")
    if not isinstance(runs, dict):
        raise CheckpointError(f"{path} does not hold encoders of train_avatars_contrast.")
    found: dict[str, D2CEncoder] = {}
    for name in runs:
        encoder = D2CEncoder(contrast_configuration(1, contrast=True).autoencoder)
        own = {
            key: _stored(held.tensors, f"{name}/{key}", own)
            for key, own in encoder.state_dict().items()
        }
        encoder.load_state_dict(own)
        found[name] = encoder.eval().requires_grad_(False)
    return found, dict(held.config)


def small_encoder(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """Returns the tensors of an encoder as they are stored: kernels in int8, the rest in fp16.

    A channel has a scale, so a weight is off by at most 1/254 of the largest of its channel.

    Args:
        tensors: its tensors.
        name: arm and seed.
    """
    found: dict[str, Tensor] = {}
    for key, tensor in tensors.items():
        if tensor.ndim > 1 and tensor.numel() > len(tensor):
            parts = packed(tensor.float().flatten(1), "int8")
            found |= {f"{name}/{key}/{part}": own for part, own in parts.items()}
        else:
            found[f"{name}/{key}"] = tensor.half() if tensor.is_floating_point() else tensor
    return found


def _stored(tensors: Mapping[str, Tensor], name: str, like: Tensor) -> Tensor:
    """Returns a tensor of a file of the shape and type of another one."""
    if name in tensors:
        return tensors[name].to(like.dtype)
    return unpacked(tensors[f"{name}/values"], tensors[f"{name}/scale"]).view(like.shape)


@torch.no_grad()
def contrast_latents(
    encoder: D2CEncoder, images: Float[Tensor, "images 3 64 64"], device: torch.device
) -> Float[Tensor, "images dim"]:
    """Returns the latents of avatars in [0, 1] by an encoder, flattened."""
    encoder = encoder.to(device)
    parts = smaller(images).split(500)
    return torch.cat([encoder(part.to(device).float() / 255).flatten(1).cpu() for part in parts])
