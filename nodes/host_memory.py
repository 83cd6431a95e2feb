"""How much memory gradients through a host's networks need, and which way fits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from ..core.errors import InvalidInput

__all__ = ["MEMORY", "Mode", "NetworkNeed", "Saving", "chosen_mode", "model_need", "vae_need"]

Mode: TypeAlias = Literal["plain", "checkpointed", "staged"]
Saving: TypeAlias = Literal["auto"] | Mode
MEMORY: Final[tuple[Saving, ...]] = ("auto", "plain", "checkpointed", "staged")
GIB: Final = 1024.0**3
USABLE = 0.9
"""Share of a device's memory that a plan may use."""
PIXEL_AND_BILLION = 250 * 1024
"""Bytes of activations of a diffusion model for each latent pixel, step and billion weights."""
MOST_PIXEL = 1500 * 1024
"""The same for each latent pixel and step of the largest."""
RECOMPUTED = 0.2
"""Share of a diffusion model's activations that stay where they are recomputed."""
VAE_PIXEL, VAE_RECOMPUTED = 360 * 1024, 0.45
"""Bytes of a VAE's activations for each latent pixel and byte of a number, and the same share."""


@dataclass(frozen=True)
class NetworkNeed:
    """Estimated memory of one network, in bytes; measured on the usual models' sizes.

    Attributes:
        name: of the network, for messages.
        weights: its weights.
        plain: activations that are kept for the gradient.
        recomputed: activations where its blocks are computed again for the gradient.
    """

    name: str
    weights: float
    plain: float
    recomputed: float


def model_need(weights: float, numbers: float, pixels: int, steps: int) -> NetworkNeed:
    """The need of a diffusion model.

    Args:
        weights: bytes of its weights.
        numbers: number of its weights.
        pixels: latent pixels of a chunk of samples.
        steps: evaluations of the model.
    """
    plain = min(PIXEL_AND_BILLION * numbers / 1e9, MOST_PIXEL) * pixels * steps
    return NetworkNeed("the model", weights, plain, RECOMPUTED * plain)


def vae_need(weights: float, pixels: int, size: int) -> NetworkNeed:
    """The need of a VAE's decoder.

    Args:
        weights: bytes of its weights.
        pixels: latent pixels of a chunk of samples.
        size: bytes of a number that it computes with.
    """
    plain = VAE_PIXEL * pixels * size
    return NetworkNeed("the VAE", weights, plain, VAE_RECOMPUTED * plain)


def chosen_mode(wanted: Saving, needs: Sequence[NetworkNeed], others: float, total: float) -> Mode:
    """Returns the wanted way, or by `auto` the fastest one that is estimated to fit.

    Args:
        wanted: the widget.
        needs: of each network.
        others: bytes of the other networks of the work.
        total: bytes of the device.

    Raises:
        InvalidInput: the wanted way is estimated not to fit and another is, or no way can fit.
    """
    weights = others + sum(need.weights for need in needs)
    estimates: dict[Mode, float] = {
        "plain": weights + sum(need.plain for need in needs),
        "checkpointed": weights + sum(need.recomputed for need in needs),
        "staged": max(max(n.weights + n.recomputed for n in needs), others),
    }
    fitting: list[Mode] = [m for m, bytes_ in estimates.items() if bytes_ <= USABLE * total]
    if wanted != "auto" and (wanted in fitting or not fitting):
        return wanted
    if wanted == "auto" and fitting:
        return fitting[0]
    listed = ", ".join(f"{mode} {bytes_ / GIB:.1f} GiB" for mode, bytes_ in estimates.items())
    if fitting:
        raise InvalidInput(
            f"memory = {wanted} is estimated not to fit: {listed}; the device has "
            f"{total / GIB:.1f} GiB. Choose {fitting[0]}, or auto."
        )
    if max(need.weights for need in needs) > total:
        raise InvalidInput(
            f"Gradients through these models do not fit: {listed}; the device has "
            f"{total / GIB:.1f} GiB. Use weights in fp8, or search without gradients: CMA-ES "
            "Refine, or Prior Init with many candidates."
        )
    return "staged"
