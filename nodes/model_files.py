"""Model files: the lists of the loaders, and the paths of what they load."""

import os
from pathlib import Path

from ..core.auxiliaries import FOLDER_MARKS
from ..core.checkpoints.checkpoint import SUFFIXES
from ..core.errors import CheckpointError
from ..core.pairs.manifest import MANIFEST
from ..core.zoo import shipped as catalogue
from .host import host

__all__ = ["changed", "find", "offered", "present"]

CURES = {
    "latentsteer_generators": "Put the file there, or choose an embedded model: "
    f"{', '.join(catalogue.GENERATORS)}.",
    "latentsteer_aux": "Put the file there, or choose an embedded model: "
    f"{', '.join(catalogue.AUXILIARIES)}.",
    "latentsteer_translators": "Make one with Train Translator and Save Translator, put the file "
    f"there, or choose an embedded translator: {', '.join(catalogue.TRANSLATORS)}.",
    "latentsteer_pairs": "Make some with Synthesise Pairs, put the folder there, or choose "
    f"embedded pairs: {', '.join(catalogue.PAIRS)}.",
}
"""What to do if there is no such model, by kind."""
MARKS = {
    "latentsteer_generators": FOLDER_MARKS,
    "latentsteer_aux": FOLDER_MARKS,
    "latentsteer_pairs": frozenset({MANIFEST}),
}
"""Names of files that mark a folder as a model, by kind; other kinds have no such folders."""


def offered(kind: str, embedded: list[str]) -> list[str]:
    """The names in a loader's list: shipped models, then those in the folders."""
    return [*embedded, *_there(kind)]


def _there(kind: str) -> list[str]:
    """Model folders, then files outside of them."""
    folders = _model_folders(kind) if kind in MARKS else []
    if kind == "latentsteer_pairs":
        return folders
    inside = tuple(f"{folder}/" for folder in folders)
    files = host().list_files(kind, _suffixes(kind))
    return [*folders, *(name for name in files if not name.startswith(inside))]


def _model_folders(kind: str) -> list[str]:
    found: set[str] = set()
    for root in host().model_folder(kind):
        seen: set[str] = set()
        for place, inner, files in os.walk(root, followlinks=True):
            real = os.path.realpath(place)
            marked = place != str(root) and not MARKS[kind].isdisjoint(files)
            if marked:
                found.add(Path(place).relative_to(root).as_posix())
            if marked or real in seen:
                inner.clear()  # not below it
            seen.add(real)
    return sorted(found)


def _suffixes(kind: str) -> list[str]:
    # Save Translator writes this format alone.
    return [".safetensors"] if kind == "latentsteer_translators" else sorted(SUFFIXES)


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
        f"{CURES[kind]}"
    )


def _is_model(kind: str, path: Path) -> bool:
    if any((path / mark).is_file() for mark in MARKS.get(kind, ())):
        return True
    return kind != "latentsteer_pairs" and path.is_file()


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
