"""Model files: reading tensors and their configuration, and writing our own, atomically."""

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
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
from .kinds import SUFFIXES, Kind, kind_of
from .pickles.records import Refused
from .pickles.tensors import unfinite
from .pickles.torch_zip import is_script
from .weights import Weights, joined

__all__ = ["LEFT_OUT_KEY", "SUFFIXES", "Checkpoint", "fingerprint", "read", "write"]

METADATA_KEY = "latentsteer"
LEFT_OUT_KEY = "left_out"
"""In the configuration of a copy: why tensors and values of its source are not in it, by name."""
SUM_KEY = "crc32"
"""In the configuration: of names, dtypes, shapes, numbers and all else that is configured.

Safetensors itself has no check sum.
"""


@dataclass(frozen=True)
class Checkpoint:
    """The contents of a model file.

    Attributes:
        path: where it was read from.
        tensors: name to tensor, on the CPU, in the dtype of the file. Those that cannot be used,
            being not finite or made from what is not known, are refused once they are taken.
        config: a JSON object. Of our own files what rebuilds the model. Of others `modules`
            (class, attributes and constructor arguments of pickled modules, by their paths),
            `values` (all else that is no tensor, nested as in the file) and, of a folder,
            `folder` (its config.json); empty where a file has none of them.
        sha256: of the file's bytes; of a folder, of its weights and its configuration.
        script: whether it is a TorchScript archive, as OpenAI's CLIPs are.
        options: what the user chose beside the file, by name; only what differs from "auto".
    """

    path: Path
    tensors: Mapping[str, Tensor]
    sha256: str
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    script: bool = False
    options: Mapping[str, object] = field(default_factory=dict[str, object])


def read(path: str | Path) -> Checkpoint:
    """Opens a model file, or a folder of Hugging Face, without running any code of it.

    What the file is, its contents say: its suffix must only be one of a model.

    Raises:
        CheckpointError: there is no such file, it is empty, damaged, or no kind of model file; or
            it asks for what only attacks need, such as code to be run.
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
                tensors: dict[str, Tensor] = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        except (safetensors.SafetensorError, OSError) as error:
            raise Refused(
                f"({path.stat().st_size} bytes) is not a readable safetensors file: {error}. "
                "It may be truncated: fetch or save it again"
            ) from error
        config = _config(path, metadata)
        if (told := config.pop(SUM_KEY, None)) not in (None, _sum(tensors, config)):
            raise Refused(
                f"was changed since it was written: its check sum is not {told!r:.20}. Fetch or "
                "save it again"
            )
        left_out, unknown = (dict[str, str](told) for told in config.pop(LEFT_OUT_KEY, ({}, {})))
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
    """Writes a safetensors file, to a temporary name first, so that no reader sees half of it.

    Args:
        path: where to; its folder is made when missing.
        tensors: name to tensor, from any device.
        config: what JSON can hold; it rides in the file's metadata.
    """
    # Cloned, since the format refuses tensors that share memory.
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    # What it will be read as, whose keys are texts and sorted as such.
    told = json.loads(json.dumps(dict(config or {}), sort_keys=True))
    text = json.dumps(told | {SUM_KEY: _sum(plain, told)}, sort_keys=True)
    metadata = {METADATA_KEY: text}
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
