"""Reads tensors and configuration from third-party files without running anything in them."""

import codecs
import contextlib
import io
import struct
import zipfile
from collections.abc import Generator
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from ..errors import CheckpointError
from . import npz as numpy_files
from .kinds import Kind
from .pickles.modules import Tree
from .pickles.records import Array, LeftOut, Refused
from .pickles.tensors import Tensors
from .pickles.torch_legacy import LegacyArchive, PickleFile
from .pickles.torch_zip import ZipArchive
from .weights import Weights

__all__ = ["Contents", "damage", "open_foreign", "refuse_unlisted"]

END = struct.Struct("<4s4H2LH")
"""Zip end record: disks, entries here and in total, directory, comment."""
MARK = b"PK\x05\x06"
LOCATOR_BYTES = 20
LARGE_END = struct.Struct("<4sQ2H2L2Q")
LARGE_MARK = b"PK\x06\x06"
LARGE_BYTES = 56
FULL = 0xFFFF
"""Placeholder for a count that only the zip64 record holds."""


def refuse_unlisted(file: io.BufferedIOBase, archive: zipfile.ZipFile, size: int) -> None:
    """Refuses a zip whose directory has another number of entries than it declares.

    Args:
        file: the file that the archive was opened on.
        archive: the open archive.
        size: file size in bytes.

    Raises:
        Refused: the counts differ, or something follows the end record.
    """
    start = size - END.size
    file.seek(max(start, 0))
    mark, _, _, _, count, _, _, comment = END.unpack(file.read(END.size))
    if mark != MARK or comment:
        raise Refused("is a zip with data after its end; torch.save and numpy.savez add none")
    if count == FULL:
        file.seek(start - LOCATOR_BYTES - LARGE_BYTES)
        mark, *_, count = LARGE_END.unpack(file.read(LARGE_END.size))
        if mark != LARGE_MARK:
            raise Refused("is a large zip without its entry count; it is damaged")
    if count != len(archive.infolist()):
        raise Refused(
            f"lists {len(archive.infolist())} entries, but declares {count}; it is damaged. Fetch "
            "or save it again"
        )


CODECS = tuple(map(codecs.lookup, ("cp437", "raw_unicode_escape")))
"""Codecs that zip files and old pickles need, loaded now so that no file triggers an import."""
Archive = ZipArchive | LegacyArchive | PickleFile


class Contents(NamedTuple):
    """Contents of a file.

    Attributes:
        tensors: dotted name to tensor.
        config: its `modules` and `values`, as JSON.
    """

    tensors: Weights
    config: dict[str, Any]


def open_foreign(path: Path, kind: Kind) -> Contents:
    """Reads the tensors of a file onto the CPU, and the other contents as JSON.

    The device that they were saved from is ignored. In a TorchScript archive the tensors are
    those among the modules' attributes; its code is never read.

    Raises:
        CheckpointError: the file is damaged, or requests more than weights.
    """
    with damage(path):
        size = path.stat().st_size
        with path.open("rb") as file:
            if kind is Kind.LEGACY:
                return _contents(path, LegacyArchive(file, size), size)
            if kind is Kind.PICKLE:
                return _contents(path, PickleFile(file, size), size)
            with zipfile.ZipFile(file) as archive:
                refuse_unlisted(file, archive, size)
                names = archive.namelist()
                if names and all(name.endswith(numpy_files.SUFFIX) for name in names):
                    return _arrays(path, archive, size)
                return _contents(path, ZipArchive(archive, size), size)


@contextlib.contextmanager
def damage(path: Path) -> Generator[None, None, None]:
    """Converts any exception raised while a file is read into a CheckpointError.

    Raises:
        CheckpointError: any exception was raised.
    """
    try:
        yield
    except CheckpointError:
        raise
    except Refused as refusal:
        raise CheckpointError(f"{path} {refusal}.") from None
    except zipfile.BadZipFile as error:
        raise CheckpointError(
            f"{path} ({path.stat().st_size} bytes) is not an intact zip file, as written by "
            f"torch.save since PyTorch 1.6 and by numpy.savez: {error}. Fetch it again."
        ) from error
    except Exception as error:
        raise CheckpointError(
            f"{path} is not a readable torch.save file, pickle or .npz of weights: "
            f"{error!r:.200}. Fetch or save it again."
        ) from error


def _contents(path: Path, archive: Archive, size: int) -> Contents:
    tree = Tree(Tensors(size, archive.fetch, sealed=archive.sealed))
    config = tree.config(archive.content)
    weights = Weights(path, tree.tensors, tree.left_out, tree.unknown)
    if not weights.whole and (why := [*weights.left_out.values(), *archive.unknown]):
        raise Refused(why[0])
    if not weights and (why := list(weights.unknown.values())):
        raise Refused(why[0])
    if not weights and not config:
        raise Refused("holds neither tensors nor values; weights are expected")
    if not weights and not isinstance(archive.content, dict | list | tuple):
        raise Refused(f"holds a {type(archive.content).__name__}; weights are expected")
    return Contents(weights, config)


def _arrays(path: Path, archive: zipfile.ZipFile, size: int) -> Contents:
    make = Tensors(numpy_files.MOST_TIMES * size, lambda _: b"", sealed=True)
    left_out: dict[str, str] = {}

    def made(name: str, array: Array) -> Tensor | None:
        try:
            return make.of(name, array)
        except LeftOut as refusal:
            left_out[name] = str(refusal)
            return None

    arrays = numpy_files.arrays_in(archive, size)
    found = {name: made(name, array) for name, array in arrays.items()}
    whole = {name: tensor for name, tensor in found.items() if tensor is not None}
    if not whole and left_out:
        raise Refused(next(iter(left_out.values())))
    return Contents(Weights(path, whole, left_out), {})
