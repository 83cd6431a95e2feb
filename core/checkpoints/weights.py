"""The tensors of a file, of which only those are checked that something takes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from torch import Tensor

from ..errors import CheckpointError

__all__ = ["Unusable", "Weights", "below", "if_usable", "joined", "why_left_out"]

SHOWN = 3
Loaded = TypeVar("Loaded")


class Unusable(CheckpointError):
    """A tensor is taken that the file has not in a form that can be used."""


class Weights(Mapping[str, Tensor]):
    """Name to tensor; those that cannot be used are there by name and refused once taken.

    Args:
        path: of the file, for messages.
        whole: the tensors that can be used.
        left_out: why others cannot, in words that follow the file's name, by their names.
        unknown: of values that are not tensors as far as is known, the same.
    """

    def __init__(
        self,
        path: Path,
        whole: Mapping[str, Tensor],
        left_out: Mapping[str, str] = MappingProxyType({}),
        unknown: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.path, self.whole, self.left_out, self.unknown = path, whole, left_out, unknown

    def __getitem__(self, name: str) -> Tensor:
        """A tensor that can be used.

        Raises:
            Unusable: it cannot, or what stands there instead is not known.
            KeyError: there is none.
        """
        if (found := self.whole.get(name)) is not None:
            return found
        if why := self.left_out.get(name) or self.unknown.get(name):
            raise Unusable(f"{self.path} {why}.")
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        """Whether there is one, of use or not."""
        return name in self.whole or name in self.left_out

    def __iter__(self) -> Iterator[str]:
        """The names, of those that cannot be used last."""
        yield from self.whole
        yield from self.left_out

    def below(self, prefix: str) -> "Weights":
        """Those under a prefix, by their names after it."""
        parts = (
            {
                name.removeprefix(prefix): held
                for name, held in all_of.items()
                if name.startswith(prefix)
            }
            for all_of in (self.whole, self.left_out, self.unknown)
        )
        return Weights(self.path, *parts)  # pyright: ignore[reportArgumentType]

    def __len__(self) -> int:
        """How many there are, of use or not."""
        return len(self.whole) + len(self.left_out)


def below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors under a prefix, by their names after it.

    Raises:
        Unusable: one of those cannot be used.
    """
    return {
        name.removeprefix(prefix): tensors[name] for name in tensors if name.startswith(prefix)
    }


def if_usable(load: Callable[[], Loaded]) -> Loaded | None:
    """What is loaded beside a model, such as its discriminator; None if its tensors are useless.

    Training that diverged leaves such discriminators; the generator then opens without one.
    """
    try:
        return load()
    except Unusable:
        return None


def why_left_out(tensors: Mapping[str, Tensor]) -> str:
    """A sentence about what a file has that is not read, for messages; empty where all is."""
    if not isinstance(tensors, Weights):
        return ""
    told = [f"it {why}" for why in (*tensors.left_out.values(), *tensors.unknown.values())]
    more = f" and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
    return f" Not all of the file is read: {'; '.join(told[:SHOWN])}{more}." if told else ""


def joined(path: Path, parts: Sequence[Mapping[str, Tensor]]) -> Weights:
    """The tensors of several files that hold one model."""
    whole: dict[str, Tensor] = {}
    left_out: dict[str, str] = {}
    for part in parts:
        held = part if isinstance(part, Weights) else Weights(path, part)
        whole |= held.whole
        left_out |= held.left_out
    return Weights(path, whole, left_out)
