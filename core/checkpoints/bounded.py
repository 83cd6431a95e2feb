"""Length-checked reads, so that no declared length is allocated up front."""

import io

from .pickles.records import Refused

__all__ = ["Bounded"]

LONGEST_LINE = 1 << 20


class Bounded:
    """A file whose reads are checked against its size before they allocate anything.

    Args:
        file: positioned at the start of the pickle.
        size: number of bytes from there to the end.
    """

    def __init__(self, file: io.BufferedIOBase, size: int) -> None:
        self._file, self._left = file, size

    @classmethod
    def of(cls, content: bytes) -> "Bounded":
        """Wraps a pickle in memory."""
        return cls(io.BytesIO(content), len(content))

    def read(self, count: int) -> bytes:
        """Reads exactly `count` bytes.

        Raises:
            Refused: fewer are left.
        """
        if not 0 <= count <= self._left:
            raise Refused(
                f"ends within a pickle: {count} bytes should follow, but {self._left} do. Fetch "
                "or save it again"
            )
        self._left -= count
        return self._file.read(count)

    def readline(self) -> bytes:
        """Reads up to and including the next line break."""
        line = self._file.readline(min(self._left, LONGEST_LINE))
        self._left -= len(line)
        return line

    def tell(self) -> int:
        """Returns the position in the file."""
        return self._file.tell()

    @property
    def left(self) -> int:
        """Number of bytes left."""
        return self._left
