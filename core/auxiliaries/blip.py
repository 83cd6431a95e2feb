"""BLIP and BLIP-2, captioners of the transformers library, loaded from model folders."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..captioner import Captioner, Decoding
from ..errors import CheckpointError
from .clips.openclip import OPENAI
from .transformers_folder import Folder

__all__ = ["CAPTIONERS", "load_captioner"]

CAPTIONERS: Mapping[str, str] = {
    "blip": "BlipForConditionalGeneration",
    "blip-2": "Blip2ForConditionalGeneration",
}
"""Model type to its class in transformers."""


def load_captioner(folder: Folder) -> Captioner:
    """Opens a folder whose model type is in CAPTIONERS.

    Raises:
        CheckpointError: weights are missing or do not fit, or there is no tokenizer.
    """
    import transformers

    kind = folder.config["model_type"]
    tokenizer = folder.tokenizer()
    if tokenizer is None:
        raise CheckpointError(
            f"The folder {folder.name} has no tokenizer, so its captions cannot be read. Put its "
            "tokenizer.json and tokenizer_config.json there."
        )
    model = folder.model(getattr(transformers, CAPTIONERS[kind]))
    mean, std = folder.colours(*OPENAI)
    write = _blip(tokenizer) if kind == "blip" else _blip2(tokenizer)
    return Captioner(
        name=folder.name,
        id=folder.id(),
        module=model,
        image_size=int(model.config.vision_config.image_size),
        mean=mean,
        std=std,
        write=write,
    )


def _options(decoding: Decoding, start: int) -> dict[str, Any]:
    """Returns arguments for `generate` after `start` prompt tokens; decoding is deterministic."""
    return {
        "do_sample": False,
        "num_beams": decoding.beams,
        "max_new_tokens": max(1, decoding.max_length - start),
        "min_new_tokens": max(0, decoding.min_length - start),
        "repetition_penalty": float(decoding.repetition_penalty),
    }


def _blip(tokenizer: Any) -> Callable[[nn.Module, Tensor, Decoding], list[str]]:  # noqa: ANN401
    def write(module: nn.Module, pixels: Tensor, decoding: Decoding) -> list[str]:
        model: Any = module
        row = tokenizer(decoding.prompt, return_tensors="pt").input_ids.to(pixels.device)
        # The model replaces the first token by its own start token and drops the last one.
        found = model.generate(
            pixel_values=pixels,
            input_ids=row.repeat(len(pixels), 1),
            **_options(decoding, row.shape[1] - 1),
        )
        return tokenizer.batch_decode(found, skip_special_tokens=True)

    return write


def _blip2(tokenizer: Any) -> Callable[[nn.Module, Tensor, Decoding], list[str]]:  # noqa: ANN401
    def write(module: nn.Module, pixels: Tensor, decoding: Decoding) -> list[str]:
        model: Any = module
        config = model.config
        image = config.image_token_id if hasattr(config, "image_token_id") else None
        image = config.image_token_index if image is None else image
        said = tokenizer(decoding.prompt.strip(), return_tensors="pt").input_ids
        places = torch.full((1, config.num_query_tokens), int(image), dtype=torch.long)
        row = torch.cat([places, said], dim=1).to(pixels.device)
        both = model.language_model.config.is_encoder_decoder
        found = model.generate(
            pixel_values=pixels,
            input_ids=row.repeat(len(pixels), 1),
            **_options(decoding, 0 if both else said.shape[1]),
        )
        # Decoder-only models return the prompt too, with one token per image position.
        found = found if both else found[:, row.shape[1] :]
        return tokenizer.batch_decode(found, skip_special_tokens=True)

    return write
