"""The generators that can be opened, in the order in which they are tried."""

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
"""Those that their authors keep in files of their own; beside a generator it brings its own."""


def load_generator(
    path: str | Path, options: Mapping[str, object] = MappingProxyType({})
) -> Generator:
    """Opens a generator, whatever its architecture; call it outside inference mode.

    Args:
        path: a file, or a folder of Hugging Face.
        options: what was chosen beside the file, by name; only what differs from "auto".

    Raises:
        CheckpointError: no such file, a damaged one, or of no known architecture.
        InvalidInput: options that the architecture does not take.
    """
    return load_detected(replace(cached(path), options=options), ARCHITECTURES)
