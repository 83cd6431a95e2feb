"""Archives written by torch.save before PyTorch 1.6, with the interface of the newer zip files.

Examples are torchvision's VGG16, the heads of LPIPS, and every tensor in a pickle that torch.save
did not write. The file is a sequence of pickles (magic number, protocol, machine, content, storage
keys) followed by every storage: an int64 count and the numbers.
"""

import io
import struct
from typing import Any

from ..bounded import Bounded
from .machine import MOST_STEPS, unpickle
from .records import Name, Refused, Storage
from .storages import StorageView, reference_of

__all__ = ["LegacyArchive", "PickleFile"]


class PickleFile:
    """A pickle that torch.save did not write.

    Args:
        file: file, positioned at its start.
        size: file size in bytes.
        most_steps: limit on its instructions.

    Attributes:
        content: the dicts, records and views in the file.
        unknown: the first unknown names and calls.

    Raises:
        Refused: it requests more than weights, or the pickle ends before the file.
    """

    sealed = False
    """The format has no checksums."""

    def __init__(self, file: io.BufferedIOBase, size: int, most_steps: int = MOST_STEPS) -> None:
        bounded = Bounded(file, size)
        builders = {Name("torch.storage", "_load_from_bytes"): _nested_storage}
        self.content, self.unknown = unpickle(bounded, builders=builders, most_steps=most_steps)
        if bounded.left:
            raise Refused(f"goes on for {bounded.left} bytes after its end; it is damaged")

    def fetch(self, storage: Storage) -> bytes:
        """Always raises: these storages bring their bytes."""
        raise Refused(f"has no bytes for storage {storage.key:.40}")


def _nested_storage(content: object) -> Storage:
    """Returns the numbers of one tensor from the embedded torch.save file."""
    if not isinstance(content, bytes):
        raise Refused("has a storage without bytes")
    archive = LegacyArchive(io.BytesIO(content), len(content))
    storage = archive.content
    if not isinstance(storage, Storage) or archive.end != len(content):
        raise Refused("has a storage that holds something else; it is damaged")
    storage.content = bytearray(archive.fetch(storage))
    return storage


MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
COUNT = struct.Struct("<q")


class LegacyArchive:
    """An old torch.save file: its contents and its storages.

    Args:
        file: file, open as long as the archive is used.
        size: file size in bytes.

    Attributes:
        content: the dicts, records and views in the file.
        unknown: the first unknown names and calls.
        end: position at which the declared contents end.

    Raises:
        Refused: not such a file, of another version, or truncated.
    """

    sealed = False
    """The format has no checksums."""

    def __init__(self, file: io.BufferedIOBase, size: int) -> None:
        self._file, self._size = file, size
        self._storages: dict[str, Storage] = {}
        self._pieces: dict[str, Storage] = {}
        self._parts: dict[str, tuple[Storage, StorageView]] = {}
        self._places: dict[str, tuple[int, int]] = {}
        if self._unpickled() != MAGIC_NUMBER or self._unpickled() != PROTOCOL:
            raise Refused("does not begin as a file of torch.save")
        machine: Any = self._unpickled()
        if not isinstance(machine, dict) or machine.get("little_endian") is not True:
            raise Refused("was saved on a big-endian machine; save it on a little-endian one")
        self.content, self.unknown = unpickle(Bounded(file, size - file.tell()), self._refer)
        keys: Any = self._unpickled()
        if type(keys) is not list or any(type(key) is not str for key in keys):
            raise Refused("lists other storages than its tensors refer to")
        if set(keys) != set(self._storages) or len(keys) != len(self._storages):
            raise Refused("lists other storages than its tensors refer to")
        for key in keys:
            self._place(key)
        for whole, part in self._parts.values():
            self._place_part(whole, part)
        self.end = file.tell()

    def fetch(self, storage: Storage) -> bytes:
        """Returns the bytes of a storage."""
        start, length = self._places[storage.key]
        self._file.seek(start)
        return self._file.read(length)

    def _unpickled(self) -> object:
        return unpickle(Bounded(self._file, self._size - self._file.tell())).content

    def _refer(self, reference: object) -> Storage | Name:
        found = reference_of(reference)
        if isinstance(found, Name):
            return found
        whole, part, why = found
        kept = self._kept(self._storages, whole)
        if why:
            raise Refused(why)
        if part is None:
            return kept
        self._parts[part.key] = (kept, part)
        return self._kept(self._pieces, Storage(whole.dtype, part.key, part.numel))

    def _kept(self, storages: dict[str, Storage], storage: Storage) -> Storage:
        kept = storages.setdefault(storage.key, storage)
        if (kept.dtype, kept.numel) != (storage.dtype, storage.numel):
            raise Refused(f"describes storage {storage.key:.40} in two ways")
        return kept

    def _place(self, key: str) -> None:
        storage = self._storages[key]
        (count,) = COUNT.unpack(self._file.read(COUNT.size))
        length = storage.numel * storage.dtype.itemsize
        if count != storage.numel or count < 0 or self._file.tell() + length > self._size:
            raise Refused(f"ends within storage {key}, or has another number of values there")
        self._places[key] = (self._file.tell(), length)
        self._file.seek(length, 1)

    def _place_part(self, whole: Storage, part: StorageView) -> None:
        start, _ = self._places[whole.key]
        width = whole.dtype.itemsize
        self._places.setdefault(part.key, (start + part.start * width, part.numel * width))
