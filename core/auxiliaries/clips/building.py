"""Builds CLIPs with open_clip from a configuration, without weights or downloads."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import CheckpointError, InvalidInput
from .fast_attention import hold_sequence_first, read_class_token_alone

__all__ = [
    "build_clip",
    "configuration",
    "image_side",
    "scale_of",
    "stages_of",
]

Config = Mapping[str, Any]


def configuration(name: str) -> Config:
    """Returns open_clip's configuration of a name.

    Raises:
        InvalidInput: open_clip has no such configuration.
    """
    import open_clip

    config = open_clip.get_model_config(name) if ":" not in name else None
    if config is None:
        there = ", ".join(open_clip.list_models())
        raise InvalidInput(f"open_clip has no architecture {name!r}. Known: auto, {there}.")
    return config


def build_clip(config: Config, *, quick_gelu: bool, device: str = "cpu") -> nn.Module:
    """Builds an untrained model in float32; the global random state is unchanged.

    Its image tower runs sequence first (`hold_sequence_first`) and computes its last block for the
    class token alone (`read_class_token_alone`): the results are the same, but sooner.

    Args:
        config: `embed_dim`, `vision_cfg`, `text_cfg` and other constructor arguments of open_clip.
        quick_gelu: whether the transformers' activation is x * sigmoid(1.702 x).
        device: "meta" for shapes alone.

    Raises:
        CheckpointError: the text tower is another library's, or the model is also a captioner.
    """
    from open_clip.model import CLIP, CustomTextCLIP

    if tower := config["text_cfg"].get("hf_model_name"):
        raise CheckpointError(
            f"The text tower of this architecture is {tower!r} on the Hugging Face hub, and "
            "nothing is downloaded here. Use a transformers folder, or an architecture with "
            "open_clip's own text tower."
        )
    if "multimodal_cfg" in config:
        raise CheckpointError(
            "CoCa architectures are not supported. Use a CLIP or a SigLIP, and BLIP for captions."
        )
    own = {"custom_text", "quick_gelu"}
    parts = {name: part for name, part in config.items() if name not in own}
    kind = CustomTextCLIP if config.get("custom_text") else CLIP
    # The constructor draws initial weights from the global stream.
    with torch.random.fork_rng(devices=[]), torch.device(device):
        model = kind(**parts, quick_gelu=quick_gelu)
    hold_sequence_first(model.visual)
    read_class_token_alone(model.visual)
    return model


def image_side(visual: nn.Module) -> int:
    """Returns the side of the square images that an open_clip image tower takes.

    Raises:
        CheckpointError: its images are not square.
    """
    size: Any = getattr(visual, "image_size", None)
    sides = {int(side) for side in (size if isinstance(size, list | tuple) else (size,))}
    if len(sides) != 1:
        raise CheckpointError(f"The image tower takes images of {size}; expected a square.")
    return sides.pop()


def scale_of(logarithm: Tensor | None) -> float | None:
    """Returns the factor on cosines from the stored logarithm, or None without one."""
    return None if logarithm is None else float(logarithm.detach().float().exp())


def stages_of(visual: nn.Module) -> Callable[[nn.Module, Tensor], tuple[Tensor, ...]] | None:
    """Returns a function to a ModifiedResNet's feature maps (stem, layers 1 to 3), else None."""
    if not all(hasattr(visual, name) for name in ("stem", "layer1", "layer2", "layer3")):
        return None

    def stages(module: Any, pixels: Tensor) -> tuple[Tensor, ...]:  # noqa: ANN401
        maps = [module.stem(pixels)]
        for layer in (module.layer1, module.layer2, module.layer3):
            maps.append(layer(maps[-1]))
        return tuple(maps)

    return stages
