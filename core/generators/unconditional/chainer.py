"""Files of chainer (`save_npz`) under the names of PyTorch's layers."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from ...checkpoints.record import Checkpoint
from ...checkpoints.weights import Weights

__all__ = ["CHAINER_EPS", "is_chainer", "torch_named"]

CHAINER_EPS = 2e-5
"""The eps of chainer's batch normalisation."""
SEPARATOR = "/"
NAMES = {
    "W": "weight",
    "b": "bias",
    "gamma": "weight",
    "beta": "bias",
    "avg_mean": "running_mean",
    "avg_var": "running_var",
    "N": "num_batches_tracked",
}
Held = TypeVar("Held")


def is_chainer(checkpoint: Checkpoint) -> bool:
    """Whether the file has chainer's names: `l0/W`, `bn0/avg_mean`."""
    return any(name.endswith(f"{SEPARATOR}W") for name in checkpoint.tensors)


def torch_named(checkpoint: Checkpoint) -> Checkpoint:
    """The same checkpoint with PyTorch's names: `l0.weight`, `bn0.running_mean`.

    Arrays are laid out alike in both. A file with other names stays as it is.
    """
    tensors = checkpoint.tensors
    if not is_chainer(checkpoint):
        return checkpoint
    if not isinstance(tensors, Weights):
        return replace(checkpoint, tensors=_renamed(tensors))
    parts = (_renamed(part) for part in (tensors.whole, tensors.left_out))
    whole, left_out = parts
    renamed = Weights(tensors.path, whole, left_out, _renamed(tensors.unknown))  # pyright: ignore[reportArgumentType]
    return replace(checkpoint, tensors=renamed)


def _renamed(held: Mapping[str, Held]) -> dict[str, Held]:
    return {_name(name): value for name, value in held.items()}


def _name(name: str) -> str:
    *path, last = name.split(SEPARATOR)
    return ".".join([*path, NAMES.get(last, last)])
