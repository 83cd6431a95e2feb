"""Model files: the lists of the loaders, and the paths of what they load."""

import os
from pathlib import Path

from ..core.errors import CheckpointError
from ..core.zoo import shipped as catalogue
from .host import host
from .model_folders import model_folder

__all__ = ["changed", "find", "offered", "present"]


def offered(kind: str, embedded: list[str]) -> list[str]:
    """The names in a loader's list: shipped models, then those in the folders."""
    return [*embedded, *_there(kind)]


def _there(kind: str) -> list[str]:
    """Model folders, then files outside of them."""
    folder = model_folder(kind)
    folders = _model_folders(kind) if folder.marks else []
    if not folder.files:
        return folders
    inside = tuple(f"{name}/" for name in folders)
    files = host().list_files(kind, sorted(folder.suffixes))
    return [*folders, *(name for name in files if not name.startswith(inside))]


def _model_folders(kind: str) -> list[str]:
    found: set[str] = set()
    marks = model_folder(kind).marks
    for root in host().model_folder(kind):
        seen: set[str] = set()
        for place, inner, files in os.walk(root, followlinks=True):
            real = os.path.realpath(place)
            marked = place != str(root) and not marks.isdisjoint(files)
            if marked:
                found.add(Path(place).relative_to(root).as_posix())
            if marked or real in seen:
                inner.clear()  # not below it
            seen.add(real)
    return sorted(found)


def find(kind: str, name: str) -> Path:
    """The path of a model in a loader's list.

    Raises:
        CheckpointError: there is none; the message lists the folders searched and their models.
    """
    if catalogue.is_embedded(name):
        return catalogue.embedded(name)
    folders = host().model_folder(kind)
    for folder in folders:
        # Not resolved: people link models from other disks into the folder.
        path = Path(os.path.abspath(folder / name))
        if _is_model(kind, path) and path.is_relative_to(os.path.abspath(folder)):
            return path
    there = ", ".join(_there(kind)) or "no file"
    raise CheckpointError(
        f"There is no model {name!r}. Searched: {', '.join(map(str, folders))}; there is {there}. "
        f"{model_folder(kind).cure}"
    )


def _is_model(kind: str, path: Path) -> bool:
    folder = model_folder(kind)
    if any((path / mark).is_file() for mark in folder.marks):
        return True
    return folder.files and path.is_file()


def present(kind: str, name: str) -> bool | str:
    """True if the model exists, else the message that states why not."""
    try:
        find(kind, name)
    except CheckpointError as error:
        return str(error)
    return True


def changed(kind: str, name: str) -> str:
    """A text that changes with the file, or with a file in the folder."""
    path = find(kind, name)
    files = (
        sorted(entry for entry in path.iterdir() if entry.is_file()) if path.is_dir() else [path]
    )
    return " ".join(f"{(s := file.stat()).st_size}-{s.st_mtime_ns}" for file in files)
