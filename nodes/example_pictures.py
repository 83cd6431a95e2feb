"""The pictures that templates open with, which a host finds among the user's own."""

import contextlib
import logging
import shutil
from pathlib import Path

from ..core.files import creating
from ..core.zoo.shipped import EXAMPLES

__all__ = ["place_examples"]

logger = logging.getLogger("latentsteer")


def place_examples(folder: Path) -> None:
    """Puts the example pictures into a folder of input pictures; a file that is there stays.

    A folder that cannot be written to is left alone: a template then asks for a picture.

    Args:
        folder: the host's folder of input pictures.
    """
    for name, shipped in EXAMPLES.items():
        _place(shipped, folder / name)


def _place(shipped: Path, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            # Another host may have started at the same time.
            with contextlib.suppress(FileExistsError), creating(path) as temporary:
                shutil.copyfile(shipped, temporary)
    except OSError as error:
        logger.debug("no example picture %s: %s", path, error)
