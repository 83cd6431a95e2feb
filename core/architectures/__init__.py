"""The generators that can be opened, in the order in which they are tried."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from ..conversion import cached
from ..detection import load_detected
from ..generator import Generator
from . import (
    avatars,
    biggan,
    biggan_deep,
    biggan_deep_hf,
    dcgan,
    digits,
    stylegan2,
    stylegan2_rosinality,
    stylegan2_tf,
    stylegan3,
    stylegan_xl,
)

__all__ = ["ARCHITECTURES", "DISCRIMINATORS", "load_generator"]

ARCHITECTURES = (
    digits.GENERATOR,
    avatars.GENERATOR,
    dcgan.GENERATOR,
    biggan.GENERATOR,
    biggan_deep.GENERATOR,
    biggan_deep_hf.GENERATOR,
    stylegan2.GENERATOR,
    stylegan2_tf.GENERATOR,
    stylegan2_rosinality.GENERATOR,
    stylegan3.GENERATOR,
    stylegan_xl.GENERATOR,
)
DISCRIMINATORS = (biggan.DISCRIMINATOR, biggan_deep.DISCRIMINATOR)
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
