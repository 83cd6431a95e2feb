"""Atomic writing of files."""

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
"""Matches the system's error number, which writers in other languages give in their text only."""


def replacing(path: str | Path) -> contextlib.AbstractContextManager[Path]:
    """Yields a temporary path that is renamed to `path` if the block succeeds.

    No reader sees half a file, and a failure leaves the old one. Missing folders are created. The
    file gets the mode of the user's umask, regardless of the writer. A device or a pipe, such as
    /dev/stdout, is written to directly: it must not be replaced by a file.

    Raises:
        OSError: the system refuses; it names `path`, regardless of the writer and its language.
    """
    return _written(Path(path), os.replace)


def creating(path: str | Path) -> contextlib.AbstractContextManager[Path]:
    """Context like `replacing` that never overwrites an existing file.

    Raises:
        FileExistsError: the file exists, perhaps only since a moment ago.
    """
    return _written(Path(path), _link)


@contextmanager
def _written(path: Path, name: Callable[[Path, Path], object]) -> Generator[Path, None, None]:
    if _is_device(path):
        yield path
        return
    # Its length is independent of the name's: a name that fits must not fail for this one.
    temporary = path.parent / f".{uuid.uuid4().hex}.partial"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)
        mode = stat.S_IMODE(temporary.stat().st_mode)
        yield temporary
        # Some writers replace it by a private file of their own.
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
    """Whether the path exists and is neither a file nor a folder."""
    return path.exists() and not path.is_file() and not path.is_dir()


def _link(temporary: Path, path: Path) -> None:
    """Links a file to a name that does not exist yet."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links: reserve the name, then fill it
        with path.open("xb"):
            pass
        try:
            os.replace(temporary, path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
