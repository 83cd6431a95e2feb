"""Hugging Face model folders: a config.json next to the weights."""

import json
from pathlib import Path
from typing import Any

from ..errors import CheckpointError

__all__ = ["read_folder", "read_json"]

CONFIG = "config.json"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
INDICES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
MOST_BYTES = 64 << 20


def read_folder(path: Path) -> tuple[dict[str, Any], list[Path]]:
    """Returns a folder's configuration and the paths of its weight files.

    Raises:
        CheckpointError: either is missing or damaged.
    """
    if not (path / CONFIG).is_file():
        raise CheckpointError(
            f"{path} is a folder without {CONFIG}; a model file was expected, or a folder with "
            f"{CONFIG} and one of {', '.join(WEIGHTS)}."
        )
    return read_json(path / CONFIG), _weights(path)


def _weights(path: Path) -> list[Path]:
    for name in WEIGHTS:
        if (path / name).is_file():
            return [path / name]
    for name in INDICES:
        if (path / name).is_file():
            return _parts(path / name)
    there = ", ".join(sorted(entry.name for entry in path.iterdir())[:9])
    raise CheckpointError(
        f"The folder {path} has no weights; expected one of {', '.join(WEIGHTS)}, found {there}."
    )


def _parts(index: Path) -> list[Path]:
    table = read_json(index).get("weight_map")
    names = sorted({str(name) for name in table.values()}) if isinstance(table, dict) else []
    if not names:
        raise CheckpointError(f"{index} names no files. Fetch it again.")
    if outside := [name for name in names if Path(name).name != name]:
        raise CheckpointError(f"{index} names a file outside of its folder: {outside[0]}.")
    if missing := [name for name in names if not (index.parent / name).is_file()]:
        raise CheckpointError(f"{index} names {missing[0]}, which does not exist. Fetch it too.")
    return [index.parent / name for name in names]


def read_json(path: Path) -> dict[str, Any]:
    """Returns the JSON object in a file.

    Raises:
        CheckpointError: it is too large, no JSON, or no object.
    """
    if path.stat().st_size > MOST_BYTES:
        raise CheckpointError(f"{path} has {path.stat().st_size} bytes, more than {MOST_BYTES}.")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (RecursionError, ValueError) as error:
        raise CheckpointError(f"{path} is not JSON: {error}. Fetch it again.") from error
    if not isinstance(found, dict):
        raise CheckpointError(f"{path} is not a JSON object. Fetch it again.")
    return found
