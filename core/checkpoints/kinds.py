"""Detects the container format of a model file from its first bytes, never from its name alone."""

from enum import Enum
from pathlib import Path

from ..errors import CheckpointError
from .names import SUFFIXES

__all__ = ["Kind", "kind_of"]

MOST_BYTES = 16 << 30
"""Largest file that is opened."""
HEAD = 64
LONGEST_HEADER = 100 << 20
OTHERS: dict[bytes, str] = {
    b"\x1f\x8b": "a gzip archive; unpack it first",
    b"7z\xbc\xaf": "a 7z archive; unpack it first",
    b"Rar!": "a RAR archive; unpack it first",
    b"\xfd7zXZ": "an xz archive; unpack it first",
    b"\x89PNG": "a picture, not a model",
    b"\xff\xd8\xff": "a picture, not a model",
    b"\x89HDF": "an HDF5 file, as Keras writes; this format is not supported",
    b"GGUF": "a GGUF file; this format is not supported",
    b"%PDF": "a PDF, not a model",
    b"<?xml": "an XML text, not a model. Download the file itself",
    b"\x93NUMPY": "a single NumPy array; write it with numpy.savez",
}
PAGES = (b"<!doctype", b"<html", b"<head", b"<!--")
PICKLES = b"\x80(]}clgN"
"""First bytes of non-empty pickles: protocol 2 and later, then the oldest."""

LEGACY_MAGIC = bytes.fromhex("8a0a6cfc9c46f9206aa850192e")
"""First pickle without its protocol: the magic number of PyTorch before 1.6."""
OLDEST_LEGACY = b"L119547037146038801333356L\n."
"""The same in protocols 0 and 1."""


class Kind(Enum):
    """Supported containers."""

    SAFETENSORS = "safetensors"
    ZIP = "zip"
    LEGACY = "torch.save before PyTorch 1.6"
    PICKLE = "pickle"


def kind_of(path: Path) -> Kind:
    """Returns the container format of a file.

    Raises:
        CheckpointError: the format is unknown, the file is empty or missing, or it lacks a model
            suffix.
    """
    if not path.exists():
        raise CheckpointError(f"There is no model file {path}. Check the name and the folder.")
    if not path.is_file():
        raise CheckpointError(f"{path} is not a regular file; a model file was expected.")
    if path.suffix.lower() not in SUFFIXES:
        known = ", ".join(sorted(SUFFIXES))
        raise CheckpointError(f"{path} does not end in a known suffix. Known: {known}.")
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise CheckpointError(
            f"{path} has {size} bytes, above the limit of {MOST_BYTES}. Keep the generator alone: "
            "the training's other networks and its optimisers are not needed."
        )
    with path.open("rb") as file:
        head = file.read(HEAD)
    _refuse_lookalikes(path, head)
    if _is_safetensors(head, size):
        return Kind.SAFETENSORS
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return Kind.ZIP
    if _is_legacy(head):
        return Kind.LEGACY
    if head[0] in PICKLES and (head[0] != 0x80 or head[1:2] <= b"\x05"):
        return Kind.PICKLE
    raise _unknown(path, size, head)


def _is_safetensors(head: bytes, size: int) -> bool:
    length = int.from_bytes(head[:8], "little")
    return head[8:9] == b"{" and 2 <= length <= min(LONGEST_HEADER, size)


def _is_legacy(head: bytes) -> bool:
    """Whether these are the first bytes of a file of torch.save from before PyTorch 1.6."""
    if head.startswith(OLDEST_LEGACY):
        return True
    length = len(LEGACY_MAGIC)
    return head[:1] == b"\x80" and LEGACY_MAGIC in (head[2 : 2 + length], head[11 : 11 + length])


def _refuse_lookalikes(path: Path, head: bytes) -> None:
    if not head:
        raise CheckpointError(f"{path} is empty. Fetch or save it again.")
    if head.startswith(b"version https://git-lfs"):
        raise CheckpointError(f"{path} is a Git LFS pointer, not the model. Run 'git lfs pull'.")
    if head.lstrip().lower().startswith(PAGES):
        raise CheckpointError(f"{path} is a web page, not a model. Download the file itself.")
    for start, what in OTHERS.items():
        if head.startswith(start):
            raise CheckpointError(f"{path} is {what}.")


def _unknown(path: Path, size: int, head: bytes) -> CheckpointError:
    if path.suffix == ".safetensors":
        return CheckpointError(
            f"{path} ({size} bytes) is not a readable safetensors file: its header is damaged. "
            "It may be truncated: fetch or save it again."
        )
    return CheckpointError(
        f"{path} ({size} bytes) begins with {head[:8]!r}: not an intact torch.save zip or older "
        "torch.save file, nor a pickle, an .npz or safetensors. Those are supported. Fetch it "
        "again."
    )
