"""A D2C model's values of the arrays that the authors' code makes, for `latentsteer parity`."""

import re
from collections.abc import Mapping
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from ...checkpoints.parity import TOLERANCE
from ...diffusion.ddim import ddim
from .networks.logistics import LogisticMixture, quantised
from .networks.model import D2CNetwork, FlatDenoiser
from .settings import D2CSettings

__all__ = ["arrays_of", "drawn_by"]

FRINGE: Final = 1e-5


def arrays_of(
    network: D2CNetwork, settings: D2CSettings, arrays: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Computes every output that the reference arrays name.

    `z` are the latents of images `x` before they are normalised; a file does not say the bits of
    their colours, so those that fit best are taken if the assumed ones miss. `eps_t*` is the noise
    that the denoiser predicts in `zT` at that time, and `z_ddim` what DDIM makes of `zT` at the
    times `seq`. `z_mod` is `z_ddim` as the decoder takes it, `logits` are the decoder's numbers
    for it, and `img_seed*` is drawn from these with PyTorch's CPU stream of that seed.

    Args:
        network: the model.
        settings: its settings.
        arrays: the arrays by name.
    """
    found: dict[str, Tensor] = {}
    noise = arrays.get("zT")
    if "z" in arrays and "x" in arrays:
        found["z"] = _encoded(network, arrays["x"], arrays["z"], settings.bits)
    for name in arrays:
        if noise is not None and (match := re.fullmatch(r"eps_t(\d+)", name)):
            time = torch.full((len(noise),), int(match[1]))
            found[name] = network.diffusion(noise, time)
        if "logits" in arrays and (match := re.fullmatch(r"img_seed(\d+)", name)):
            found[name] = drawn_by(arrays["logits"], int(match[1]))
    if noise is not None and {"z_ddim", "seq"} <= arrays.keys():
        flat = FlatDenoiser(network.diffusion, noise.shape[-1])
        times = sorted(map(int, arrays["seq"]), reverse=True)
        found["z_ddim"] = ddim(flat, settings.schedule, noise.flatten(1), times).view_as(noise)
    if "z_ddim" in arrays and "z_mod" in arrays:
        found["z_mod"] = network.latent_mod.restored(arrays["z_ddim"])
    if "z_mod" in arrays and "logits" in arrays:
        found["logits"] = network.halves.decode(arrays["z_mod"])
    return found


def _encoded(network: D2CNetwork, images: Tensor, reference: Tensor, bits: int) -> Tensor:
    best, least = reference, float("inf")
    for number in (bits, *(one for one in range(8, 0, -1) if one != bits)):
        z = network.halves.encode(quantised(images, number))
        if z.shape != reference.shape:
            return z
        error = float((z - reference).abs().max())
        if error < least:
            best, least = z, error
        if least <= TOLERANCE * float(reference.abs().max()):
            break
    return best


def drawn_by(
    numbers: Float[Tensor, "batch numbers h w"], seed: int
) -> Float[Tensor, "batch 3 h w"]:
    """Images that the authors' code draws after torch.manual_seed, on a CPU.

    Args:
        numbers: outputs of the decoder.
        seed: the seed, below 2^32.
    """
    mixture = LogisticMixture.of(numbers)
    stream = torch.Generator().manual_seed(seed)
    batch, _, height, width = numbers.shape
    chosen, drawn = (
        torch.empty(shape).uniform_(FRINGE, 1 - FRINGE, generator=stream)
        for shape in (mixture.logits.shape, (batch, 3, height, width))
    )
    return mixture.sample_by(chosen, drawn)
