"""Tensors from files of torch.save and torch.jit.save, running nothing of what is inside."""

import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .errors import CheckpointError
from .inert_pickle import Refused, ScriptObject, Storage, View, unpickle
from .torch_legacy import LegacyArchive, is_legacy

__all__ = ["is_script", "read_tensors"]

PICKLE_BYTES = 64 << 20
"""Largest pickle read; that of a state dict of ten thousand tensors has 2 MiB."""
SPARE_BYTES = 1 << 30
"""What the tensors may take beyond twice the file, since saved views may share storage."""
DEEPEST = 32
"""Levels of dicts and lists in a checkpoint."""
MOST_ENTRIES = 300_000
"""Entries visited in search of tensors: shared lists could be visited without end."""


def is_script(path: str | Path) -> bool:
    """Whether a file is a TorchScript archive, which carries code beside its tensors."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.split("/")[1:] == ["constants.pkl"] for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a file of torch.save, on the CPU; nested dicts give dotted names.

    Of a TorchScript archive the tensors among the modules' attributes; its code is not looked at.

    Where they were saved from, such as a GPU, is ignored; all that is no tensor is left out.

    Raises:
        CheckpointError: not a zip of torch.save, damaged, or one that asks for more than tensors.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if is_legacy(path):
            with path.open("rb") as file:
                return _Reader(LegacyArchive(file, size), size).tensors()
        with zipfile.ZipFile(path) as archive:
            return _Reader(archive, size).tensors()
    except Refused as refusal:
        raise CheckpointError(f"{path} {refusal}.") from None
    except zipfile.BadZipFile as error:
        raise CheckpointError(
            f"{path} ({path.stat().st_size} bytes) is not a whole zip file, as torch.save writes "
            f"since PyTorch 1.6, nor an older file of it: {error}. Fetch it again."
        ) from error
    except (
        ArithmeticError,
        EOFError,
        LookupError,
        NotImplementedError,
        OSError,
        RecursionError,
        RuntimeError,
        TypeError,
        ValueError,
        struct.error,
    ) as error:
        raise CheckpointError(
            f"{path} is no readable file of torch.save: {error!r:.200}. Fetch or save it again."
        ) from error


class _Reader:
    """An open archive and what it may still use."""

    def __init__(self, archive: zipfile.ZipFile | LegacyArchive, size: int) -> None:
        entries = archive.infolist()
        self.archive = archive
        self.entries = {entry.filename: entry for entry in entries}
        self.allowance = 2 * size + SPARE_BYTES
        self.buffers: dict[str, bytearray] = {}
        # The code of TorchScript archives is compressed, and never read.
        read = [entry for entry in entries if entry.filename.split("/")[1:2] != ["code"]]
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in read):
            raise Refused("has compressed entries; torch.save stores them as they are")
        if sum(entry.file_size for entry in read) > size or len(self.entries) < len(entries):
            raise Refused("has entries that share bytes or names; torch.save makes none")
        found = [name for name in self.entries if name.split("/")[1:] == ["data.pkl"]]
        if len(found) != 1:
            raise Refused(f"has {len(found)} entries `*/data.pkl`; a file of torch.save has one")
        self.folder = found[0].removesuffix("data.pkl")

    def tensors(self) -> dict[str, Tensor]:
        """All tensors under their dotted names."""
        if self.folder + "byteorder" in self.entries and self.read("byteorder", 16) != b"little":
            raise Refused("was saved on a big-endian machine; save it on a little-endian one")
        content = unpickle(self.read("data.pkl", PICKLE_BYTES))
        found: dict[str, Tensor] = {}
        for name, view in self.views(content):
            if name in found:
                raise Refused(f"has two tensors named `{name}`")
            found[name] = self.tensor(name, view)
        return found

    def read(self, name: str, most: int) -> bytes:
        """An entry whose check sum agrees."""
        entry = self.entries[self.folder + name]
        if entry.file_size > most:
            raise Refused(f"has an entry {name} of {entry.file_size} bytes, more than {most}")
        return self.archive.read(entry)

    def views(self, content: object) -> Iterator[tuple[str, View]]:
        """The views within nested dicts, lists and tuples, with their names."""
        # A list may hold itself, and lists that share their items could be walked without end.
        walks = [iter([("", content)])]
        visits = 0
        while walks:
            for name, value in walks[-1]:
                visits += 1
                if visits > MOST_ENTRIES:
                    raise Refused(f"has more than {MOST_ENTRIES} entries")
                if isinstance(value, View):
                    yield name, value
                elif type(value) in (dict, list, tuple, ScriptObject):
                    walks.append(_named(value, name))
                    break
            else:
                walks.pop()
            if len(walks) > DEEPEST:
                raise Refused(f"nests deeper than {DEEPEST} levels")

    def tensor(self, name: str, view: View) -> Tensor:
        """A view of its storage, checked against it."""
        storage, offset, shape, stride = view
        numbers = (offset, *shape, *stride)
        if type(storage) is not Storage or len(shape) != len(stride):
            raise Refused(f"declares `{name}` by other than a storage, a shape and strides")
        if any(type(n) is not int or not 0 <= n < 2**40 for n in numbers):
            raise Refused(f"declares `{name}` with sizes that are no sizes: {numbers!r:.99}")
        count, last = 1, offset
        for size, step in zip(shape, stride, strict=True):
            count, last = count * size, last + max(size - 1, 0) * step
        width = storage.dtype.itemsize
        self.allowance -= count * width
        if self.allowance < 0 or len(shape) > DEEPEST:
            raise Refused(f"declares tensors, up to `{name}`, far larger than the file")
        if count == 0:
            return torch.empty(shape, dtype=storage.dtype)
        if storage.key not in self.buffers:
            size = self.entries[f"{self.folder}data/{storage.key}"].file_size
            self.buffers[storage.key] = bytearray(self.read(f"data/{storage.key}", size))
        held = self.buffers[storage.key]
        if len(held) != storage.numel * width or last >= storage.numel:
            raise Refused(
                f"declares `{name}` as {last + 1} numbers or more of a storage of "
                f"{storage.numel}, for which it has {len(held)} bytes"
            )
        flat = torch.frombuffer(held, dtype=storage.dtype)
        return flat.as_strided(shape, stride, offset).contiguous()


def _named(container: object, name: str) -> Iterator[tuple[str, object]]:
    """What is in a dict, list or tuple, under dotted names."""
    inside: Any = container.attributes if isinstance(container, ScriptObject) else container
    pairs = inside.items() if type(inside) is dict else enumerate(inside)
    return ((f"{name}.{key}" if name else str(key), item) for key, item in pairs)
