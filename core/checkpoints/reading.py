"""Reading a network's sizes off the names and shapes of a checkpoint's tensors."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import Tensor

from ..errors import CheckpointError
from .prefixes import averaged_prefix
from .record import Checkpoint

__all__ = ["count_of", "part_of", "prefix_of", "prefixes_of", "shape_of"]


def prefixes_of(
    checkpoint: Checkpoint, *keys: str, without: Sequence[str] = (), missing: int = 0
) -> list[str]:
    """The prefixes under which networks of one kind stand, in the order of the file.

    Args:
        checkpoint: the checkpoint to search.
        keys: names of tensors that such a network has.
        without: names of tensors that it does not have.
        missing: how many of the keys a damaged file may lack.
    """
    tensors = checkpoint.tensors
    counts: dict[str, int] = {}
    candidates = [name for name in tensors if name.endswith(keys)]
    for key in keys:
        for name in candidates:
            prefix = name.removesuffix(key)
            if prefix != name and (prefix == "" or prefix.endswith(".")):
                counts[prefix] = counts.get(prefix, 0) + 1
    return [
        prefix
        for prefix, count in counts.items()
        if count >= len(keys) - missing and not any(prefix + key in tensors for key in without)
    ]


def prefix_of(
    checkpoint: Checkpoint, *keys: str, without: Sequence[str] = (), missing: int = 0
) -> str | None:
    """The prefix of a network of one kind; of several the averaged one's, of none None.

    Args:
        checkpoint: the checkpoint to search.
        keys: names of tensors that such a network has.
        without: names of tensors that it does not have.
        missing: how many of the keys a damaged file may lack.
    """
    return averaged_prefix(prefixes_of(checkpoint, *keys, without=without, missing=missing))


def part_of(checkpoint: Checkpoint, prefix: str, other: str | None = None) -> Checkpoint:
    """The checkpoint of the tensors under a prefix, named without it.

    Args:
        checkpoint: the whole checkpoint.
        prefix: of the names to keep.
        other: a prefix of names to leave out.
    """
    tensors = {
        name.removeprefix(prefix): checkpoint.tensors[name]
        for name in checkpoint.tensors
        if name.startswith(prefix) and not (other and name.startswith(other))
    }
    return replace(checkpoint, tensors=tensors)


def count_of(tensors: Mapping[str, Tensor], pattern: str) -> int:
    """The number of tensors that a pattern such as `blocks.{}.weight` names, from 0 on."""
    count = 0
    while pattern.format(count) in tensors:
        count += 1
    return count


def shape_of(checkpoint: Checkpoint, name: str, rank: int) -> tuple[int, ...]:
    """The shape of a tensor that sizes are read off.

    Raises:
        CheckpointError: the tensor has another number of axes.
        KeyError: there is no such tensor.
    """
    shape = tuple(checkpoint.tensors[name].shape)
    if len(shape) != rank:
        raise CheckpointError(
            f"{checkpoint.path.name}: `{name}` has the shape {list(shape)}; {rank} axes were "
            "expected. Convert it again."
        )
    return shape
