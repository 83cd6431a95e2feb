"""Model files: reading tensors and their configuration, and writing our own, atomically."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from .errors import CheckpointError
from .files import replacing
from .torch_zip import is_script, read_tensors

__all__ = ["SUFFIXES", "Checkpoint", "fingerprint", "read", "write"]

METADATA_KEY = "latentsteer"
TORCH_SUFFIXES = frozenset({".pth", ".pt", ".bin", ".tar", ".ckpt"})
"""What torch.save is told to write to."""
SUFFIXES = TORCH_SUFFIXES | {".safetensors"}
"""File names that `read` opens. The other pickles of the official releases follow."""


@dataclass(frozen=True)
class Checkpoint:
    """The contents of a model file.

    Attributes:
        path: where it was read from.
        tensors: name to tensor, on the CPU, in the dtype of the file.
        config: the JSON object that rebuilds it, where the file carries one of ours; else empty.
        sha256: of the file's bytes.
        script: whether it is a TorchScript archive, as OpenAI's CLIPs are.
    """

    path: Path
    tensors: Mapping[str, Tensor]
    sha256: str
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    script: bool = False


def read(path: str | Path) -> Checkpoint:
    """Opens a model file without running any code of it.

    Raises:
        CheckpointError: there is no such file, it is empty, or it is not what its name says.
    """
    path = Path(path)
    if not path.exists():
        raise CheckpointError(f"There is no model file {path}. Check the name and the folder.")
    if not path.is_file():
        raise CheckpointError(f"{path} is a folder; a model file was expected.")
    _refuse_lookalikes(path)
    if path.suffix in TORCH_SUFFIXES:
        return Checkpoint(path, read_tensors(path), fingerprint(path), script=is_script(path))
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata: dict[str, str] = file.metadata() or {}
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (safetensors.SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path} ({path.stat().st_size} bytes) is not a readable safetensors file: {error}. "
            "It may be truncated: fetch or save it again."
        ) from error
    return Checkpoint(path, tensors, fingerprint(path), _config(path, metadata))


def write(
    path: str | Path, tensors: Mapping[str, Tensor], config: Mapping[str, object] | None = None
) -> None:
    """Writes a safetensors file, to a temporary name first, so that no reader sees half of it.

    Args:
        path: where to; its folder is made when missing.
        tensors: name to tensor, from any device.
        config: what JSON can hold; it rides in the file's metadata.
    """
    # Cloned, since the format refuses tensors that share memory.
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    metadata = {METADATA_KEY: json.dumps(dict(config or {}), sort_keys=True)}
    with replacing(path) as temporary:
        safetensors.torch.save_file(plain, temporary, metadata)


def fingerprint(path: str | Path) -> str:
    """The sha256 of a file, remembered by path, size and time of change."""
    path = Path(path).resolve()
    status = path.stat()
    return _sha256(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=256)
def _sha256(path: Path, _size: int, _changed: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def _config(path: Path, metadata: Mapping[str, str]) -> Mapping[str, Any]:
    text = metadata.get(METADATA_KEY, "{}")
    try:
        config = json.loads(text)
    except json.JSONDecodeError as error:
        raise CheckpointError(f"{path}: the configuration in its metadata is not JSON.") from error
    if not isinstance(config, dict):
        raise CheckpointError(f"{path}: the configuration in its metadata is not a JSON object.")
    return config


def _refuse_lookalikes(path: Path) -> None:
    if path.suffix not in SUFFIXES:
        known = ", ".join(sorted(SUFFIXES))
        raise CheckpointError(f"{path} does not end in a known suffix. Known: {known}.")
    with path.open("rb") as file:
        head = file.read(64)
    if not head:
        raise CheckpointError(f"{path} is empty. Fetch or save it again.")
    if head.startswith(b"version https://git-lfs"):
        raise CheckpointError(f"{path} is a Git LFS pointer, not the model. Run 'git lfs pull'.")
    if head.lstrip().lower().startswith((b"<!doctype", b"<html")):
        raise CheckpointError(f"{path} is a web page, not a model. Download the file itself.")
