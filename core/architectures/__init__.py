"""The generators that can be opened, in the order in which they are tried."""

from pathlib import Path

from ..checkpoints import read
from ..detection import load_detected
from ..generator import Generator
from . import avatars, dcgan, digits

__all__ = ["ARCHITECTURES", "load_generator"]

ARCHITECTURES = (digits.GENERATOR, avatars.GENERATOR, dcgan.GENERATOR)


def load_generator(path: str | Path) -> Generator:
    """Opens a generator, whatever its architecture; call it outside inference mode.

    Raises:
        CheckpointError: no such file, a damaged one, or of no known architecture.
    """
    return load_detected(read(path), ARCHITECTURES)
