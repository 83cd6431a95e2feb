"""The contents of a model file, as the architectures read them; imports no reader."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

__all__ = ["Checkpoint"]


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
