"""Files written whole or not at all."""

import contextlib
import os
import re
import stat
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["creating", "replacing"]

_NUMBER = re.compile(r"\(os error (\d+)\)")
"""How writers in other languages give the system's error number: in their text alone."""


def replacing(path: str | Path) -> contextlib.AbstractContextManager[Path]:
    """A temporary path that takes the name of `path` when the block ends well.

    No reader sees half a file, and a failure leaves what was there. Missing folders are made. The
    file has the mode that the user's umask gives to new files, whoever writes it. A device or a
    pipe, such as /dev/stdout, is written to itself: it must not be replaced by a file.

    Raises:
        OSError: the system refuses; it names `path`, whatever wrote and in whatever language.
    """
    return _written(Path(path), os.replace)


def creating(path: str | Path) -> contextlib.AbstractContextManager[Path]:
    """As `replacing`, but never over a file that is there.

    Raises:
        FileExistsError: there is one, perhaps since a moment ago.
    """
    return _written(Path(path), _link)


@contextmanager
def _written(path: Path, name: Callable[[Path, Path], object]) -> Generator[Path, None, None]:
    if _is_device(path):
        yield path
        return
    # Its length does not depend on the name's: a name that fits must not fail for this one.
    temporary = path.parent / f".{uuid.uuid4().hex}.partial"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)
        mode = stat.S_IMODE(temporary.stat().st_mode)
        yield temporary
        # Some writers make a private file of their own in its place.
        if stat.S_IMODE(temporary.stat().st_mode) != mode:
            temporary.chmod(mode)
        name(temporary, path)
    except OSError as error:
        if error.errno is not None and str(error.filename or temporary) == str(temporary):
            raise type(error)(error.errno, error.strerror, str(path)) from error
        raise
    except Exception as error:
        if number := _NUMBER.search(str(error)):
            code = int(number[1])
            raise OSError(code, os.strerror(code), str(path)) from error
        raise
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _is_device(path: Path) -> bool:
    """Whether there is something that is neither a file nor a folder."""
    return path.exists() and not path.is_file() and not path.is_dir()


def _link(temporary: Path, path: Path) -> None:
    """Gives a file a name that no other has."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links: take the name, then fill it
        with path.open("xb"):
            pass
        try:
            os.replace(temporary, path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
