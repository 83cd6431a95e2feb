"""Generators that can be loaded, in the order in which their architectures are tried."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..checkpoints.architecture import Architecture, load_detected
from ..checkpoints.cache import cached
from ..checkpoints.options import offered_options
from ..errors import InvalidInput
from ..generator import ConditionalGenerator, Generator
from . import avatars, dcgan, digits
from .biggan import ajbrock, deep, deep_hf
from .stylegan import rosinality, stylegan2, stylegan3, stylegan_xl, tensorflow

__all__ = ["ARCHITECTURES", "DISCRIMINATORS", "OPTIONS", "load_generator", "open_generator"]

ARCHITECTURES: tuple[Architecture[Any], ...] = (
    digits.GENERATOR,
    avatars.GENERATOR,
    dcgan.GENERATOR,
    ajbrock.GENERATOR,
    deep.GENERATOR,
    deep_hf.GENERATOR,
    stylegan2.GENERATOR,
    tensorflow.GENERATOR,
    rosinality.GENERATOR,
    stylegan3.GENERATOR,
    stylegan_xl.GENERATOR,
)
DISCRIMINATORS = (ajbrock.DISCRIMINATOR, deep.DISCRIMINATOR)
"""Discriminators that may come in a separate file; one in the generator's file loads with it."""
OPTIONS = offered_options(option for family in ARCHITECTURES for option in family.options)
"""Options of the loader, in the order of its widgets."""


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
