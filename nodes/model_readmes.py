"""The model folders that a host makes when it starts, each with a README of what belongs there."""

import contextlib
import logging
from pathlib import Path

from ..core.files import creating
from .model_folders import ModelFolder

__all__ = ["README", "make_model_folder", "readme_of"]

README = "README.md"
DOCS = "https://github.com/latentsteer/latentsteer/blob/main/docs"
logger = logging.getLogger("latentsteer")


def make_model_folder(folder: ModelFolder, path: Path) -> None:
    """Makes a model folder with its README; a file that is there stays as it is.

    A folder that cannot be written to, such as one of a read-only disk, is left alone: its models
    can be read all the same.

    Args:
        folder: the kind of the folder.
        path: where it belongs.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        if not (path / README).exists():
            # Another host may have started at the same time.
            with contextlib.suppress(FileExistsError), creating(path / README) as temporary:
                temporary.write_text(readme_of(folder), encoding="utf-8", newline="\n")
    except OSError as error:
        logger.debug("no README in the model folder %s: %s", path, error)


def readme_of(folder: ModelFolder) -> str:
    """Returns what the README of a model folder says, in Markdown."""
    suffixes, marks = ", ".join(sorted(folder.suffixes)), " or ".join(sorted(folder.marks))
    forms = [f"* Files, whose names end in {suffixes}."] if folder.files else []
    forms += [f"* Folders that contain {marks}; each is one model."] if marks else []
    lines = [
        f"# {folder.key}",
        "",
        f"LatentSteer looks here for {folder.holds}:",
        "",
        *forms,
        "",
        "Subfolders are searched too. What ships with LatentSteer (*embedded* in the lists of the "
        "nodes) needs no file here. After adding a file, press R in ComfyUI: the nodes' lists "
        "then have it.",
        "",
        "Other folders can be searched as well: name them in ComfyUI's `extra_model_paths.yaml`, "
        f"under the key `{folder.key}`.",
        "",
        f"Which models open, and where they are published: <{DOCS}/models.md>. All model folders: "
        f"<{DOCS}/install.md>.",
    ]
    return "\n".join(lines) + "\n"
