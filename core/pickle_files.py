"""Pickles that hold modules: NVIDIA's persistence, plain modules, TensorFlow's networks.

Every tensor in them is a file of torch.save of its own, in the format before PyTorch 1.6.
"""

import io

from .bounded_files import Bounded
from .inert_pickle import unpickle
from .inert_records import Name, Refused, Storage
from .torch_legacy import LegacyArchive

__all__ = ["PickleFile"]


class PickleFile:
    """A pickle that torch.save did not write.

    Args:
        file: at its start.
        size: of the file, in bytes.

    Attributes:
        content: the dicts, records and views that it describes.
        unknown: the first names and calls in it that are not known.

    Raises:
        Refused: it asks for more than weights, or does not end where the file does.
    """

    sealed = False
    """It has no check sums."""

    def __init__(self, file: io.BufferedIOBase, size: int) -> None:
        bounded = Bounded(file, size)
        builders = {Name("torch.storage", "_load_from_bytes"): _nested_storage}
        self.content, self.unknown = unpickle(bounded, builders=builders)
        if bounded.left:
            raise Refused(f"goes on for {bounded.left} bytes after its end; it is damaged")

    def fetch(self, storage: Storage) -> bytes:
        """Never needed: these storages bring their bytes."""
        raise Refused(f"has no bytes for storage {storage.key:.40}")


def _nested_storage(content: object) -> Storage:
    """The numbers of one tensor, from the file of torch.save that holds them."""
    if not isinstance(content, bytes):
        raise Refused("has a storage of no bytes")
    archive = LegacyArchive(io.BytesIO(content), len(content))
    storage = archive.content
    if not isinstance(storage, Storage) or archive.end != len(content):
        raise Refused("has a storage that holds something else; it is damaged")
    storage.content = bytearray(archive.fetch(storage))
    return storage
