"""Detects the architecture of a checkpoint from its contents and loads it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from ..errors import CheckpointError, InvalidInput
from .options import Option
from .published import Published
from .record import Checkpoint, held_in
from .undrawn import undrawn
from .weights import Unusable, below, is_finite, settled, take_over, why_left_out

__all__ = ["Architecture", "Example", "all_of", "detect", "load_detected", "load_network"]

Loaded = TypeVar("Loaded")
KEYS_SHOWN = 4
NO_MEMORY = "can't allocate memory"
"""Words of PyTorch's error on the CPU, which has no type of its own."""
COUNT = "num_batches_tracked"
"""Last part of the name of batch normalisation's count of batches, which no output depends on."""


@dataclass(frozen=True)
class Example:
    """Smallest instance of an architecture, for the contract tests.

    Attributes:
        networks: checkpoint prefix to network.
        config: contents of the checkpoint's metadata.
    """

    networks: Mapping[str, nn.Module]
    config: Mapping[str, object]


@dataclass(frozen=True)
class Architecture(Generic[Loaded]):
    """How one kind of checkpoint is recognised and loaded.

    Attributes:
        id: unique name, also used in configurations.
        needs: the characteristic tensors, named in the error that lists the known architectures.
        recognises: whether a checkpoint is of this kind, without false negatives; the first
            architecture that accepts a checkpoint wins.
        load: builds the model from a checkpoint that it recognises; a generator that needs inputs
            (an image, a mask, a sentence ...) as a `ConditionalGenerator`.
        examples: make the smallest instances, one per hyper-parameter read from the file.
        options: the supported entries of `Checkpoint.options`.
        parity: maps a checkpoint and a reference's arrays to LatentSteer's value of each output
            array that it knows by name, in the range of the authors' code; None if unsupported.
        facts: describes what the checkpoint leaves open and what is assumed instead.
        published: rows of docs/models.md, for a family of generators whose files others publish.
    """

    id: str
    needs: str
    recognises: Callable[[Checkpoint], bool]
    load: Callable[[Checkpoint], Loaded]
    examples: tuple[Callable[[], Example], ...]
    options: tuple[Option, ...] = ()
    parity: Callable[[Checkpoint, Mapping[str, Tensor]], Mapping[str, Tensor]] | None = None
    facts: Callable[[Checkpoint], Mapping[str, str]] | None = None
    published: tuple[Published, ...] = ()

    @property
    def option_names(self) -> tuple[str, ...]:
        """The names of the options."""
        return tuple(option.name for option in self.options)


def all_of(*keys: str) -> Callable[[Checkpoint], bool]:
    """Returns a predicate that accepts checkpoints with all of these tensors."""
    return lambda checkpoint: all(key in checkpoint.tensors for key in keys)


def detect(
    checkpoint: Checkpoint, architectures: Sequence[Architecture[Loaded]]
) -> Architecture[Loaded]:
    """Returns the first architecture that recognises the checkpoint.

    Raises:
        CheckpointError: none does; the message lists the file's tensors and the known kinds, or
            says what else of LatentSteer the file holds.
    """
    for architecture in architectures:
        if architecture.recognises(checkpoint):
            return architecture
    if checkpoint.config.get("what"):
        raise CheckpointError(
            f"{checkpoint.path.name} holds {held_in(checkpoint)}, not a model. Open it with the "
            "loader of its kind."
        )
    keys = ", ".join(f"`{key}`" for key in list(checkpoint.tensors)[:KEYS_SHOWN])
    known = "; ".join(f"{a.id} (needs {a.needs})" for a in architectures)
    raise CheckpointError(
        f"No known architecture recognises {checkpoint.path.name}: {len(checkpoint.tensors)} "
        f"tensors, the first {keys or 'none'}. Known: {known}.{why_left_out(checkpoint.tensors)}"
    )


def load_detected(checkpoint: Checkpoint, architectures: Sequence[Architecture[Loaded]]) -> Loaded:
    """Loads the model in a checkpoint.

    Raises:
        CheckpointError: the architecture is unknown, or the tensors do not fit the detected one.
        InvalidInput: the architecture does not support an option.
    """
    architecture = detect(checkpoint, architectures)
    _refuse_untaken(checkpoint, architecture)
    try:
        with undrawn():
            return architecture.load(checkpoint)
    except InvalidInput:
        raise  # the file refuses a choice; its tensors are not at fault
    except Unusable:
        raise
    except CheckpointError as error:
        reasons = why_left_out(checkpoint.tensors)
        raise error if reasons in str(error) else CheckpointError(f"{error}{reasons}") from error
    except torch.cuda.OutOfMemoryError:
        raise
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        if NO_MEMORY in str(error):
            raise CheckpointError(
                f"{checkpoint.path.name} looks like {architecture.id}, for which there is not "
                f"enough memory: {error}. Close other programs; if no such model needs as much, "
                "the file is damaged: fetch it again."
            ) from error
        # Sizes are read from tensors that may be missing, of another rank or empty.
        raise CheckpointError(
            f"{checkpoint.path.name} looks like {architecture.id}, but its tensors do not fit: "
            f"{error!r}.{why_left_out(checkpoint.tensors)}"
        ) from error


def _refuse_untaken(checkpoint: Checkpoint, architecture: Architecture[Any]) -> None:
    untaken = [name for name in checkpoint.options if name not in architecture.option_names]
    if untaken:
        taken = ", ".join(architecture.option_names) or "none"
        raise InvalidInput(
            f"{checkpoint.path.name} is a {architecture.id}, which takes no option "
            f"{' nor '.join(untaken)}. It takes: {taken}. Leave the others at auto."
        )


Network = TypeVar("Network", bound=nn.Module)


def load_network(network: Network, checkpoint: Checkpoint, prefix: str = "") -> Network:
    """Loads the tensors under a prefix into a network in float32, and freezes it.

    The network takes over the checkpoint's tensors, so that a model is in memory once: see
    `settled` and `take_over`.

    Raises:
        CheckpointError: tensors are missing, superfluous, misshapen, or not finite.
    """
    own = below(checkpoint.tensors, prefix)
    try:
        if getattr(network, "settles", False):
            network.load_state_dict(own, assign=True)
            network.requires_grad_(False)
        else:
            _take_over(network, own)
    except RuntimeError as error:
        raise CheckpointError(
            f"{checkpoint.path.name} does not fit its network: {error}"
            f"{why_left_out(checkpoint.tensors)}"
        ) from error
    for name, tensor in own.items():
        if not is_finite(tensor):
            raise CheckpointError(
                f"{checkpoint.path.name} has values that are not finite in `{prefix}{name}`. "
                "Fetch or save it again."
            )
    return network.eval()


def _take_over(network: nn.Module, own: dict[str, Tensor]) -> None:
    """Makes tensors the weights of a network, frozen, and copies others to its buffers.

    `load_state_dict` searches all names once for each layer: here it only words what does not fit.
    Its two concessions to old files stay: no counts of batches, and numbers of shape (1,).
    """
    held = network.state_dict(keep_vars=True)
    for name, kept in held.items():
        found = own.get(name)
        if found is None and name.endswith(COUNT):
            own[name] = kept
        elif found is not None and kept.ndim == 0 and found.shape == (1,):
            own[name] = found[0]
    if held.keys() != own.keys() or any(held[name].shape != own[name].shape for name in held):
        network.load_state_dict(own, assign=True)
    for name, kept in held.items():
        own[name] = tensor = settled(own[name])
        take_over(kept, tensor)
