"""Conversion of model files to safetensors, and a cache of such copies."""

import logging
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import safetensors

from ..errors import CheckpointError, InvalidInput
from .checkpoint import LEFT_OUT_KEY, Checkpoint, fingerprint, read, write
from .kinds import Kind, kind_of
from .weights import Weights

__all__ = ["SUFFIX", "cache_folder", "cached", "convert"]

SUFFIX = ".safetensors"
VARIABLE = "LATENTSTEER_CACHE"
"""Environment variable with the path of the cache folder."""
LEAST_BYTES = 1 << 20
"""Smaller files are read as quickly as their copies would be."""
PREFIX = 32
"""Number of hexadecimal digits of the source's sha256 in a copy's name."""
logger = logging.getLogger("latentsteer")


def convert(source: str | Path, target: str | Path) -> None:
    """Writes a model file as safetensors that every architecture loads alike.

    Tensors and dtypes stay the same. The remaining contents go as JSON into the metadata, with
    the name and the sha256 of the source.

    Args:
        source: any model file, or a Hugging Face folder.
        target: output path, ending in `.safetensors`; it is never left half-written.

    Raises:
        CheckpointError: the source cannot be read, or safetensors cannot hold its contents.
        InvalidInput: the target has another suffix.
    """
    target = Path(target)
    if target.suffix != SUFFIX:
        raise InvalidInput(f"{target} does not end in {SUFFIX}. Name it so.")
    _write(read(source), target)


def cached(path: str | Path, folder: str | Path | None = None) -> Checkpoint:
    """Opens a model file through its safetensors copy, or writes a copy if there is none.

    The checkpoint equals that of `read`, with the path and the sha256 of the file itself. A
    damaged copy is replaced. If no copy can be written, the file is read directly.

    Args:
        path: any model file, or a folder, which is read directly.
        folder: folder of the copies; `cache_folder()` by default.

    Raises:
        CheckpointError: as for `read`.
    """
    path = Path(path)
    home = cache_folder() if folder is None else Path(folder)
    if home is None or path.is_dir() or kind_of(path) is Kind.SAFETENSORS:
        return read(path)
    if path.stat().st_size < LEAST_BYTES:
        return read(path)
    digest = fingerprint(path)
    copy = home / f"{digest[:PREFIX]}{SUFFIX}"
    if (found := _taken(copy, digest)) is not None:
        config = {key: value for key, value in found.config.items() if key != "source"}
        return replace(found, path=path, sha256=digest, config=config)
    checkpoint = read(path)
    try:
        _write(checkpoint, copy)
    except (CheckpointError, OSError, safetensors.SafetensorError) as error:
        logger.info("%s is not kept in %s: %s", path.name, home, error)
    return checkpoint


def cache_folder() -> Path | None:
    """Returns the folder of the copies: LATENTSTEER_CACHE, or one in the user's cache folder."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "latentsteer"


def _write(checkpoint: Checkpoint, target: Path) -> None:
    source: dict[str, Any] = {"sha256": checkpoint.sha256, "name": checkpoint.path.name}
    if checkpoint.script:
        source["script"] = True
    config: dict[str, Any] = {"source": source} | dict(checkpoint.config)
    tensors = checkpoint.tensors
    if isinstance(tensors, Weights):
        if tensors.left_out or tensors.unknown:
            config[LEFT_OUT_KEY] = [dict(tensors.left_out), dict(tensors.unknown)]
        tensors = tensors.whole
    try:
        write(target, tensors, config)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{checkpoint.path.name} holds what safetensors cannot: {error!r:.200}."
        ) from error


def _taken(copy: Path, digest: str) -> Checkpoint | None:
    """Returns the checkpoint of a copy, or None without an intact copy of that file."""
    if not copy.is_file():
        return None
    try:
        found = read(copy)
    except CheckpointError:
        return None
    source = found.config.get("source")
    same = isinstance(source, dict) and source.get("sha256") == digest
    return found if same else None
