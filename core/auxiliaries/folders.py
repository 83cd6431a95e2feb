"""Opens model folders, whose kind is detected from their configuration."""

import json
from collections.abc import Mapping
from pathlib import Path

from ..auxiliary import Classifier
from ..captioner import Captioner
from ..checkpoints.checkpoint import read
from ..checkpoints.names import FOLDER_MARKS
from ..clip import Clip
from ..errors import CheckpointError, InvalidInput
from .blip import CAPTIONERS, load_captioner
from .classifiers.timm import is_timm, load_timm
from .classifiers.transformers import classifier_types, is_classifier, load_transformers_classifier
from .clips.openclip import load_configured
from .clips.transformers import CLIPS, REFUSED, load_transformers_clip
from .transformers_folder import Folder, open_folder

__all__ = ["load_folder"]

OPTIONS = ("classes", "mean", "std")
"""Options of classifier folders; their files determine everything else."""


def load_folder(
    path: Path, options: Mapping[str, object] | None = None
) -> Clip | Captioner | Classifier:
    """Opens a model folder of transformers, open_clip or timm.

    Args:
        path: path of the folder.
        options: `classes`, `mean` and `std`, for classifiers.

    Raises:
        CheckpointError: the model is damaged or of an unknown kind.
        InvalidInput: an option is not supported or out of range.
    """
    folder, options = open_folder(path), options or {}
    kind = str(folder.config.get("model_type"))
    if not (path / FOLDER_MARKS[1]).is_file():
        if is_timm(folder):
            _check_taken(folder, options, OPTIONS)
            return load_timm(folder, options)
        if is_classifier(folder):
            _check_taken(folder, options, OPTIONS)
            return load_transformers_classifier(folder, options)
    _check_taken(folder, options, ())
    if (path / FOLDER_MARKS[1]).is_file():
        return _open_clip(folder)
    if kind in REFUSED:
        raise CheckpointError(f"The folder {folder.name} {REFUSED[kind]}")
    if kind in CLIPS:
        return load_transformers_clip(folder)
    if kind in CAPTIONERS:
        return load_captioner(folder)
    raise _unknown(folder, kind)


def _check_taken(folder: Folder, options: Mapping[str, object], taken: tuple[str, ...]) -> None:
    untaken = [name for name in options if name not in taken]
    if untaken:
        raise InvalidInput(
            f"The folder {folder.name} takes no option {' nor '.join(untaken)}; its files "
            f"determine it. It takes: {', '.join(taken) or 'none'}. Leave the others at auto."
        )


def _unknown(folder: Folder, kind: str) -> CheckpointError:
    types = classifier_types()
    known = ", ".join([*CLIPS, *CAPTIONERS])
    if kind in types:
        named = ", ".join(map(str, folder.config.get("architectures") or ())) or "no class"
        return CheckpointError(
            f"The folder {folder.name} holds a {kind} without a classification head ({named}); "
            f"expected {' or '.join(types[kind])} in its config.json."
        )
    return CheckpointError(
        f"The folder {folder.name} holds a model of type {kind!r}. Known types: {known}; "
        f"classifiers of the types {', '.join(types)}; and timm's, whose config.json has "
        "`architecture`."
    )


def _open_clip(folder: Folder) -> Clip:
    if len(folder.files) != 1:
        raise CheckpointError(f"{folder.name} has its weights in {len(folder.files)} parts.")
    path = folder.path / FOLDER_MARKS[1]
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
        config, seen = described["model_cfg"], described.get("preprocess_cfg", {})
        colours = (tuple(seen["mean"]), tuple(seen["std"])) if "mean" in seen else None
    except (LookupError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} is not an open_clip configuration: {error!r}.") from error
    return load_configured(read(folder.files[0]), config, colours)
