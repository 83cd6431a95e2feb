"""Reads the tensors and configuration of model files, and writes LatentSteer's own atomically."""

import hashlib
import json
import zlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from ..errors import CheckpointError
from ..files import replacing
from .folders import read_folder
from .foreign import damage, open_foreign
from .kinds import Kind, kind_of
from .pickles.records import Refused
from .pickles.tensors import unfinite
from .pickles.torch_zip import is_script
from .record import Checkpoint
from .tensor_files import tensors_in
from .weights import Weights, joined

__all__ = ["LEFT_OUT_KEY", "Checkpoint", "fingerprint", "read", "write"]

METADATA_KEY = "latentsteer"
LEFT_OUT_KEY = "left_out"
"""Key in a copy's configuration: why tensors and values of its source are missing, by name."""
SUM_KEY = "crc32"
"""Key in the configuration: checksum of names, dtypes, shapes, numbers and the other entries.

Safetensors itself has no checksum.
"""


def read(path: str | Path) -> Checkpoint:
    """Opens a model file or a Hugging Face folder without running any of its code.

    The container is detected from the contents; the suffix only has to be a model's.

    Raises:
        CheckpointError: the file is missing, empty, damaged, or no model file; or it requests
            something that only attacks need, such as running code.
    """
    path = Path(path)
    if path.is_dir():
        return _folder(path)
    kind = kind_of(path)
    if kind is Kind.SAFETENSORS:
        return _safetensors(path)
    contents = open_foreign(path, kind)
    script = kind is Kind.ZIP and is_script(path)
    return Checkpoint(path, contents.tensors, fingerprint(path), contents.config, script)


def _safetensors(path: Path) -> Checkpoint:
    with damage(path):
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                metadata: dict[str, str] = file.metadata() or {}
                tensors = tensors_in(path, list(file.keys()))
        except (safetensors.SafetensorError, OSError) as error:
            raise Refused(
                f"({path.stat().st_size} bytes) is not a readable safetensors file: {error}. "
                "It may be truncated: fetch or save it again"
            ) from error
        config = _config(path, metadata)
        stored = config.pop(SUM_KEY, None)
        if stored is not None and stored != _sum(tensors, config):
            raise Refused(
                f"was changed since it was written: its checksum is not {stored!r:.20}. Fetch or "
                "save it again"
            )
        left_out, unknown = (dict[str, str](held) for held in config.pop(LEFT_OUT_KEY, ({}, {})))
        left_out |= {n: why for n, tensor in tensors.items() if (why := unfinite(n, tensor))}
        whole = {name: tensor for name, tensor in tensors.items() if name not in left_out}
        if not whole and left_out:
            raise Refused(next(iter(left_out.values())))
    source = config.get("source")
    script = isinstance(source, dict) and source.get("script") is True
    weights = Weights(path, whole, left_out, unknown)
    return Checkpoint(path, weights, fingerprint(path), config, script)


def _folder(path: Path) -> Checkpoint:
    config, files = read_folder(path)
    tensors = joined(path, [read(file).tensors for file in files])
    digests = [fingerprint(file) for file in files]
    digest = hashlib.sha256("".join([*digests, json.dumps(config, sort_keys=True)]).encode())
    return Checkpoint(path, tensors, digest.hexdigest(), {"folder": config})


def write(
    path: str | Path, tensors: Mapping[str, Tensor], config: Mapping[str, object] | None = None
) -> None:
    """Writes a safetensors file to a temporary name and renames it.

    Args:
        path: output path; its folder is created if missing.
        tensors: name to tensor, on any device.
        config: a JSON-serialisable object, stored in the file's metadata.
    """
    # Cloned because the format refuses tensors that share memory. A column of one row counts as
    # contiguous with any stride, which a view of its bytes refuses.
    plain = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    # The form in which it is read back: keys become strings and are sorted as such.
    plain_config = json.loads(json.dumps(dict(config or {}), sort_keys=True))
    text = json.dumps(plain_config | {SUM_KEY: _sum(plain, plain_config)}, sort_keys=True)
    metadata = {METADATA_KEY: text}
    with replacing(path) as temporary:
        safetensors.torch.save_file(plain, temporary, metadata)


def fingerprint(path: str | Path) -> str:
    """Returns the sha256 of a file, cached by path, size and modification time."""
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


def _sum(tensors: Mapping[str, Tensor], config: Mapping[str, Any]) -> str:
    total = zlib.crc32(json.dumps(config, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        total = zlib.crc32(f"{name}{tensor.dtype}{list(tensor.shape)}".encode(), total)
        numbers = tensor.contiguous().reshape(-1).view(torch.uint8)
        total = zlib.crc32(numbers.numpy().data, total)
    return f"{total:08x}"


def _config(path: Path, metadata: Mapping[str, str]) -> dict[str, Any]:
    text = metadata.get(METADATA_KEY, "{}")
    try:
        config = json.loads(text)
    except json.JSONDecodeError as error:
        raise CheckpointError(f"{path}: the configuration in its metadata is not JSON.") from error
    if not isinstance(config, dict):
        raise CheckpointError(f"{path}: the configuration in its metadata is not a JSON object.")
    return config
