"""ImageReward (arXiv 2304.05977), from its published file and BERT's word pieces beside it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...auxiliary import Reward
from ...checkpoints.architecture import Architecture, Example, all_of, load_network
from ...checkpoints.record import Checkpoint
from ...errors import CheckpointError, ConditionMismatch
from ..clips.openclip import OPENAI
from ..clips.text import quoted
from .networks.blip import BlipScorer, BlipText, BlipVision
from .pixels import reward_pixels

__all__ = ["IMAGE_REWARD"]

MEAN, STD = 0.16717362830052426, 1.0333394966054072
"""Of scores in training, by which they are standardised."""
CONTEXT = 35
"""Tokens of a prompt."""
HEAD_WIDTH = 64
"""Width of each attention head, in BERT and in ViT-L/16."""
VOCABULARIES = ("vocab.txt", "bert-base-uncased-vocab.txt")
VISION, TEXT = "blip.visual_encoder.", "blip.text_encoder."


def _depth(tensors: Mapping[str, Tensor], pattern: str) -> int:
    found = [int(m[1]) for name in tensors if (m := re.match(pattern, name))]
    return max(found, default=-1) + 1


def _network(tensors: Mapping[str, Tensor]) -> BlipScorer:
    width, _, patch, _ = tensors[f"{VISION}patch_embed.proj.weight"].shape
    vision = BlipVision(
        width,
        _depth(tensors, rf"{re.escape(VISION)}blocks\.(\d+)\."),
        max(1, width // HEAD_WIDTH),
        patch,
        tensors[f"{VISION}pos_embed"].shape[1],
        tensors[f"{VISION}blocks.0.mlp.fc1.weight"].shape[0],
    )
    words, own = tensors[f"{TEXT}embeddings.word_embeddings.weight"].shape
    text = BlipText(
        words,
        tensors[f"{TEXT}embeddings.position_embeddings.weight"].shape[0],
        own,
        width,
        _depth(tensors, rf"{re.escape(TEXT)}encoder\.layer\.(\d+)\."),
        max(1, own // HEAD_WIDTH),
        tensors[f"{TEXT}encoder.layer.0.intermediate.dense.weight"].shape[0],
    )
    layers = [tensors[f"mlp.layers.{n}.weight"].shape for n in BlipScorer.NUMBERS]
    return BlipScorer(vision, text, (layers[0][1], *(shape[0] for shape in layers)))


def _load(checkpoint: Checkpoint) -> Reward:
    kept = {n: t for n, t in checkpoint.tensors.items() if not n.endswith("position_ids")}
    network = load_network(_network(kept), replace(checkpoint, tensors=kept))
    patch, tokens = kept[f"{VISION}patch_embed.proj.weight"].shape[-1], kept[f"{VISION}pos_embed"]
    side = round((tokens.shape[1] - 1) ** 0.5) * patch

    def score(images: Tensor, said: Tensor) -> Tensor:
        pixels = reward_pixels(images, side, *OPENAI)
        ids, there = said.long().expand(len(images), -1, -1).unbind(dim=1)
        return (network(pixels, ids, there) - MEAN) / STD

    return Reward(
        name=checkpoint.path.stem,
        id=checkpoint.sha256,
        kind="ImageReward",
        modules=(network,),
        score=score,
        encode=_encoder(checkpoint.path),
    )


def _encoder(path: Path) -> Callable[[str], tuple[Tensor, tuple[str, ...]]]:
    """Word pieces and their mask, as a float tensor (1, 2, tokens)."""
    tokenizers: list[Any] = []

    def encode(prompt: str) -> tuple[Tensor, tuple[str, ...]]:
        if not tokenizers:
            tokenizers.append(_tokenizer(path))
        found = tokenizers[0].encode(prompt)
        cut = sum(len(one.ids) - 2 for one in found.overflowing)
        notes = (f"{quoted(prompt)} is {cut} tokens too long for ImageReward.",) if cut else ()
        return torch.tensor([[found.ids, found.attention_mask]], dtype=torch.float32), notes

    return encode


def _tokenizer(path: Path) -> Any:  # noqa: ANN401
    file = next((path.parent / n for n in VOCABULARIES if (path.parent / n).is_file()), None)
    if file is None:
        raise ConditionMismatch(
            f"{path.name} needs the word pieces of bert-base-uncased, and nothing is downloaded "
            f"here. Put that model's vocab.txt into {path.parent}."
        )
    from tokenizers import BertWordPieceTokenizer

    words = file.read_text(encoding="utf-8").splitlines()
    if not {"[CLS]", "[SEP]", "[PAD]", "[UNK]"} <= set(words):
        raise CheckpointError(f"{file} is no vocabulary of BERT: it has no [CLS]. Fetch it again.")
    numbers = {word: number for number, word in enumerate(words)}
    made = BertWordPieceTokenizer(vocab=numbers, lowercase=True)
    made.enable_truncation(CONTEXT)
    made.enable_padding(length=CONTEXT, pad_id=numbers["[PAD]"])
    return made


def _example() -> Example:
    vision = BlipVision(64, 1, 1, 4, 5, 24)
    return Example(
        {"": BlipScorer(vision, BlipText(12, 40, 64, 64, 1, 1, 24), (64, 6, 5, 4, 3, 1))}, {}
    )


IMAGE_REWARD: Architecture[Reward] = Architecture(
    id="image-reward",
    needs="`blip.visual_encoder.pos_embed`, `blip.text_encoder...` and `mlp.layers.0.weight`",
    recognises=all_of(
        f"{VISION}pos_embed", f"{TEXT}embeddings.word_embeddings.weight", "mlp.layers.0.weight"
    ),
    load=_load,
    examples=(_example,),
)
