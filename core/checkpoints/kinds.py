"""What kind of file a model lies in, told from its first bytes and never from its name alone."""

from enum import Enum
from pathlib import Path

from ..errors import CheckpointError
from .pickles.torch_legacy import begins_legacy

__all__ = ["SUFFIXES", "Kind", "kind_of"]

SUFFIXES = frozenset(
    {".pth", ".pt", ".bin", ".tar", ".ckpt", ".pkl", ".pickle", ".npz", ".safetensors"}
)
"""Names of model files. What a file holds is told from its contents."""
MOST_BYTES = 16 << 30
"""Largest file opened."""
HEAD = 64
LONGEST_HEADER = 100 << 20
OTHERS: dict[bytes, str] = {
    b"\x1f\x8b": "a gzip archive; unpack it first",
    b"7z\xbc\xaf": "a 7z archive; unpack it first",
    b"Rar!": "a RAR archive; unpack it first",
    b"\xfd7zXZ": "an xz archive; unpack it first",
    b"\x89PNG": "a picture, not a model",
    b"\xff\xd8\xff": "a picture, not a model",
    b"\x89HDF": "an HDF5 file, as Keras writes; it is not known",
    b"GGUF": "a GGUF file; it is not known",
    b"%PDF": "a PDF, not a model",
    b"<?xml": "a text in XML, not a model. Download the file itself",
    b"\x93NUMPY": "a single array of NumPy; write it by numpy.savez",
}
PAGES = (b"<!doctype", b"<html", b"<head", b"<!--")
PICKLES = b"\x80(]}clgN"
"""First bytes of pickles that hold something: of protocol 2 and later, and of the oldest."""


class Kind(Enum):
    """The containers that are known."""

    SAFETENSORS = "safetensors"
    ZIP = "zip"
    LEGACY = "torch.save before PyTorch 1.6"
    PICKLE = "pickle"


def kind_of(path: Path) -> Kind:
    """The container of a file.

    Raises:
        CheckpointError: it is none, is empty or missing, or has no name of a model.
    """
    if not path.exists():
        raise CheckpointError(f"There is no model file {path}. Check the name and the folder.")
    if not path.is_file():
        raise CheckpointError(f"{path} is no ordinary file; a model file was expected.")
    if path.suffix.lower() not in SUFFIXES:
        known = ", ".join(sorted(SUFFIXES))
        raise CheckpointError(f"{path} does not end in a known suffix. Known: {known}.")
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise CheckpointError(
            f"{path} has {size} bytes, more than the {MOST_BYTES} that are opened. Keep the "
            "generator alone: the training's other networks and its optimisers are not needed."
        )
    with path.open("rb") as file:
        head = file.read(HEAD)
    _refuse_lookalikes(path, head)
    if _is_safetensors(head, size):
        return Kind.SAFETENSORS
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return Kind.ZIP
    if begins_legacy(head):
        return Kind.LEGACY
    if head[0] in PICKLES and (head[0] != 0x80 or head[1:2] <= b"\x05"):
        return Kind.PICKLE
    raise _unknown(path, size, head)


def _is_safetensors(head: bytes, size: int) -> bool:
    length = int.from_bytes(head[:8], "little")
    return head[8:9] == b"{" and 2 <= length <= min(LONGEST_HEADER, size)


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
        f"{path} ({size} bytes) begins with {head[:8]!r}: not a whole zip file of torch.save, nor "
        "an older file of it, nor a pickle, nor an .npz, nor safetensors. Those are known. Fetch "
        "it again."
    )
