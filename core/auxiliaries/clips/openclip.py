"""Loads CLIPs and SigLIPs of open_clip, and OpenAI's archives, each from one local file."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from torch import Tensor

from ...checkpoints.architecture import Architecture, load_network
from ...checkpoints.record import Checkpoint
from ...checkpoints.weights import if_usable
from ...clip import Clip, Texts
from ...errors import CheckpointError, ConditionMismatch, InvalidInput
from .building import (
    Config,
    build_clip,
    configuration,
    image_side,
    scale_of,
    stages_of,
)
from .matching import has_text, is_openai, matching_names, openclip_prefix, own_tensors
from .settings import Activation, architectures
from .text import bpe_encoder, knows

__all__ = ["OPENAI", "OPEN_CLIP", "load_configured", "load_open_clip"]

Colours: TypeAlias = tuple[float, float, float]
OPENAI: tuple[Colours, Colours] = (
    (0.48145466, 0.4578275, 0.40821073),
    (0.26862954, 0.26130258, 0.27577711),
)
"""Mean and standard deviation of the colour channels of OpenAI's training images."""
HALVES: tuple[Colours, Colours] = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


@dataclass(frozen=True)
class Recipe:
    """Specification of a model to build.

    Attributes:
        config: open_clip configuration.
        quick_gelu: whether the activation is QuickGELU.
        colours: mean and standard deviation of the colour channels.
    """

    config: Config
    quick_gelu: bool
    colours: tuple[Colours, Colours]


def load_open_clip(
    checkpoint: Checkpoint, *, architecture: str = "auto", activation: Activation = "auto"
) -> Clip:
    """Opens an open_clip file, or a TorchScript archive of OpenAI.

    Args:
        checkpoint: a whole model, or its image tower alone under `visual.`.
        architecture: an open_clip name, or "auto" to detect it from the tensors.
        activation: "auto" uses QuickGELU for TorchScript archives (OpenAI's), for their state
            dicts, and for architectures whose name ends in quickgelu.

    Raises:
        CheckpointError: no architecture fits, several do, or the towers' widths differ.
        InvalidInput: the architecture or activation is unknown.
    """
    if activation not in ("auto", "quickgelu", "gelu"):
        raise InvalidInput(f"Activation {activation!r}; expected auto, quickgelu or gelu.")
    tensors = own_tensors(checkpoint, openclip_prefix(checkpoint) or "")
    _check_widths(checkpoint, tensors)
    openai = checkpoint.script or is_openai(checkpoint)
    names = [architecture]
    try:
        if architecture == "auto":
            names = matching_names(tensors, exact=not checkpoint.script, among=architectures())
        configs = [configuration(name) for name in names]
        quick = {
            "quickgelu": True,
            "gelu": False,
            "auto": openai or all(config.get("quick_gelu") for config in configs),
        }[activation]
        recipe = Recipe(configs[0], quick, _colours(names))
        # The same weights with another activation are another model.
        ending = "" if quick == checkpoint.script else ("-quickgelu" if quick else "-gelu")
        return _loaded(checkpoint, tensors, recipe, ending)
    except CheckpointError as error:
        raise CheckpointError(f"{checkpoint.path.name}: {error}") from error


def load_configured(
    checkpoint: Checkpoint, config: Config, colours: tuple[Colours, Colours] | None
) -> Clip:
    """Opens weights that come with an open_clip configuration.

    Raises:
        CheckpointError: they do not fit it.
    """
    tensors = own_tensors(checkpoint, openclip_prefix(checkpoint) or "")
    _check_widths(checkpoint, tensors)
    quick = bool(config.get("quick_gelu", False))
    return _loaded(checkpoint, tensors, Recipe(config, quick, colours or OPENAI), "")


def _loaded(
    checkpoint: Checkpoint, tensors: Mapping[str, Tensor], recipe: Recipe, ending: str
) -> Clip:
    from open_clip.model import convert_to_custom_text_state_dict

    model: Any = build_clip(recipe.config, quick_gelu=recipe.quick_gelu)
    text = has_text(tensors)
    if hasattr(model, "text"):
        tensors = convert_to_custom_text_state_dict(dict(tensors))
    if checkpoint.script:
        # Archives also store plain attributes, such as masks and sizes.
        known = model.state_dict()
        tensors = {name: tensor for name, tensor in tensors.items() if name in known}
    visual = model.visual
    scale = f"{openclip_prefix(checkpoint)}logit_scale"
    if text:
        scales = {
            n: t for n, t in model.state_dict().items() if n in ("logit_scale", "logit_bias")
        }
        load_network(model, replace(checkpoint, tensors={**tensors, **scales}))
        del model.visual
    else:
        load_network(visual, replace(checkpoint, tensors=tensors), "visual.")
    return Clip(
        name=checkpoint.path.stem,
        id=checkpoint.sha256 + ending,
        module=visual,
        embed_dim=int(recipe.config["embed_dim"]),
        image_size=image_side(visual),
        mean=recipe.colours[0],
        std=recipe.colours[1],
        encode=lambda module, pixels: module(pixels),
        encode_texts=_texts(checkpoint.path, model, recipe.config) if text else None,
        stages=stages_of(visual),
        logit_scale=scale_of(if_usable(lambda: checkpoint.tensors.get(scale))),
    )


def _check_widths(checkpoint: Checkpoint, tensors: Mapping[str, Tensor]) -> None:
    images = tensors.get("visual.proj")
    texts = tensors.get("text_projection", tensors.get("text.text_projection"))
    if images is None or texts is None or images.ndim != 2 or texts.ndim != 2:
        return
    if images.shape[1] != texts.shape[1]:
        raise CheckpointError(
            f"{checkpoint.path.name} is not a CLIP: images become {images.shape[1]} numbers and "
            f"texts {texts.shape[1]}. Take both towers from one model."
        )


def _colours(names: Sequence[str]) -> tuple[Colours, Colours]:
    """Returns the colours of open_clip's official weights if they agree, else usual ones."""
    from open_clip.pretrained import get_pretrained_cfg, list_pretrained_tags_by_model

    entries = [
        get_pretrained_cfg(name, tag)
        for name in names
        for tag in list_pretrained_tags_by_model(name)
    ]
    found: set[Any] = {(tuple(entry["mean"]), tuple(entry["std"])) for entry in entries}
    if len(found) == 1:
        return found.pop()
    return HALVES if any("siglip" in name.lower() for name in names) else OPENAI


def _texts(path: Path, model: Any, config: Config) -> Callable[[Sequence[str]], Texts]:  # noqa: ANN401
    said = config["text_cfg"]
    context = int(said.get("context_length", 77))
    options = dict(said.get("tokenizer_kwargs") or {})
    if name := said.get("hf_tokenizer_name"):
        return _hub_texts(path, name, model, said, context)
    from open_clip.tokenizer import SimpleTokenizer

    tokenizer = SimpleTokenizer(context_length=context, **options)
    return bpe_encoder(
        lambda prompts: model.encode_text(tokenizer(prompts)),
        lambda text: len(tokenizer.encode(text)) + 2,
        context,
    )


def _hub_texts(
    path: Path,
    name: str,
    model: Any,  # noqa: ANN401
    said: Mapping[str, Any],
    context: int,
) -> Callable[[Sequence[str]], Texts]:
    folder = path.parent
    if not any((folder / file).is_file() for file in ("tokenizer.json", "tokenizer_config.json")):

        def refuse(prompts: Sequence[str]) -> Texts:
            raise ConditionMismatch(
                f"The text tower of {path.name} needs the tokenizer {name!r}, and nothing is "
                f"downloaded here. Put its tokenizer.json and tokenizer_config.json into {folder}."
            )

        return refuse
    from open_clip.tokenizer import HFTokenizer

    tokenizer: Any = HFTokenizer(
        str(folder),
        context_length=context,
        tokenizer_mode=said.get("tokenizer_mode"),
        **(said.get("tokenizer_kwargs") or {}),
        local_files_only=True,
        trust_remote_code=False,
    )
    return bpe_encoder(
        lambda prompts: model.encode_text(tokenizer(prompts)),
        lambda text: len(tokenizer.tokenizer(tokenizer.clean_fn(text)).input_ids),
        context,
        lambda word: knows(tokenizer.tokenizer, tokenizer.clean_fn(word)),
    )


def _recognises(checkpoint: Checkpoint) -> bool:
    # LatentSteer's own files declare an architecture and are opened by small_vocabulary.
    return "architecture" not in checkpoint.config and openclip_prefix(checkpoint) is not None


OPEN_CLIP: Architecture[Clip] = Architecture(
    id="open_clip",
    needs="names that begin with `visual.`, of a CLIP or SigLIP of open_clip or OpenAI",
    recognises=_recognises,
    load=load_open_clip,
    examples=(),
)
