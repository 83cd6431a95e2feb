"""What of ComfyUI's models can be differentiated, and what fits together; the rest is refused."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..core.errors import InvalidInput

if TYPE_CHECKING:
    comfy: Any
elif "folder_paths" in sys.modules:  # ComfyUI imports it before any custom node
    import comfy.model_base

__all__ = [
    "check_conditioning",
    "check_families",
    "check_size",
    "differentiable",
    "sampling_notes",
    "sockets",
]

HOST_ONLY = "control", "gligen", "hooks"
"""Parts of a conditioning with networks or weights of their own."""
CURES = {
    "control": "its ControlNet is a network of its own. Remove Apply ControlNet",
    "gligen": "its GLIGEN is a network of its own. Remove it",
    "hooks": "its hooks change weights while the model runs. Load LoRAs by Load LoRA instead",
}
WIDTHS = ("context_dim", "context_in_dim", "caption_channels", "cap_feat_dim")
"""Names of the width of a model's text features, in ComfyUI's configurations."""


def sockets() -> None:
    """Checks that the host has models of its own.

    Raises:
        InvalidInput: it is the stand-in host.
    """
    if "folder_paths" not in sys.modules:
        raise InvalidInput(
            "Only ComfyUI has MODEL and VAE, which its own loaders make. Run this workflow in "
            "ComfyUI, or open a generator by Load Generator."
        )


def differentiable(patcher: Any, what: str) -> Any:  # noqa: ANN401
    """Returns a patcher whose network can be differentiated: itself, or one that ComfyUI gives.

    Args:
        patcher: ComfyUI's.
        what: its name in messages.

    Raises:
        InvalidInput: weights that are streamed, several GPUs, or a compiled network.
    """
    if getattr(patcher, "is_dynamic", lambda: False)():
        try:
            patcher = patcher.get_non_dynamic_delegate()
        except RuntimeError as error:
            raise InvalidInput(
                f"The {what} streams its weights (dynamic VRAM), and ComfyUI cannot load it whole "
                f"({error}). Start ComfyUI with --disable-dynamic-vram."
            ) from error
    if getattr(patcher, "additional_models", {}).get("multigpu"):
        raise InvalidInput(
            f"The {what} runs on several GPUs, which has no gradient. Remove the node that "
            "spreads it."
        )
    wrappers = getattr(patcher, "wrappers", {}).values()
    compiled = any("torch.compile" in str(key) for entry in wrappers for key in entry)
    if compiled or any(hasattr(m, "_orig_mod") for m in _networks(patcher)):
        raise InvalidInput(
            f"The {what} is compiled, and its gradient is untested. Remove TorchCompileModel."
        )
    return patcher


def _networks(patcher: Any) -> Iterator[torch.nn.Module]:  # noqa: ANN401
    yield from patcher.model.modules()
    patched = getattr(patcher, "object_patches", {}).values()
    yield from (value for value in patched if isinstance(value, torch.nn.Module))


def check_families(patcher: Any | None, vae: Any) -> None:  # noqa: ANN401
    """Checks that a VAE makes images, and of the latents of the model.

    Raises:
        InvalidInput: a VAE of sound, of videos, or of other latents.
    """
    if getattr(vae, "first_stage_model", None) is None:
        raise InvalidInput(
            "The VAE is empty: its checkpoint holds none. Connect Load VAE with the model's VAE."
        )
    if vae.output_channels != 3 or vae.latent_dim not in (2, 3):
        raise InvalidInput(
            f"The VAE makes {vae.output_channels} channels from latents of {vae.latent_dim} "
            "dimensions; expected images of 3 channels. Connect a VAE of images."
        )
    if patcher is None:
        return
    latents = patcher.model.latent_format
    own = (latents.latent_channels, latents.latent_dimensions)
    if own != (vae.latent_channels, vae.latent_dim):
        raise InvalidInput(
            f"The model makes latents of {latents.latent_channels} channels and "
            f"{latents.latent_dimensions} dimensions, the VAE takes {vae.latent_channels} and "
            f"{vae.latent_dim}. Connect the VAE of the model's own family."
        )


def check_size(size: tuple[int, int], ratio: int) -> None:
    """Checks that an image is made of whole latent pixels.

    Raises:
        InvalidInput: it is not.
    """
    if any(side % ratio or side <= 0 for side in size):
        near = [max(ratio, round(side / ratio) * ratio) for side in size]
        raise InvalidInput(
            f"Images of {size[0]} x {size[1]} pixels (height x width); both must be multiples of "
            f"{ratio}. Use {near[0]} x {near[1]}."
        )


def check_conditioning(
    patcher: Any,  # noqa: ANN401
    positive: Any,  # noqa: ANN401
    negative: Any | None,  # noqa: ANN401
    cfg: float,
) -> dict[str, Any]:
    """Returns conditionings as ordinary tensors; call it outside inference mode.

    Raises:
        InvalidInput: an empty one, one with networks of its own, one of another model, or a cfg
            that needs a negative one.
    """
    if cfg != 1 and negative is None:
        raise InvalidInput(
            f"cfg is {cfg:g}, which guides away from a negative prompt, and `negative` is not "
            "connected. Connect it, or set cfg to 1, as models of one to four steps want."
        )
    found = {"positive": positive, "negative": negative}
    found = {name: value for name, value in found.items() if value is not None}
    for name, conditioning in found.items():
        if not conditioning:
            raise InvalidInput(f"The {name} conditioning is empty. Connect CLIP Text Encode.")
        for entry in conditioning:
            for part in HOST_ONLY:
                if entry[1].get(part) is not None:
                    raise InvalidInput(
                        f"The {name} conditioning cannot be differentiated: {CURES[part]}."
                    )
            _check_width(patcher, name, entry[0])
    return {name: _ordinary(conditioning) for name, conditioning in found.items()}


def _check_width(patcher: Any, name: str, features: Any) -> None:  # noqa: ANN401
    config = patcher.model.model_config.unet_config
    wanted = next((config[key] for key in WIDTHS if isinstance(config.get(key), int)), None)
    if wanted is None or not isinstance(features, Tensor) or features.shape[-1] == wanted:
        return
    raise InvalidInput(
        f"The {name} conditioning has text features of {features.shape[-1]} numbers; "
        f"{type(patcher.model.model_config).__name__} takes {wanted}. Encode the prompt with the "
        "CLIP of the same model."
    )


def _ordinary(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, Tensor):
        return value.clone() if value.is_inference() else value
    if isinstance(value, Mapping):
        return {key: _ordinary(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_ordinary(one) for one in value)
    return value


def sampling_notes(patcher: Any, steps: int) -> Sequence[str]:  # noqa: ANN401
    """Sentences on settings that run but make poor images.

    Args:
        patcher: ComfyUI's MODEL.
        steps: steps of the sampler.
    """
    kinds = comfy.model_base.ModelType
    if steps <= 4 and patcher.model.model_type in (kinds.V_PREDICTION, kinds.V_PREDICTION_EDM):
        return (
            f"A model of v-prediction at {steps} steps: none of the known models for so few steps "
            "is one. Expect blurred images.",
        )
    return ()
