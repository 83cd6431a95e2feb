"""Whether a zip file lists all that lies in it; Python's own module does not count."""

import io
import struct
import zipfile

from .inert_records import Refused

__all__ = ["refuse_unlisted"]

END = struct.Struct("<4s4H2LH")
"""The record that ends every zip file: disks, entries here and in all, a directory, a comment."""
MARK = b"PK\x05\x06"
LOCATOR_BYTES = 20
LARGE_END = struct.Struct("<4sQ2H2L2Q")
LARGE_MARK = b"PK\x06\x06"
LARGE_BYTES = 56
FULL = 0xFFFF
"""Stands for a count that only the larger record holds."""


def refuse_unlisted(file: io.BufferedIOBase, archive: zipfile.ZipFile, size: int) -> None:
    """Refuses a zip whose directory names fewer or more entries than it says there are.

    Args:
        file: what the archive was opened on.
        archive: open.
        size: of the file, in bytes.

    Raises:
        Refused: the counts differ, or there is something after the end.
    """
    start = size - END.size
    file.seek(max(start, 0))
    mark, _, _, _, count, _, _, comment = END.unpack(file.read(END.size))
    if mark != MARK or comment:
        raise Refused("is a zip with something after its end; torch.save and numpy.savez add none")
    if count == FULL:
        file.seek(start - LOCATOR_BYTES - LARGE_BYTES)
        mark, *_, count = LARGE_END.unpack(file.read(LARGE_END.size))
        if mark != LARGE_MARK:
            raise Refused("is a zip of many entries without a count of them; it is damaged")
    if count != len(archive.infolist()):
        raise Refused(
            f"lists {len(archive.infolist())} entries, but says that there are {count}; it is "
            "damaged. Fetch or save it again"
        )
