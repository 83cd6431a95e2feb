"""Generators that can be loaded, in the order in which their architectures are tried."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from ..checkpoints.architecture import load_detected
from ..checkpoints.cache import cached
from ..generator import Generator
from . import avatars, dcgan, digits
from .biggan import ajbrock, deep, deep_hf
from .stylegan import rosinality, stylegan2, stylegan3, stylegan_xl, tensorflow

__all__ = ["ARCHITECTURES", "DISCRIMINATORS", "load_generator"]

ARCHITECTURES = (
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


def load_generator(
    path: str | Path, options: Mapping[str, object] = MappingProxyType({})
) -> Generator:
    """Loads a generator of any known architecture; call it outside inference mode.

    Args:
        path: file, or Hugging Face folder.
        options: options of the architecture by name; only those that differ from "auto".

    Raises:
        CheckpointError: the file is missing, damaged, or of no known architecture.
        InvalidInput: options that the architecture does not have.
    """
    return load_detected(replace(cached(path), options=options), ARCHITECTURES)
