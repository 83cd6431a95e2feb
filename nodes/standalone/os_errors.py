"""Converts errors of the operating system to one sentence with a cure."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from .errors import WorkflowError

__all__ = ["check_file", "check_folder", "sentence"]

_CURES = {
    errno.ENOSPC: "make room there, or choose another place",
    errno.EDQUOT: "make room there, or choose another place",
    errno.EACCES: "change its permissions, or choose another place",
    errno.EPERM: "change its permissions, or choose another place",
    errno.EROFS: "choose a place that can be written to",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "a part of the path is a file; choose another path",
    errno.EISDIR: "it is a folder; name a file",
    errno.EEXIST: "something with that name exists; choose another name",
    errno.EMFILE: "close other programs, or raise the limit of open files",
}


def sentence(error: OSError) -> str:
    """Returns one sentence: the path if known, the system's message, and a cure."""
    said = error.strerror or str(error) or type(error).__name__
    where = [str(path) for path in (error.filename, error.filename2) if path is not None]
    text = f"{' and '.join(where)}: {said}" if where else said
    cure = _CURES.get(error.errno or 0)
    return f"{text}; {cure}" if cure else text


def check_folder(folder: Path, option: str) -> None:
    """Refuses an unwritable results folder before any work; leaves nothing behind.

    Args:
        folder: the folder, which may not exist yet.
        option: command line option, for the message.

    Raises:
        WorkflowError: it is a file, or the system refuses a file in it.
    """
    made: list[Path] = []
    try:
        if folder.exists() and not folder.is_dir():
            raise WorkflowError(f"{option} {folder} is a file; name a folder")
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        for path in reversed(missing):
            path.mkdir()
            made.append(path)
        with tempfile.TemporaryFile(dir=folder) as trial:
            trial.write(bytes(4096))
            trial.flush()
    except OSError as error:
        # The trial file's name is meaningless to the user.
        shown = OSError(error.errno, error.strerror, str(folder)) if error.errno else error
        raise WorkflowError(f"{option}: results cannot be written to {sentence(shown)}") from error
    finally:
        for path in reversed(made):
            path.rmdir()


def check_file(path: Path, option: str) -> None:
    """Refuses an unwritable file before any work.

    Args:
        path: path of the file; missing folders are created when it is written.
        option: command line option, for the message.

    Raises:
        WorkflowError: it is a folder, or the system refuses it.
    """
    try:
        if path.is_dir():
            raise WorkflowError(f"{option} {path} is a folder; name a file, for instance in it")
        there = path.exists()
        if there and not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        if there and not path.is_file():
            return  # a device, such as /dev/stdout
    except OSError as error:
        raise WorkflowError(f"{option}: {sentence(error)}") from error
    check_folder(path.resolve().parent, option)
