"""Zip files of torch.save and torch.jit.save: their contents and their storages, checked."""

import zipfile
from pathlib import Path

from ..bounded import Bounded
from .machine import unpickle
from .records import Name, Refused, Storage
from .storages import reference_of

__all__ = ["ZipArchive", "is_script"]

PICKLE_BYTES = 64 << 20
"""Largest pickle read; that of a state dict of ten thousand tensors has 2 MiB."""


def is_script(path: str | Path) -> bool:
    """Whether a file is a TorchScript archive, which contains code besides its tensors."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.split("/")[1:] == ["constants.pkl"] for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


class ZipArchive:
    """A file of torch.save since PyTorch 1.6, or of torch.jit.save, whose code is never read.

    Args:
        archive: the archive, open as long as this is used.
        size: file size in bytes.

    Attributes:
        content: the dicts, records and views in the file.
        unknown: the first unknown names and calls.

    Raises:
        Refused: not such a file, or one that requests more than weights.
    """

    sealed = True
    """Every entry has a checksum."""

    def __init__(self, archive: zipfile.ZipFile, size: int) -> None:
        entries = archive.infolist()
        self._archive = archive
        self._entries = {entry.filename: entry for entry in entries}
        self._storages: dict[str, Storage] = {}
        # The code of TorchScript archives is compressed, and never read.
        read = [entry for entry in entries if entry.filename.split("/")[1:2] != ["code"]]
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in read):
            raise Refused("has compressed entries; torch.save stores them as they are")
        if sum(entry.file_size for entry in read) > size or len(self._entries) < len(entries):
            raise Refused("has entries that share bytes or names; torch.save makes none")
        found = [name for name in self._entries if name.split("/")[1:] == ["data.pkl"]]
        if len(found) != 1:
            raise Refused(f"has {len(found)} entries `*/data.pkl`; a file of torch.save has one")
        self._folder = found[0].removesuffix("data.pkl")
        if (
            self._folder + "byteorder" in self._entries
            and self._read("byteorder", 16) != b"little"
        ):
            raise Refused("was saved on a big-endian machine; save it on a little-endian one")
        pickle = self._read("data.pkl", PICKLE_BYTES)
        self.content, self.unknown = unpickle(Bounded.of(pickle), self._refer)

    def fetch(self, storage: Storage) -> bytes:
        """Returns the bytes of a storage, whose checksum is verified."""
        name = f"data/{storage.key}"
        if self._folder + name not in self._entries:
            raise Refused(f"has no entry {name:.99} for a storage that it refers to")
        return self._read(name, self._entries[self._folder + name].file_size)

    def _read(self, name: str, most: int) -> bytes:
        entry = self._entries[self._folder + name]
        if entry.file_size > most:
            raise Refused(f"has an entry {name} of {entry.file_size} bytes, more than {most}")
        return self._archive.read(entry)

    def _refer(self, reference: object) -> Storage | Name:
        found = reference_of(reference)
        if isinstance(found, Name):
            return found
        if found.why or found.part:
            raise Refused(found.why or "has a storage within another")
        kept = self._storages.setdefault(found.storage.key, found.storage)
        # If two references disagree, the wrong one is refused when its tensor is made.
        same = (kept.dtype, kept.numel) == (found.storage.dtype, found.storage.numel)
        return kept if same else found.storage
