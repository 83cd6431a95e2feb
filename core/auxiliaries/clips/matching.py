"""Detects which open_clip architecture a file of weights fits."""

import json
import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ...checkpoints.record import Checkpoint
from ...errors import CheckpointError
from .building import Config, build_clip, configuration

__all__ = ["has_text", "is_openai", "matching_names", "openclip_prefix", "own_tensors"]

BEFORE_VISUAL = re.compile(r"((?:\w+\.)*?)visual\.")
SCALES = ("logit_scale", "logit_bias")
"""Parameters of the training loss; embeddings do not need them."""
CONSTANTS = ("input_resolution", "context_length", "vocab_size")
"""Sizes that OpenAI's archives store as one-element tensors."""
COMPILED = "_orig_mod."
"""Prefix that torch.compile adds to the names of a submodule."""
LEFT_OUT = frozenset((*SCALES, *CONSTANTS))
SHOWN = 12


def openclip_prefix(checkpoint: Checkpoint) -> str | None:
    """Returns the name prefix, such as `state_dict.module.`, or None without an open_clip model.

    Raises:
        CheckpointError: the file holds several models.
    """
    found = {
        match[1] for name in checkpoint.tensors if (match := BEFORE_VISUAL.match(name)) is not None
    }
    # Optimisers name their state after the parameters too.
    found = {prefix for prefix in found if "optim" not in prefix}
    if len(found) > 1:
        raise CheckpointError(
            f"{checkpoint.path.name} holds {len(found)} models, under "
            f"{', '.join(repr(prefix) for prefix in sorted(found))}. Save one of them alone."
        )
    return found.pop() if found else None


def own_tensors(checkpoint: Checkpoint, prefix: str) -> dict[str, Tensor]:
    """Returns the model's tensors without their prefix and without the loss's parameters."""
    names = {
        name.removeprefix(prefix).replace(COMPILED, ""): name
        for name in checkpoint.tensors
        if name.startswith(prefix)
    }
    return {own: checkpoint.tensors[name] for own, name in names.items() if own not in LEFT_OUT}


def is_openai(checkpoint: Checkpoint) -> bool:
    """Whether a state dict is from one of OpenAI's archives, which alone hold these sizes."""
    prefix = openclip_prefix(checkpoint)
    return all(f"{prefix}{name}" in checkpoint.tensors for name in CONSTANTS)


def has_text(tensors: Mapping[str, Tensor]) -> bool:
    """Whether there is more than an image tower."""
    return any(not name.startswith("visual.") for name in tensors)


def matching_names(
    tensors: Mapping[str, Tensor], *, exact: bool, among: Sequence[str]
) -> list[str]:
    """Returns the names of the architectures with tensors of these names and shapes.

    Args:
        tensors: tensors, without prefix.
        exact: whether the architecture must have all of them, rather than only the reverse.
        among: names of the architectures to try.

    Raises:
        CheckpointError: none fits, or several that compute different outputs.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    text = has_text(tensors)
    near = [name for name in among if _possible(configuration(name), shapes)]
    fitting = [name for name in near if _fits(configuration(name), shapes, text, exact)]
    if not fitting:
        offer = ", ".join(near[:SHOWN]) or "none of the same sizes"
        raise CheckpointError(
            "These weights fit no architecture of open_clip exactly. Nearest: "
            f"{offer}. Choose one as `architecture`, or make sure that the file is complete."
        )
    if len({_computes(configuration(name), text) for name in fitting}) > 1:
        raise CheckpointError(
            "These weights fit several architectures of open_clip, whose differences the tensors "
            f"do not show: {', '.join(fitting)}. Choose one as `architecture`."
        )
    return fitting


def _computes(config: Config, text: bool) -> str:
    """Returns a key for what an architecture computes, except for the activation."""
    parts = ("embed_dim", "vision_cfg", *(("text_cfg",) if text else ()))
    return json.dumps([config[part] for part in parts], sort_keys=True)


def _possible(config: Config, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether the sizes that need no built model agree."""
    if "multimodal_cfg" in config or "hf_model_name" in config["text_cfg"]:
        return False
    if ("timm_model_name" in config["vision_cfg"]) != _has(shapes, "visual.trunk."):
        return False
    text = "text." if config.get("custom_text") else ""
    said = config["text_cfg"]
    width = said.get("width", 512)
    sizes = {
        f"{text}token_embedding.weight": (said.get("vocab_size", 49408), width),
        f"{text}ln_final.weight": (width,),
    }
    if _has(shapes, "text.") != bool(text) and not _only_visual(shapes):
        return False
    if not isinstance(config["vision_cfg"].get("layers", 12), list) and not _has(
        shapes, "visual.trunk."
    ):
        sizes["visual.proj"] = (config["vision_cfg"].get("width", 768), config["embed_dim"])
    return all(shapes.get(name, size) == size for name, size in sizes.items())


def _has(shapes: Mapping[str, tuple[int, ...]], prefix: str) -> bool:
    return any(name.startswith(prefix) for name in shapes)


def _only_visual(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    return all(name.startswith("visual.") for name in shapes)


def _fits(config: Config, shapes: Mapping[str, tuple[int, ...]], text: bool, exact: bool) -> bool:
    """Whether a model of the configuration, built on the meta device, has these tensors."""
    with torch.no_grad():
        model = build_clip(config, quick_gelu=False, device="meta")
    built = {
        name: tuple(tensor.shape)
        for name, tensor in model.state_dict().items()
        if name not in SCALES and (text or name.startswith("visual."))
    }
    counters = {name for name in built if name.endswith("num_batches_tracked")}
    there = {name: shape for name, shape in shapes.items() if name in built}
    if any(built[name] != shape for name, shape in there.items()):
        return False
    return built.keys() - counters <= there.keys() and (not exact or shapes.keys() == there.keys())
