"""Reads numeric arrays from `.npz` files, as chainer writes its weights; never objects."""

import io
import re
import struct
import zipfile

from .pickles.records import Array, Dtype, Refused

__all__ = ["arrays_in"]

MAGIC = b"\x93NUMPY"
SUFFIX = ".npy"
LONGEST_HEADER = 4096
MOST_TIMES = 20
"""Limit on unpacked size over file size; compressed numbers never reach this ratio."""
SPARE_BYTES = 64 << 20
HEADER = re.compile(
    r"\{'descr': '(?P<descr>[^']{2,8})', 'fortran_order': (?P<fortran>True|False), "
    r"'shape': \((?P<shape>[\d, ]*)\),? ?\}\s*"
)


def arrays_in(archive: zipfile.ZipFile, size: int) -> dict[str, Array]:
    """Reads the arrays of a zip file with valid checksums, by name without `.npy`.

    Args:
        archive: the open archive.
        size: file size in bytes.

    Raises:
        Refused: there are other entries, objects, implausible sizes, or damage.
    """
    entries = archive.infolist()
    if others := [entry.filename for entry in entries if not entry.filename.endswith(SUFFIX)]:
        raise Refused(
            f"is a zip with an entry {others[0]!r:.80}; a file of torch.save has `*/data.pkl`, "
            "one of numpy.savez has arrays `*.npy` alone"
        )
    if len({entry.filename for entry in entries}) < len(entries):
        raise Refused("has two entries with the same name; numpy.savez makes none")
    declared = sum(entry.file_size for entry in entries)
    if declared > MOST_TIMES * size + SPARE_BYTES:
        raise Refused(f"unpacks to {declared} bytes from {size}, too many for weights")
    found: dict[str, Array] = {}
    for entry in entries:
        with archive.open(entry) as file:
            found[entry.filename.removesuffix(SUFFIX)] = _array(entry.filename, file)  # pyright: ignore[reportArgumentType]
    return found


def _array(name: str, file: io.BufferedIOBase) -> Array:
    start = file.read(8)
    if len(start) < 8 or start[:6] != MAGIC or start[6] not in (1, 2, 3):
        raise Refused(f"has an entry {name!r:.80} that is not a NumPy array")
    count = struct.Struct("<H" if start[6] == 1 else "<I")
    (length,) = count.unpack(file.read(count.size))
    if length > LONGEST_HEADER:
        raise Refused(f"has an array {name!r:.80} whose header has {length} bytes")
    described = file.read(length).decode("latin-1")
    if (parts := HEADER.fullmatch(described)) is None:
        raise Refused(
            f"has an array {name!r:.80} of {described.strip()!r:.99}; plain little-endian numbers "
            "are expected, never objects"
        )
    shape = tuple(int(n) for n in parts["shape"].replace(",", " ").split())
    dtype = Dtype.of(parts["descr"])
    if dtype.number is None:
        raise Refused(f"has an array {name!r:.80} of {parts['descr']}; numbers are expected")
    content = bytearray(file.read())
    return Array(dtype, shape, content, parts["fortran"] == "True", built=True)
