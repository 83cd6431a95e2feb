"""StyleGAN2 networks whose state dicts have foreign names and layouts, by a table.

Such a network loads and saves its weights in the form of the file, so that errors on missing or
superfluous tensors use the file's names. The tables are in `foreign_tables.py`.
"""

from collections.abc import Callable, Collection, Container, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from ....checkpoints.weights import settled, take_over
from .discriminator import StyleGan2Discriminator
from .stylegan2 import StyleGan2Generator

__all__ = [
    "SAME",
    "NameRule",
    "Table",
    "TensorLayout",
    "Translated",
    "TranslatedDiscriminator",
    "TranslatedGenerator",
    "from_foreign",
]

Change = Callable[[Tensor], Tensor]
RESOLUTIONS: Final = tuple(2**n for n in range(2, 13))
LAYERS: Final = range(64)


@dataclass(frozen=True)
class TensorLayout:
    """Conversion between the layouts of a tensor here and in a foreign file.

    Attributes:
        own: function from the foreign layout to this package's.
        foreign: the inverse function.
    """

    own: Change
    foreign: Change


SAME: Final = TensorLayout(lambda t: t, lambda t: t)


@dataclass(frozen=True)
class NameRule:
    """Names of one kind of tensor here and in a foreign file; foreign names have no hyphen.

    Attributes:
        own: name here, with `{r}` for a resolution and `{i}` for the number of a layer.
        foreign: function from resolution and number to the foreign name.
        layout: conversion of the layout.
    """

    own: str
    foreign: Callable[[int, int], str]
    layout: TensorLayout = SAME

    def names(self) -> Sequence[tuple[str, str]]:
        """Returns (own, foreign) names for every possible resolution and layer."""
        return _names(self)


@cache
def _names(rule: NameRule) -> tuple[tuple[str, str], ...]:
    resolutions = RESOLUTIONS if "{r}" in rule.own else RESOLUTIONS[:1]
    layers = LAYERS if "{i}" in rule.own else LAYERS[:1]
    found = ((rule.own.format(r=r, i=i), rule.foreign(r, i)) for r in resolutions for i in layers)
    # Negative numbers name no layer.
    return tuple((own, foreign) for own, foreign in found if "-" not in foreign)


Table = Sequence[NameRule]


def from_foreign(tensors: Mapping[str, Tensor], table: Table) -> dict[str, Tensor]:
    """Converts the tensors that the table knows to the names and layouts of this package.

    Raises:
        ValueError: a tensor has the wrong rank.
    """
    found: dict[str, Tensor] = {}
    for rule in table:
        for own, foreign in rule.names():
            if foreign not in tensors:
                continue
            try:
                found[own] = rule.layout.own(tensors[foreign])
            except (IndexError, RuntimeError, ValueError) as error:
                shape = list(tensors[foreign].shape)
                raise ValueError(f"{foreign} of shape {shape}: {error}") from error
    return found


class Translated(nn.Module):
    """A network with a foreign state dict, by a table; other tensors keep their values."""

    table: Table = ()
    settles = True
    """Whether `load_state_dict` takes tensors over itself, after the conversion to this layout."""

    def foreign_names(self, mine: Container[str]) -> dict[str, tuple[str, TensorLayout]]:
        """Foreign name and layout of each own tensor that is in a file.

        Args:
            mine: names of all own tensors.
        """
        names = {own: (foreign, rule) for rule in self.table for own, foreign in rule.names()}
        return {
            own: (foreign, rule.layout) for own, (foreign, rule) in names.items() if own in mine
        }

    def state_dict(self, *args: object, **kwargs: object) -> dict[str, Tensor]:
        """Returns the tensors of a file, under foreign names and in foreign layouts."""
        own = super().state_dict(*args, **kwargs)
        return {
            foreign: layout.foreign(own[name])
            for name, (foreign, layout) in self.foreign_names(own).items()
        }

    def load_state_dict(
        self, state_dict: Mapping[str, Tensor], strict: bool = True, assign: bool = False
    ) -> object:
        """Takes over the tensors of a foreign state dict, which must be complete."""
        mine = nn.Module.state_dict(self, keep_vars=True)
        names = self.foreign_names(mine)
        wanted = {foreign for foreign, _ in names.values()}
        _refuse({"missing": wanted - state_dict.keys(), "left over": state_dict.keys() - wanted})
        given = {foreign: state_dict[foreign].shape for foreign in wanted}
        taken = {n: _taken(state_dict[foreign], layout) for n, (foreign, layout) in names.items()}
        ill = [
            f"{foreign} {list(given[foreign])}, "
            f"not {list(layout.foreign(mine[name].detach()).shape)}"
            for name, (foreign, layout) in names.items()
            if taken[name].own.shape != mine[name].shape or taken[name].foreign != given[foreign]
        ]
        _refuse({"of another shape": ill})
        for name, tensor in taken.items():
            take_over(mine[name], tensor.own)
        return None


def _refuse(faults: Mapping[str, Collection[str]]) -> None:
    if any(faults.values()):
        listed = (f"{kind}: {', '.join(sorted(f))}" for kind, f in faults.items() if f)
        raise RuntimeError("; ".join(listed))


class _Taken(NamedTuple):
    """A file's tensor in the layout here, and the shape that it has in the file's."""

    own: Tensor
    foreign: torch.Size


def _taken(tensor: Tensor, layout: TensorLayout) -> _Taken:
    """Takes a file's tensor, which becomes a view of the result where the layouts allow it."""
    held = settled(layout.own(tensor))
    back = layout.foreign(held)
    shared = back.untyped_storage().data_ptr() == held.untyped_storage().data_ptr()
    if shared and back.dtype == tensor.dtype and not tensor.is_inference():
        tensor.data = back
    return _Taken(held, back.shape)


class TranslatedGenerator(Translated, StyleGan2Generator):
    """A StyleGAN2 generator under foreign names."""


class TranslatedDiscriminator(Translated, StyleGan2Discriminator):
    """A StyleGAN2 discriminator under foreign names."""
