"""Model folders: what they hold, told from their configuration."""

import json
from pathlib import Path

from ..captioner import Captioner
from ..checkpoints import read
from ..clip import Clip
from ..errors import CheckpointError
from .blip import CAPTIONERS, load_captioner
from .openclip import load_configured
from .transformers_clip import CLIPS, REFUSED, load_transformers_clip
from .transformers_folder import Folder, open_folder

__all__ = ["MARKS", "load_folder"]

MARKS = ("config.json", "open_clip_config.json")
"""By which a model folder is known."""


def load_folder(path: Path) -> Clip | Captioner:
    """Opens a model folder of transformers or open_clip.

    Raises:
        CheckpointError: no known kind of model, or a damaged one.
    """
    folder = open_folder(path)
    if (path / MARKS[1]).is_file():
        return _open_clip(folder)
    kind = str(folder.config.get("model_type"))
    if kind in REFUSED:
        raise CheckpointError(f"The folder {folder.name} {REFUSED[kind]}")
    if kind in CLIPS:
        return load_transformers_clip(folder)
    if kind in CAPTIONERS:
        return load_captioner(folder)
    known = ", ".join([*CLIPS, *CAPTIONERS])
    raise CheckpointError(
        f"The folder {folder.name} holds a model of type {kind!r}. Known types: {known}."
    )


def _open_clip(folder: Folder) -> Clip:
    if len(folder.files) != 1:
        raise CheckpointError(f"{folder.name} has its weights in {len(folder.files)} parts.")
    path = folder.path / MARKS[1]
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
        config, seen = described["model_cfg"], described.get("preprocess_cfg", {})
        colours = (tuple(seen["mean"]), tuple(seen["std"])) if "mean" in seen else None
    except (LookupError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} is no configuration of open_clip: {error!r}.") from error
    return load_configured(read(folder.files[0]), config, colours)
