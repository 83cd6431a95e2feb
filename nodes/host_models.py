"""ComfyUI's MODEL and VAE as the parts of a generator: functions, digests, refusals with the cure.

A forward pass is that of ComfyUI's own KSampler and VAE Decode: its guider, its samplers without
their `torch.no_grad`, its VAE without the split by free memory.
"""

import functools
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor

from ..core.errors import InvalidInput
from ..core.generators.host import HostPart, HostPipeline
from ..core.generators.host_identity import sampled_digest
from ..core.identity import ModelId
from .host_checks import check_conditioning, check_families, check_size, differentiable, sockets
from .host_memory import Saving, model_need, vae_need
from .host_networks import HostNetworks
from .host_sampling import (
    Sampling,
    check_sampling,
    draws_on_the_way,
    noise_levels,
    sampled_latents,
)

if TYPE_CHECKING:
    comfy: Any
elif "folder_paths" in sys.modules:  # ComfyUI imports it before any custom node
    import comfy.latent_formats
    import comfy.sample
    from comfy.ldm.modules.attention import attention_pytorch

__all__ = ["FORMATS", "model_pipeline", "vae_pipeline"]

ATTENTIONS: Final = frozenset(
    f"attention_{kind}" for kind in ("pytorch", "sub_quad", "split", "basic", "xformers")
)
"""ComfyUI's functions that have a gradient."""
FORMATS: Final = {"SD 1 and 2": "SD15", "SDXL": "SDXL", "SD 3": "SD3", "Flux": "Flux"}
"""Scales of the latents of a VAE alone: the models that it is of, and ComfyUI's names."""
if TYPE_CHECKING:
    attention_pytorch: Any


def model_pipeline(
    model: Any,  # noqa: ANN401
    vae: Any,  # noqa: ANN401
    positive: Any,  # noqa: ANN401
    negative: Any | None,  # noqa: ANN401
    sampling: Sampling,
    *,
    size: tuple[int, int],
    latent: Mapping[str, Any] | None = None,
    memory: Saving = "auto",
) -> HostPipeline:
    """Returns a MODEL with its VAE, conditionings and sampler; call it outside inference mode.

    Args:
        model: ComfyUI's MODEL.
        vae: ComfyUI's VAE.
        positive: ComfyUI's CONDITIONING.
        negative: the same for the guidance; needed where cfg is not 1.
        sampling: settings of the sampler.
        size: (height, width) of the images in pixels, where `latent` is not given.
        latent: ComfyUI's LATENT, empty, whose size is used.
        memory: how gradients save memory.

    Raises:
        InvalidInput: what cannot be differentiated, or does not fit together.
    """
    sockets()
    check_sampling(sampling)
    patcher = differentiable(model, "model").clone()
    decoder = differentiable(vae.patcher, "VAE")
    check_families(patcher, vae)
    conditions = check_conditioning(patcher, positive, negative, sampling.cfg)
    options = patcher.model_options.setdefault("transformer_options", {})
    options["optimized_attention_override"] = _attention
    shape = _shape(patcher, vae, size, latent)
    sigmas = noise_levels(patcher, sampling)
    draws = draws_on_the_way(sampling, sigmas)
    steered = draws if sampling.draws else 0

    scale = vae.spacial_compression_decode()
    image_size = (shape[-2] * scale, shape[-1] * scale)
    pixels = shape[-2] * shape[-1]
    steps = len(sigmas) - 1
    numbers = sum(weight.numel() for weight in patcher.model.parameters())
    needs = (
        model_need(patcher.model_size(), numbers, pixels, steps),
        vae_need(decoder.model_size(), pixels, vae.vae_dtype.itemsize),
    )
    networks = HostNetworks((patcher, decoder), needs, memory)
    name = type(patcher.model.model_config).__name__
    known = {
        "sampler": sampling.sampler,
        "sigmas": " ".join(f"{sigma:.6g}" for sigma in sigmas.tolist()),
        "cfg": float(sampling.cfg),
        "noise": "x".join(map(str, shape)),
    }
    if draws:
        known["noise on the way"] = "steered" if steered else f"seed {sampling.seed}"
    weights = sampled_digest(*_weights(patcher), *_weights(decoder), conditions)
    run = functools.partial(sampled_latents, patcher, conditions, sampling, sigmas)
    return HostPipeline(
        name=name,
        id=ModelId(weights, known),
        shape=shape,
        image_size=image_size,
        module=networks,
        sample=HostPart(run, lambda: networks.alone(0)),
        decode=HostPart(functools.partial(_decoded, vae), lambda: networks.alone(1)),
        draws=steered,
        staged=networks.staged,
    )


def vae_pipeline(
    vae: Any,  # noqa: ANN401
    *,
    size: tuple[int, int],
    scale: str = "auto",
    memory: Saving = "auto",
) -> HostPipeline:
    """Returns a VAE alone: z is its latent in units of about its standard deviation.

    Args:
        vae: ComfyUI's VAE.
        size: (height, width) of the images in pixels.
        scale: one of `FORMATS`, or auto by the number of channels.
        memory: how gradients save memory.

    Raises:
        InvalidInput: what cannot be differentiated, or does not fit together.
    """
    sockets()
    decoder = differentiable(vae.patcher, "VAE")
    check_families(None, vae)
    names = {4: "SD 1 and 2", 16: "Flux"}
    chosen = names.get(vae.latent_channels, "") if scale == "auto" else scale
    if chosen not in FORMATS:
        raise InvalidInput(
            f"No scale {scale!r} of latents with {vae.latent_channels} channels. There are: "
            f"{', '.join(FORMATS)}."
        )
    scaling = getattr(comfy.latent_formats, FORMATS[chosen])()
    if scaling.latent_channels != vae.latent_channels:
        raise InvalidInput(
            f"The VAE has latents of {vae.latent_channels} channels, those of {chosen} have "
            f"{scaling.latent_channels}. Choose another `scale`, or auto."
        )
    shape = _shape(None, vae, size, None)
    need = vae_need(decoder.model_size(), shape[-2] * shape[-1], vae.vae_dtype.itemsize)
    networks = HostNetworks((decoder,), (need,), memory)

    def encode(images: Tensor) -> Tensor:
        pixels = vae.process_input(images).to(vae.vae_dtype).to(vae.device)
        pixels = pixels[:, :, None] if len(shape) == 4 else pixels
        return scaling.process_in(vae.first_stage_model.encode(pixels).float())

    return HostPipeline(
        name="VAE",
        id=ModelId(sampled_digest(*_weights(decoder)), {"scale": chosen, "noise": str(shape)}),
        shape=shape,
        image_size=size,
        module=networks,
        sample=None,
        decode=HostPart(
            lambda z: _decoded(vae, scaling.process_out(z)), lambda: networks.alone(0)
        ),
        block="z",
        encode=encode,
        staged=networks.staged,
    )


def _shape(
    patcher: Any | None,  # noqa: ANN401
    vae: Any,  # noqa: ANN401
    size: tuple[int, int],
    latent: Mapping[str, Any] | None,
) -> tuple[int, ...]:
    """The shape of a sample's noise."""
    if latent is not None and patcher is not None:
        empty = latent["samples"]
        if bool(torch.count_nonzero(empty)):
            raise InvalidInput(
                "The LATENT has content, and only its size is used: G starts from noise alone. "
                "Connect Empty Latent Image of the same size, or disconnect it and set width and "
                "height."
            )
        wanted = ("downscale_ratio_spacial", "downscale_ratio_temporal")
        ratios = [latent[key] for key in wanted if key in latent]
        fixed = comfy.sample.fix_empty_latent_channels(patcher, empty, *ratios)
        found = tuple(fixed.shape[1:])
    else:
        ratio = vae.spacial_compression_decode()
        check_size(size, ratio)
        planes = (size[0] // ratio, size[1] // ratio)
        found = (vae.latent_channels, *([1] if vae.latent_dim == 3 else []), *planes)
    if len(found) == 4 and found[1] != 1:
        raise InvalidInput(
            f"The LATENT holds {found[1]} frames; videos are not steered. Use a single frame."
        )
    return found


def _attention(function: Callable[..., Tensor], *values: Any, **named: Any) -> Tensor:  # noqa: ANN401
    """ComfyUI's attention, or PyTorch's where it has no gradient (sage, flash, int8)."""
    known = function.__name__ in ATTENTIONS
    return (function if known else attention_pytorch)(*values, **named)


def _decoded(vae: Any, latents: Tensor) -> Tensor:  # noqa: ANN401
    """Images in [0, 1] from latents, as ComfyUI's VAE Decode makes them in one piece."""
    planes = vae.first_stage_model.decode(latents.to(vae.vae_dtype).to(vae.device))
    # The newer host works in place.
    images = vae.process_output(planes.float().clone())
    return images[:, :, 0] if images.ndim == 5 else images


def _weights(patcher: Any) -> Iterator[object]:  # noqa: ANN401
    """What decides a network's function: weights as loaded from its file, patches, options."""
    backup = patcher.backup
    for name, tensor in patcher.model.state_dict().items():
        kept = backup.get(name)
        yield name
        yield tensor if kept is None else getattr(kept, "weight", kept)
    yield patcher.patches
    yield patcher.object_patches
    yield {k: v for k, v in patcher.model_options.items() if k != "to_load_options"}
    sampling = getattr(patcher.model, "model_sampling", None)
    if sampling is not None:
        yield patcher.get_model_object("model_sampling")
    latent = getattr(patcher.model, "latent_format", None)
    yield type(latent).__name__
