"""Loads CLIPs and SigLIPs of the transformers library from model folders."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ...checkpoints.weights import if_usable
from ...clip import Clip, Texts
from ...errors import CheckpointError, ConditionMismatch
from ..transformers_folder import Folder
from .building import scale_of
from .fast_attention import hold_sequence_first
from .networks.towers import ImageTower, PatchedImageTower, TextTower
from .openclip import HALVES, OPENAI
from .text import bpe_encoder, knows

__all__ = ["CLIPS", "REFUSED", "load_transformers_clip"]

REFUSED = {
    "clip_text_model": "holds a text encoder alone; f must look at images. Use the whole CLIP.",
}
"""Unsupported model types, each with its reason."""


@dataclass(frozen=True)
class Kind:
    """A supported model type.

    Attributes:
        model: class name in transformers.
        siglip: whether it is a SigLIP: no projections, colours in [-1, 1], padded texts.
        text: whether it has a text tower.
        patched: whether it takes patches instead of pixels.
    """

    model: str
    siglip: bool = False
    text: bool = True
    patched: bool = False


CLIPS: Mapping[str, Kind] = {
    "clip": Kind("CLIPModel"),
    "clip_vision_model": Kind("CLIPVisionModelWithProjection", text=False),
    "siglip": Kind("SiglipModel", siglip=True),
    "siglip_vision_model": Kind("SiglipVisionModel", siglip=True, text=False),
    "siglip2": Kind("Siglip2Model", siglip=True, patched=True),
    "siglip2_vision_model": Kind("Siglip2VisionModel", siglip=True, text=False, patched=True),
}


def load_transformers_clip(folder: Folder) -> Clip:
    """Opens a folder whose model type is in CLIPS.

    Raises:
        CheckpointError: weights are missing or do not fit, or the towers' widths differ.
    """
    import transformers

    kind = CLIPS[folder.config["model_type"]]
    tensors = folder.tensors()
    _check_widths(folder, tensors, kind)
    model = folder.model(getattr(transformers, kind.model))
    vision = model.config.vision_config if kind.text else model.config
    side = _side(vision, kind)
    mean, std = folder.colours(*(HALVES if kind.siglip else OPENAI))
    # CLIP's own attention copies nothing; SigLIP's pooling is PyTorch's attention.
    body = hold_sequence_first(getattr(model, "vision_model", model))
    projection = getattr(model, "visual_projection", None)
    tower = PatchedImageTower(body, vision.patch_size) if kind.patched else None
    return Clip(
        name=folder.name,
        id=folder.id(),
        module=(tower or ImageTower(body, projection)).eval(),
        embed_dim=int(vision.hidden_size if projection is None else projection.out_features),
        image_size=side,
        mean=mean,
        std=std,
        encode=lambda module, pixels: module(pixels),
        encode_texts=_texts(folder, model, kind) if kind.text else None,
        logit_scale=scale_of(if_usable(lambda: tensors.get("logit_scale"))),
    )


def _side(vision: Any, kind: Kind) -> int:  # noqa: ANN401
    if not kind.patched:
        return int(vision.image_size)
    # The grid that the position embeddings were trained on.
    return int(vision.num_patches**0.5) * int(vision.patch_size)


def _check_widths(folder: Folder, tensors: Mapping[str, Tensor], kind: Kind) -> None:
    if not kind.text:
        return
    heads = (
        ("vision_model.post_layernorm.weight", "text_model.head.weight")
        if kind.siglip
        else ("visual_projection.weight", "text_projection.weight")
    )
    if missing := [name for name in heads if name not in tensors]:
        raise CheckpointError(
            f"{folder.name} has no {missing[0]}: without it images and texts share no space, as "
            "with the text encoder of Stable Diffusion 1. Use a whole CLIP or SigLIP."
        )
    images, texts = (tensors[name].shape[0] for name in heads)
    if images != texts:
        raise CheckpointError(
            f"{folder.name} is not a CLIP: images become {images} numbers and texts {texts}. Take "
            "both towers from one model."
        )


def _texts(folder: Folder, model: Any, kind: Kind) -> Callable[[Sequence[str]], Texts]:  # noqa: ANN401
    tokenizer = folder.tokenizer()
    if tokenizer is None:

        def refuse(prompts: Sequence[str]) -> Texts:
            raise ConditionMismatch(
                f"The folder {folder.name} has no tokenizer. Put its tokenizer.json and "
                "tokenizer_config.json there."
            )

        return refuse
    projection: nn.Module | None = getattr(model, "text_projection", None)
    tower = TextTower(model.text_model, projection).eval()
    context = int(model.config.text_config.max_position_embeddings)

    def embed(prompts: list[str]) -> Tensor:
        tokens = tokenizer(
            prompts,
            padding="max_length",
            truncation=True,
            max_length=context,
            return_tensors="pt",
        )
        # SigLIP was trained on padded texts without a mask.
        taken = ("input_ids",) if kind.siglip else ("input_ids", "attention_mask")
        return tower(**{name: tokens[name] for name in taken})

    return bpe_encoder(
        embed,
        lambda text: len(tokenizer(text, verbose=False).input_ids),
        context,
        lambda word: knows(tokenizer, word),
    )
