"""Files written whole or not at all."""

import os
import stat
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["replacing"]


@contextmanager
def replacing(path: str | Path) -> Generator[Path, None, None]:
    """A temporary path that takes the name of `path` when the block ends well.

    No reader sees half a file, and a failure leaves what was there. Missing folders are made. The
    file has the mode that the user's umask gives to new files, whoever writes it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}-{uuid.uuid4().hex}.partial")
    try:
        temporary.touch(exist_ok=False)
        mode = stat.S_IMODE(temporary.stat().st_mode)
        yield temporary
        # Some writers make a private file of their own in its place.
        if stat.S_IMODE(temporary.stat().st_mode) != mode:
            temporary.chmod(mode)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
