"""Generators that can be loaded, in the order in which their architectures are tried."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from ..auxiliary import Discriminator
from ..checkpoints.architecture import load_detected
from ..checkpoints.options import offered_options
from ..checkpoints.registry import Registry
from ..errors import InvalidInput
from ..generator import ConditionalGenerator, Generator
from .beside import GeneratorPart
from .biggan.options import BIGGAN_OPTIONS
from .comodgan.options import COMODGAN_OPTIONS
from .d2c.options import D2C_OPTIONS
from .dalle.options import DALLE_OPTIONS
from .dfgan.options import DFGAN_OPTIONS
from .fastgan.options import FASTGAN_OPTIONS
from .nvae.options import NVAE_OPTIONS
from .starganv2.options import STARGAN_OPTIONS
from .stylegan.options import STYLEGAN2_OPTIONS
from .unconditional.options import MMD_OPTIONS

__all__ = [
    "ARCHITECTURES",
    "DISCRIMINATORS",
    "OPTIONS",
    "PARTS",
    "load_generator",
    "open_generator",
]

ARCHITECTURES: Registry[Generator | ConditionalGenerator] = Registry(
    __name__,
    {
        "digits-generator": "digits:GENERATOR",
        "avatars-generator": "avatars:GENERATOR",
        "avatars-codes": "avatars_codes:GENERATOR",
        "avatars-one-step": "avatars_one_step:GENERATOR",
        "dcgan-generator": "dcgan:GENERATOR",
        "biggan": "biggan.ajbrock:GENERATOR",
        "biggan-deep": "biggan.deep:GENERATOR",
        "biggan-deep-hf": "biggan.deep_hf:GENERATOR",
        "stylegan2-generator": "stylegan.stylegan2:GENERATOR",
        "stylegan2-tensorflow-generator": "stylegan.tensorflow:GENERATOR",
        "stylegan2-rosinality-generator": "stylegan.rosinality:GENERATOR",
        "stylegan3-generator": "stylegan.stylegan3:GENERATOR",
        "stylegan-xl-generator": "stylegan.stylegan_xl:GENERATOR",
        "d2c": "d2c.official:GENERATOR",
        "autogan": "unconditional.autogan:GENERATOR",
        "residual-gan": "unconditional.residual:GENERATOR",
        "deconvolutional-gan": "unconditional.deconvolutional:GENERATOR",
        "mmd-gan": "unconditional.mmd:GENERATOR",
        "transgan": "unconditional.transgan:GENERATOR",
        "nvae": "nvae.official:GENERATOR",
        "co-mod-gan": "comodgan.official:GENERATOR",
        "dalle-dvae": "dalle.official:GENERATOR",
        "df-gan": "dfgan.official:GENERATOR",
        "df-gan-2021": "dfgan.official:EARLY_GENERATOR",
        "fastgan-generator": "fastgan.official:GENERATOR",
        "r3gan-generator": "r3gan.official:GENERATOR",
        "stargan-v2": "starganv2.official:GENERATOR",
    },
)
DISCRIMINATORS: Registry[Discriminator] = Registry(
    __name__,
    {
        "biggan-discriminator": "biggan.ajbrock:DISCRIMINATOR",
        "biggan-deep-discriminator": "biggan.deep:DISCRIMINATOR",
        "residual-discriminator": "unconditional.critics:DISCRIMINATOR",
        "convolutional-discriminator": "unconditional.deconvolutional:DISCRIMINATOR",
        "stargan-v2-discriminator": "starganv2.official:DISCRIMINATOR",
    },
)
"""Discriminators that may come in a separate file; one in the generator's file loads with it."""
PARTS: Registry[GeneratorPart] = Registry(
    __name__,
    {
        "co-mod-gan-discriminator": "comodgan.official:PORT_DISCRIMINATOR",
        "dalle-dvae-encoder": "dalle.official:ENCODER",
        "df-gan-text-encoder": "dfgan.text:TEXT_ENCODER",
        "df-gan-2021-discriminator": "dfgan.official:EARLY_DISCRIMINATOR",
    },
)
"""Other parts of generators that come in separate files, beside the generator's."""
OPTIONS = offered_options(
    (
        *BIGGAN_OPTIONS,
        *STYLEGAN2_OPTIONS,
        *D2C_OPTIONS,
        *MMD_OPTIONS,
        *NVAE_OPTIONS,
        *COMODGAN_OPTIONS,
        *DALLE_OPTIONS,
        *DFGAN_OPTIONS,
        *FASTGAN_OPTIONS,
        *STARGAN_OPTIONS,
    )
)
"""Options of the loader, in the order of its widgets: those of all architectures."""


def open_generator(
    path: str | Path, options: Mapping[str, object] = MappingProxyType({})
) -> Generator | ConditionalGenerator:
    """Loads a generator of any known architecture; call it outside inference mode.

    Args:
        path: file, or Hugging Face folder.
        options: options of the architecture by name; only those that differ from "auto".

    Returns:
        The generator, or one that needs inputs first.

    Raises:
        CheckpointError: the file is missing, damaged, or of no known architecture.
        InvalidInput: options that the architecture does not have.
    """
    from ..checkpoints.cache import cached

    return load_detected(replace(cached(path), options=options), ARCHITECTURES)


def load_generator(
    path: str | Path, options: Mapping[str, object] = MappingProxyType({})
) -> Generator:
    """Loads a generator that needs no inputs; otherwise as `open_generator`.

    Raises:
        CheckpointError: as there.
        InvalidInput: as there, or a generator that needs inputs.
    """
    found = open_generator(path, options)
    if isinstance(found, ConditionalGenerator):
        raise InvalidInput(f"{found.needed} Use open_generator and `given`.")
    return found
