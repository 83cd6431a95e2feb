"""Files that give no more than they have, so that no declared length is allocated first."""

import io

from .pickles.records import Refused

__all__ = ["Bounded"]

LONGEST_LINE = 1 << 20


class Bounded:
    """A file that gives no more than it has, so that no declared length is allocated first.

    Args:
        file: at the start of the pickle.
        size: how many bytes there are from there on.
    """

    def __init__(self, file: io.BufferedIOBase, size: int) -> None:
        self._file, self._left = file, size

    @classmethod
    def of(cls, content: bytes) -> "Bounded":
        """A pickle in memory."""
        return cls(io.BytesIO(content), len(content))

    def read(self, count: int) -> bytes:
        """As many bytes.

        Raises:
            Refused: there are fewer.
        """
        if not 0 <= count <= self._left:
            raise Refused(
                f"ends within a pickle: {count} bytes were to follow, {self._left} do. Fetch or "
                "save it again"
            )
        self._left -= count
        return self._file.read(count)

    def readline(self) -> bytes:
        """Bytes up to and with the next line break."""
        line = self._file.readline(min(self._left, LONGEST_LINE))
        self._left -= len(line)
        return line

    def tell(self) -> int:
        """The place in the file."""
        return self._file.tell()

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return self._left
