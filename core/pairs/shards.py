"""Shards of stored pairs: safetensors files, memory-mapped."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from jaxtyping import Float
from torch import Tensor

from ..checkpoints.checkpoint import fingerprint
from ..errors import CheckpointError
from ..files import replacing
from .manifest import Manifest, ShardRecord
from .precision import packed, unpacked
from .synthesis import Drawn

__all__ = ["Shard", "shard_fault", "write_shard"]

LATENTS, SCALE = "latents", "scale"
CURE = "Make it again with Synthesise Pairs and `repair`"


def write_shard(folder: Path, manifest: Manifest, drawn: Drawn) -> ShardRecord:
    """Writes a shard to a temporary name and renames it.

    Args:
        folder: folder of the pairs.
        manifest: storage of conditions and latents.
        drawn: the pairs.

    Raises:
        InvalidInput: values beyond the range of the precision.
        OSError: the system refuses, such as for lack of space.
    """
    tensors: dict[str, Tensor] = {}
    if manifest.latents == "stored":
        tensors[LATENTS] = drawn.latents.float().contiguous()
    if manifest.latents == "half":
        tensors[LATENTS] = packed(drawn.latents, "fp16")["values"].contiguous()
    for place, conditions in enumerate(drawn.conditions):
        for name, part in packed(conditions, manifest.precision).items():
            tensors[f"{name}.{place}"] = part.contiguous()
    name = f"{drawn.first:010d}-{drawn.last:010d}.safetensors"
    with replacing(folder / name) as temporary:
        safetensors.torch.save_file(tensors, temporary)
    return ShardRecord(name, drawn.first, drawn.last, drawn.dropped, fingerprint(folder / name))


def shard_fault(folder: Path, record: ShardRecord) -> str:
    """Returns what is wrong with the file of a shard; empty if nothing is."""
    try:
        found = fingerprint(folder / record.file)
    except FileNotFoundError:
        return "is missing"
    if found != record.sha256:
        return f"is damaged: its sha256 is {found[:12]}, not {record.sha256[:12]}"
    return ""


class Shard:
    """A shard of a folder, verified when it is first read, and memory-mapped.

    Args:
        folder: folder of the pairs.
        record: its entry in the manifest.
        numbers: numbers of its pairs; fewer than the file has if only the first ones are wanted.
    """

    def __init__(self, folder: Path, record: ShardRecord, numbers: Sequence[int]) -> None:
        self.folder, self.record, self.numbers = folder, record, numbers
        self._tensors: Mapping[str, Tensor] | None = None
        self._verified: tuple[int, int] | None = None

    def __len__(self) -> int:
        return len(self.numbers)

    def latents(self) -> Float[Tensor, "rows dim"]:
        """Returns the stored latents as they are stored, memory-mapped."""
        return self._tensor(LATENTS)

    def conditions(self, place: int, first: int, last: int) -> Float[Tensor, "rows embed"]:
        """Returns rows of conditions as float32; those stored in fp32 are memory-mapped.

        Args:
            place: which auxiliary.
            first: first row.
            last: row after the last one.
        """
        return self.conditions_of(place, slice(first, last))

    def pieces(
        self, place: int, first: int, last: int, size: int, room: Tensor | None = None
    ) -> Iterator[Float[Tensor, "rows embed"]]:
        """Yields the same rows, `size` at a time; with `room` each overwrites the last one."""
        values, scales = self._stored(place)
        for row in range(first, last, size):
            part = slice(row, min(row + size, last))
            yield unpacked(values[part], None if scales is None else scales[part], room)

    def conditions_of(self, place: int, rows: Tensor | slice) -> Float[Tensor, "rows embed"]:
        """Returns chosen rows of the conditions of an auxiliary as float32."""
        values, scales = self._stored(place)
        return unpacked(values[rows], None if scales is None else scales[rows])

    @property
    def is_mapped(self) -> bool:
        """Whether the file is mapped."""
        return self._tensors is not None

    def release(self) -> None:
        """Unmaps the file, unless a tensor of it is still in use; the next read maps it again."""
        self._tensors = None

    def _stored(self, place: int) -> tuple[Tensor, Tensor | None]:
        scale = f"{SCALE}.{place}"
        scales = self._tensor(scale) if scale in self._open() else None
        return self._tensor(f"values.{place}"), scales

    def _tensor(self, name: str) -> Tensor:
        return self._open()[name][: len(self)]

    def _open(self) -> Mapping[str, Tensor]:
        if self._tensors is None:
            path = self.folder / self.record.file
            if self._verified is None or self._verified != _state(path):
                if fault := shard_fault(self.folder, self.record):
                    raise CheckpointError(
                        f"The shard {self.record.file} of the pairs {self.folder.name!r} {fault}. "
                        f"{CURE}."
                    )
                self._verified = _state(path)
            with safetensors.safe_open(path, framework="pt") as file, torch.inference_mode(False):
                self._tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return self._tensors


def _state(path: Path) -> tuple[int, int] | None:
    """Returns the size and the modification time of a file; None if there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns
