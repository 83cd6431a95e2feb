"""The contents of a model file, as the architectures read them; imports no reader."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from ..errors import CheckpointError

__all__ = ["Checkpoint", "check_what", "held_in"]


@dataclass(frozen=True)
class Checkpoint:
    """Contents of a model file.

    Attributes:
        path: path that it was read from.
        tensors: name to tensor, on the CPU, in the file's dtype. Accessing an unusable tensor
            (not finite, or made from something unknown) raises an error.
        config: a JSON object. For LatentSteer's own files, what rebuilds the model. For others,
            `modules` (class, attributes and constructor arguments of pickled modules, by path),
            `values` (all other non-tensor contents, nested as in the file) and, for a folder,
            `folder` (its config.json); empty if the file has none of them.
        sha256: hash of the file's bytes; for a folder, of its weights and its configuration.
        script: whether it is a TorchScript archive, as OpenAI's CLIPs are.
        options: the user's choices by name; only those that differ from "auto".
    """

    path: Path
    tensors: Mapping[str, Tensor]
    sha256: str
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    script: bool = False
    options: Mapping[str, object] = field(default_factory=dict[str, object])


def check_what(checkpoint: Checkpoint, what: str, cure: str) -> None:
    """Checks that a file holds what LatentSteer writes under a name.

    Args:
        checkpoint: the file.
        what: `what` of its configuration, such as "translator".
        cure: a sentence for the message.

    Raises:
        CheckpointError: it holds something else.
    """
    if checkpoint.config.get("what") != what:
        raise CheckpointError(
            f"{checkpoint.path.name} holds {held_in(checkpoint)}, not {_named(what)}. {cure}"
        )


def held_in(checkpoint: Checkpoint) -> str:
    """Returns what a file of LatentSteer holds, in words."""
    what, model = (checkpoint.config.get(key) for key in ("what", "architecture"))
    if what:
        return _named(str(what))
    return f"the model {model}" if model else "nothing that LatentSteer wrote"


def _named(what: str) -> str:
    return what if what.endswith("s") else f"a {what}"
