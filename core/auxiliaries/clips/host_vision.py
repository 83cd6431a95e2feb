"""Builds a CLIP's image tower from tensors that the host has loaded."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from ...checkpoints.architecture import load_network
from ...checkpoints.record import Checkpoint
from ...clip import Clip
from ...errors import CheckpointError, ConditionMismatch
from .networks.vision import ACTIVATIONS, ClipVisionNetwork
from .settings import VisionSettings

__all__ = ["vision_clip", "with_texts"]

SAME = 0.99
"""Cosine above which two embeddings of one image are taken to share their weights."""


def vision_clip(name: str, tensors: Mapping[str, Tensor], settings: VisionSettings) -> Clip:
    """Builds a CLIP without a text encoder from clones of the tensors.

    Args:
        name: display name.
        tensors: tensors under the names of transformers' CLIPVisionModelWithProjection.
        settings: settings that the tensors leave open.

    Raises:
        CheckpointError: not a CLIP with a projection, e.g. DINOv2, or SigLIP without its pooling.
    """
    known = ("vision_model.", "visual_projection.")
    own = {key: value.detach().cpu().clone() for key, value in tensors.items()}
    own = {key: value for key, value in own.items() if key.startswith(known)}
    needed = ("visual_projection.weight", "vision_model.embeddings.class_embedding")
    if missing := [key for key in needed if key not in own]:
        raise CheckpointError(
            f"{name!r} has no {missing[0]}, so its images share no space with texts "
            "(ComfyUI's SigLIP and DINO lack their pooling). Load a CLIP: ViT-L, ViT-H or "
            "ViT-bigG."
        )
    if settings.activation not in ACTIVATIONS:
        raise CheckpointError(
            f"{name!r} has the activation {settings.activation!r}; known: "
            f"{', '.join(ACTIVATIONS)}."
        )
    try:
        network = _network(own, settings)
    except (KeyError, ValueError) as error:
        raise CheckpointError(f"{name!r} is not a CLIP vision transformer: {error!r}.") from error
    checkpoint = Checkpoint(Path(name), own, _digest(own))
    network = load_network(network, checkpoint)
    return Clip(
        name=name,
        id=checkpoint.sha256,
        module=network,
        embed_dim=own["visual_projection.weight"].shape[0],
        image_size=settings.image_size,
        mean=settings.mean,
        std=settings.std,
        encode=lambda module, pixels: module(pixels),
    )


def with_texts(images: Clip, whole: Clip) -> Clip:
    """Combines the image tower of one CLIP with the text tower of another.

    Raises:
        ConditionMismatch: they are not towers of the same CLIP.
    """
    cure = (
        f"Choose as file the CLIP whose image tower {images.name!r} is, or disconnect clip_vision."
    )
    if images.embed_dim != whole.embed_dim:
        raise ConditionMismatch(
            f"{images.name!r} makes {images.embed_dim} numbers of an image and {whole.name!r} "
            f"{whole.embed_dim} of a text: they belong to different CLIPs. {cure}"
        )
    # Equal widths prove little: OpenAI's and LAION's ViT-L-14 have the same.
    ramp = torch.linspace(0, 1, 64)
    probe = torch.stack([ramp[:, None] * ramp, ramp[:, None].expand(64, 64), ramp.expand(64, 64)])
    with torch.no_grad():
        one, other = (_placed(probe[None], clip) for clip in (images, whole))
    if float(functional.cosine_similarity(one, other)) < SAME:
        raise ConditionMismatch(
            f"{images.name!r} and {whole.name!r} embed the same image differently: they belong to "
            f"different CLIPs. {cure}"
        )
    return replace(images, encode_texts=whole.encode_texts, logit_scale=whole.logit_scale)


def _placed(image: Tensor, clip: Clip) -> Tensor:
    weight = next(clip.module.parameters())
    return clip.embed(image.to(weight.device)).cpu()


def _network(own: Mapping[str, Tensor], settings: VisionSettings) -> ClipVisionNetwork:
    embeddings = "vision_model.embeddings."
    width, _, patch, _ = own[f"{embeddings}patch_embedding.weight"].shape
    layers = "vision_model.encoder.layers."
    inside = [key.removeprefix(layers) for key in own if key.startswith(layers)]
    return ClipVisionNetwork(
        width=width,
        patch=patch,
        places=own[f"{embeddings}position_embedding.weight"].shape[0],
        layers=len({key.split(".")[0] for key in inside}),
        heads=settings.heads,
        hidden=own[f"{layers}0.mlp.fc1.weight"].shape[0],
        act=settings.activation,
        embed=own["visual_projection.weight"].shape[0],
    )


def _digest(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for key in sorted(tensors):
        value = tensors[key]
        digest.update(f"{key} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
