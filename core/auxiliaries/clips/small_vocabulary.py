"""Small CLIPs with their own vocabulary, such as the one for the zoo's avatars.

The file's metadata is {"architecture": "open-clip", "model": NAME}, where NAME is a configuration
in `configs/`, or the configuration itself. Configurations with a convolutional image tower and
open_clip's defaults open without open_clip, whose import takes seconds.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...checkpoints.architecture import Architecture, Example, load_network
from ...checkpoints.record import Checkpoint
from ...clip import Clip
from ...errors import CheckpointError
from ...zoo.tokens import WordTokenizer
from .building import build_clip, image_side, scale_of, stages_of
from .networks.convolutional import ConvolutionalClip, ModifiedResNet, TextSizes
from .text import word_encoder

__all__ = ["WORD_CLIP", "named_config", "new_model", "tokenizer"]

CONFIGS = Path(__file__).parent / "configs"
NAME = "open-clip"

VISION = frozenset({"image_size", "layers", "width", "head_width"})
TEXT = frozenset({"context_length", "vocab_size", "width", "heads", "layers"})
"""Keys of configurations that `ConvolutionalClip` builds; any other needs open_clip."""


@cache
def named_config(name: str) -> Mapping[str, Any]:
    """Returns a configuration of LatentSteer.

    Raises:
        CheckpointError: there is none of that name.
    """
    path = CONFIGS / f"{name}.json"
    if Path(name).name != name or not path.is_file():
        there = ", ".join(sorted(entry.stem for entry in CONFIGS.glob("*.json")))
        raise CheckpointError(f"There is no CLIP configuration {name!r}. Known: {there}.")
    return json.loads(path.read_text(encoding="utf-8"))


def new_model(config: Mapping[str, Any]) -> nn.Module:
    """Builds an untrained model, with its image tower under `visual`.

    The global random state is unchanged.
    """
    size, vision, text = (config[part] for part in ("embed_dim", "vision_cfg", "text_cfg"))
    stages = vision.get("layers")
    convolutional = isinstance(stages, list) and len(stages) == 4 and "image_size" in vision
    if not (convolutional and frozenset(vision) <= VISION and frozenset(text) == TEXT):
        parts = {"embed_dim": size, "vision_cfg": vision, "text_cfg": text}
        return build_clip(parts, quick_gelu=False)
    with torch.random.fork_rng(devices=[]):
        return ConvolutionalClip(ModifiedResNet(size, **vision), TextSizes(**text), size)


def tokenizer(config: Mapping[str, Any]) -> WordTokenizer:
    """Builds the tokenizer of a configuration's vocabulary."""
    words, neutral = tuple(config["words"]), frozenset(config["neutral"])
    return WordTokenizer(words, neutral, config["text_cfg"]["context_length"])


def _load(checkpoint: Checkpoint) -> Clip:
    model = checkpoint.config["model"]
    config = model if isinstance(model, dict) else named_config(str(model))
    network: Any = load_network(new_model(config), checkpoint)
    visual, words = network.visual, tokenizer(config)
    del network.visual
    if words.end >= network.vocab_size:
        raise CheckpointError(
            f"{checkpoint.path.name} has {network.vocab_size} tokens for {len(words.words)} words."
        )
    mean, std = (tuple(float(n) for n in config["preprocess"][key]) for key in ("mean", "std"))
    return Clip(
        name=checkpoint.path.stem,
        id=checkpoint.sha256,
        module=visual,
        embed_dim=int(config["embed_dim"]),
        image_size=image_side(visual),
        mean=(mean[0], mean[1], mean[2]),
        std=(std[0], std[1], std[2]),
        encode=lambda module, pixels: module(pixels),
        encode_texts=word_encoder(network.encode_text, words),
        stages=stages_of(visual),
        logit_scale=scale_of(network.logit_scale),
    )


TINY: Mapping[str, Any] = {
    "embed_dim": 4,
    "vision_cfg": {"image_size": 32, "layers": [1, 1, 1, 1], "width": 2, "head_width": 64},
    "text_cfg": {"context_length": 6, "vocab_size": 5, "width": 4, "heads": 1, "layers": 1},
    "preprocess": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
    "words": ["a", "red", "blue"],
    "neutral": ["a"],
}


def _example() -> Example:
    model: Any = new_model(TINY)
    visual = model.visual
    del model.visual
    return Example({"": model, "visual.": visual}, {"architecture": NAME, "model": dict(TINY)})


WORD_CLIP: Architecture[Clip] = Architecture(
    id=NAME,
    needs=f'metadata with the architecture "{NAME}" and a model',
    recognises=lambda checkpoint: (
        checkpoint.config.get("architecture") == NAME and "model" in checkpoint.config
    ),
    load=_load,
    examples=(_example,),
)
