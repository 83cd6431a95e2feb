"""Resolves the picture names in a graph, in all notations that ComfyUI uses."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.zoo.shipped import EXAMPLES
from . import images as pictures
from .errors import WorkflowError
from .host import StandaloneHost

if TYPE_CHECKING:
    pass

__all__ = ["located"]

_ANNOTATED = re.compile(r"(.*?)\s*\[(input|output|temp)\]", re.DOTALL)
"""Mask editor and galleries append the folder to the name: "clipspace/a.png [input]"."""


def located(host: StandaloneHost, name: str) -> Path:
    """Returns the file of a picture name, in the input folder unless the name has another.

    The example pictures need no file there.

    Raises:
        WorkflowError: the name leads out of the folder, or the file does not exist.
    """
    if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance] - a graph may
        raise WorkflowError(f"got {name!r}, expected the name of a picture")
    annotated = _ANNOTATED.fullmatch(name)
    bare, kind = (annotated[1], annotated[2]) if annotated else (name, "input")
    folders = {
        "input": host.input_directory(),
        "output": host.output_directory(),
        "temp": host.temp_directory(),
    }
    folder = folders[kind]
    # Graphs from Windows have backslashes.
    for spelled in dict.fromkeys((bare, bare.replace("\\", "/"))):
        path = pictures.inside(folder, spelled, "the picture")
        with contextlib.suppress(OSError):  # not a possible file name
            if path.is_file():
                return path
    if kind == "input" and bare in EXAMPLES:
        return EXAMPLES[bare]
    raise WorkflowError(f"there is no picture {bare!r} in {folder}; it holds: {_listed(folder)}")


def _listed(folder: Path) -> str:
    found = folder.rglob("*") if folder.is_dir() else ()
    names = sorted(p.relative_to(folder).as_posix() for p in found if p.is_file())
    more = f", and {len(names) - 20} more" if len(names) > 20 else ""
    return (", ".join(names[:20]) or "-") + more
