"""Files of torch.save from before PyTorch 1.6, as an archive like the newer zip files.

Such are torchvision's VGG16 and the heads of LPIPS. The file is a row of pickles (a magic number,
a protocol, the machine, the content, the storages' keys) and then every storage: an int64 count
and the numbers.
"""

import struct
import zipfile
from pathlib import Path
from typing import BinaryIO

from .inert_pickle import Refused, storages_of, unpickle

__all__ = ["LegacyArchive", "is_legacy"]

MAGIC = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")
"""The first pickle: PyTorch's magic number."""
PROTOCOL = 1001
COUNT = struct.Struct("<q")
FOLDER = "archive/"


def is_legacy(path: str | Path) -> bool:
    """Whether a file begins as those of torch.save from before PyTorch 1.6."""
    with Path(path).open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


class LegacyArchive:
    """The parts of an old file under the names that they have in a new one.

    Args:
        file: open as long as the archive is used.
        size: of the file, in bytes.

    Raises:
        Refused: not such a file, of another version, or cut short.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._spans: dict[str, tuple[int, int]] = {}
        if file.read(len(MAGIC)) != MAGIC or unpickle(file) != PROTOCOL:
            raise Refused("does not begin as a file of torch.save")
        machine = unpickle(file)
        if not isinstance(machine, dict) or machine.get("little_endian") is not True:
            raise Refused("was saved on a big-endian machine; save it on a little-endian one")
        start = file.tell()
        storages = storages_of(file)
        self._spans[f"{FOLDER}data.pkl"] = (start, file.tell() - start)
        keys = unpickle(file)
        if type(keys) is not list or set(keys) != set(storages):
            raise Refused("lists other storages than its tensors refer to")
        for key in keys:
            (count,) = COUNT.unpack(file.read(COUNT.size))
            length = storages[key].numel * storages[key].dtype.itemsize
            if count != storages[key].numel or file.tell() + length > size:
                raise Refused(f"ends within storage {key}, or has another number of values there")
            self._spans[f"{FOLDER}data/{key}"] = (file.tell(), length)
            file.seek(length, 1)

    def infolist(self) -> list[zipfile.ZipInfo]:
        """The parts, none of them compressed."""
        return [_entry(name, length) for name, (_, length) in self._spans.items()]

    def read(self, entry: zipfile.ZipInfo) -> bytes:
        """The bytes of a part."""
        start, length = self._spans[entry.filename]
        self._file.seek(start)
        return self._file.read(length)


def _entry(name: str, length: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.file_size = length
    return entry
