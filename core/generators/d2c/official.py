"""Official D2C checkpoints: `model.ckpt` of jiamings/d2c and what its training makes.

A file holds `autoencoder` (MoCo with the query encoder, which is the autoencoder, the key encoder
and the queue), `diffusion` (DDIM's U-Net) and `latent_mod` (mean and deviation of the latents'
channels). Sizes follow from names and shapes; see `settings` for what a file does not say.

The latent is the noise x_T that DDIM turns into latents of the autoencoder (z0 of the paper, eq.
3), or these latents themselves, normalised, which images can be encoded to. There is no encoder
to the noise: DDIM with few steps is not inverted exactly.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor

from ...checkpoints.architecture import Architecture, Example, load_network
from ...checkpoints.published import Published
from ...checkpoints.record import Checkpoint
from ...chunking import ALL_AT_ONCE
from ...diffusion.prior import DiffusionPrior
from ...diffusion.prior_generator import DiffusionDraws
from ...diffusion.whitening import Whitening
from ...errors import CheckpointError, InvalidInput
from ...generator import Gaussian, Generator, Prior
from ...identity import ModelId, OptionValue
from ...images import resized
from ...rng import SampleRng
from ...spaces import Block, Space
from ..options import PIXELS, chosen_text
from .layouts import AutoencoderLayout, AutoencoderSettings, UNetLayout
from .networks.logistics import LogisticMixture, quantised
from .networks.model import D2CNetwork, FlatDenoiser
from .options import D2C_LATENTS, D2C_OPTIONS, STEPS
from .parity import arrays_of
from .reading import autoencoder_layout, unet_layout
from .settings import D2CSettings, d2c_configuration, settings_of

__all__ = ["GENERATOR", "diffusion_prior"]

LICENCE: Final = "MIT; autoencoder: NVIDIA Source Code License for NVAE (non-commercial)"
AUTOENCODER: Final = "autoencoder.encoder_q."
DIFFUSION: Final = "diffusion."
SCALE: Final = "latent_mod."
TRAINING: Final = (
    "autoencoder.encoder_k.",
    "autoencoder.queue",
    f"{AUTOENCODER}fc.",
    f"{DIFFUSION}logvar",
)
"""Starts of names that only the training needs; these tensors are not looked at."""
COPIES: Final = ".weight_normalized"
"""End of the names of a second copy of a weight."""


def _recognises(checkpoint: Checkpoint) -> bool:
    # A file without one of its parts must be reported, not ignored.
    parts = (AUTOENCODER, DIFFUSION, SCALE)
    there = {part for name in checkpoint.tensors for part in parts if name.startswith(part)}
    return AUTOENCODER in there or there == {DIFFUSION, SCALE}


def _own(checkpoint: Checkpoint) -> Checkpoint:
    """The tensors that the model uses."""
    names = [
        name
        for name in checkpoint.tensors
        if not name.startswith(TRAINING) and not name.endswith(COPIES)
    ]
    for part, what in (
        (AUTOENCODER, "no autoencoder"),
        (DIFFUSION, "no diffusion"),
        (SCALE, "no statistics of the latents"),
    ):
        if not any(name.startswith(part) for name in names):
            raise CheckpointError(
                f"{checkpoint.path.name} looks like a D2C model, but has {what} (`{part}*`). A "
                "whole model has autoencoder, diffusion and latent_mod; the authors' "
                "train/convert_ckpt.py joins the three."
            )
    return replace(checkpoint, tensors={name: checkpoint.tensors[name] for name in names})


def _part(own: Checkpoint, prefix: str) -> Checkpoint:
    tensors = {
        name.removeprefix(prefix): tensor
        for name, tensor in own.tensors.items()
        if name.startswith(prefix)
    }
    return replace(own, tensors=tensors)


@dataclass(frozen=True)
class _Read:
    """What is known of a file before its networks are made.

    Attributes:
        own: the tensors that the model uses.
        autoencoder: sizes of the autoencoder.
        unet: sizes of the denoiser.
        settings: what the file does not say.
    """

    own: Checkpoint
    autoencoder: AutoencoderLayout
    unet: UNetLayout
    settings: D2CSettings

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> "_Read":
        own = _own(checkpoint)
        autoencoder = autoencoder_layout(_part(own, AUTOENCODER))
        unet = unet_layout(_part(own, DIFFUSION))
        if autoencoder.latent != unet.latent:
            raise CheckpointError(
                f"{checkpoint.path.name}: the autoencoder's latents have {autoencoder.latent} "
                f"channels, those of the diffusion {unet.latent}. They are parts of two models."
            )
        return cls(own, autoencoder, unet, settings_of(checkpoint, autoencoder, unet))

    @property
    def network(self) -> D2CNetwork:
        """The model, loaded and frozen."""
        network = load_network(D2CNetwork(self.autoencoder, self.unet), self.own)
        if not bool((network.latent_mod.std > 0).all()):
            raise CheckpointError(
                f"{self.own.path.name}: `{SCALE}std` has numbers that are not above 0: no latents "
                "have such a deviation. Fetch or save it again."
            )
        return network


def _steps(checkpoint: Checkpoint, levels: int) -> int:
    steps = checkpoint.options.get("denoising_steps", 0)
    if isinstance(steps, bool) or not isinstance(steps, int) or not 0 <= steps <= levels:
        raise InvalidInput(
            f"denoising_steps is {steps!r}; expected 1 to {levels}, or 0 for {STEPS}."
        )
    return steps or min(STEPS, levels)


def _eta(checkpoint: Checkpoint) -> float:
    eta = checkpoint.options.get("denoising_eta", 0.0)
    if isinstance(eta, bool) or not isinstance(eta, int | float) or not 0 <= eta <= 1:
        raise InvalidInput(
            f"denoising_eta is {eta!r}; expected 0, without randomness, to 1, as DDPM."
        )
    return float(eta)


def _load(checkpoint: Checkpoint) -> Generator:
    latent = chosen_text(checkpoint, "latent", D2C_LATENTS)
    pixels = chosen_text(checkpoint, "pixels", PIXELS)
    read = _Read.of(checkpoint)
    settings = read.settings
    steps, eta = _steps(checkpoint, len(settings.schedule)), _eta(checkpoint)
    network = read.network
    shape = (read.unet.latent, settings.side, settings.side)
    size = settings.side * read.autoencoder.factor
    name = checkpoint.path.stem
    licence = str(checkpoint.config.get("licence", LICENCE))
    noisy, clean = Space((Block("noise", shape),)), Space((Block("z", shape),))
    base = ModelId(checkpoint.sha256, {"latent": "clean", "pixels": pixels})
    diffusion = DiffusionPrior(
        name=f"diffusion of {name}",
        id=ModelId(checkpoint.sha256, {"latent": "clean"}),
        base=base,
        base_name=name,
        network=FlatDenoiser(network.diffusion, settings.side).eval(),
        # The generator's coordinates are the normalised ones already.
        whitening=Whitening(torch.zeros(clean.dim), torch.ones(clean.dim)),
        schedule=settings.schedule,
        space=clean,
        licence=licence,
    )

    def decode(z: Tensor, rng: SampleRng) -> Tensor:
        mixture = LogisticMixture.of(network(z))
        return mixture.mean() if pixels == "mean" else mixture.sample(rng)

    def render_noise(parts: Mapping[str, Tensor], rng: SampleRng) -> Tensor:
        noise = parts["noise"].flatten(1)
        z = diffusion.push(noise, rng, steps=steps, eta=eta, chunking=ALL_AT_ONCE)
        return decode(z.unflatten(1, shape), rng)

    def render_clean(parts: Mapping[str, Tensor], rng: SampleRng) -> Tensor:
        return decode(parts["z"], rng)

    def encode(images: Tensor) -> Tensor:
        fitting = resized(images, (size, size)).clamp(0, 1)
        return network.encode(quantised(fitting, settings.bits)).flatten(1)

    options: dict[str, OptionValue] = {"latent": latent, "pixels": pixels}
    prior: Prior = DiffusionDraws(diffusion, steps, eta)
    if latent == "noise":
        options |= {"denoising_steps": steps, "denoising_eta": eta}
        prior = Gaussian(noisy.dim)
    return Generator(
        name=name,
        id=ModelId(checkpoint.sha256, options),
        architecture=GENERATOR.id,
        module=network,
        source=noisy if latent == "noise" else clean,
        prior=prior,
        image_size=(size, size),
        render=render_noise if latent == "noise" else render_clean,
        encode=encode if latent == "clean" else None,
        licence=licence,
    )


def diffusion_prior(generator: Generator) -> DiffusionPrior:
    """The diffusion that a D2C file has of its own clean latents.

    Args:
        generator: a D2C generator that was loaded with clean latents.

    Raises:
        InvalidInput: another generator, or latents that are noise.
    """
    if isinstance(generator.prior, DiffusionDraws):
        return generator.prior.prior
    raise InvalidInput(
        f"Generator {generator.name!r} has no diffusion of its latents. Load a D2C model with "
        "latent clean, or train a prior for it."
    )


def _parity(checkpoint: Checkpoint, arrays: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    read = _Read.of(checkpoint)
    return arrays_of(read.network, read.settings, arrays)


def _facts(checkpoint: Checkpoint) -> Mapping[str, str]:
    return _Read.of(checkpoint).settings.facts


def _example() -> Example:
    autoencoder = AutoencoderSettings(2, 1, 2, 4, 4, 1, 1, 1, 1, 1, 1)
    network = D2CNetwork(autoencoder.layout, UNetLayout(2, 4, (4,), 1, frozenset()))
    return Example({"": network}, d2c_configuration(side=4, bits=5, betas=(1e-4, 0.3, 3)))


GENERATOR: Architecture[Generator] = Architecture(
    id="d2c",
    needs="`autoencoder.encoder_q.stem.weight`, `diffusion.conv_in.weight`, `latent_mod.mean`",
    recognises=_recognises,
    load=_load,
    examples=(_example,),
    options=D2C_OPTIONS,
    parity=_parity,
    facts=_facts,
    published=(
        Published(
            name="D2C",
            files="`model.ckpt` with autoencoder, diffusion and latent_mod",
            licence="the authors' code is MIT, the autoencoder's NVIDIA, non-commercial",
            latents="noise, or clean latents z with an encoder",
            verified="official code",
        ),
    ),
)
