"""StyleGAN2 networks whose state dicts have foreign names and layouts, by a table.

Such a network reads and writes its weights as the file has them, so that messages about missing or
unexpected tensors use the file's own names. The tables are in `foreign_tables.py`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from torch import Tensor, nn

from .discriminator import StyleGan2Discriminator
from .stylegan2 import StyleGan2Generator

__all__ = [
    "SAME",
    "Layout",
    "Rule",
    "Table",
    "TranslatedDiscriminator",
    "TranslatedGenerator",
    "from_foreign",
]

Change = Callable[[Tensor], Tensor]
RESOLUTIONS: Final = tuple(2**n for n in range(2, 13))
LAYERS: Final = range(64)


@dataclass(frozen=True)
class Layout:
    """How a tensor lies in a foreign file.

    Attributes:
        own: the foreign tensor as ours.
        foreign: ours as the foreign one.
    """

    own: Change
    foreign: Change


SAME: Final = Layout(lambda t: t, lambda t: t)


@dataclass(frozen=True)
class Rule:
    """Where tensors of one kind stand in a foreign file, whose names have no hyphen.

    Attributes:
        own: our name; `{r}` stands for a resolution, `{i}` for a number of a layer.
        foreign: makes the foreign name of the two.
        layout: of the foreign tensor.
    """

    own: str
    foreign: Callable[[int, int], str]
    layout: Layout = SAME

    def names(self) -> Iterator[tuple[str, str]]:
        """Ours and the foreign one, for every resolution and layer that may be."""
        resolutions = RESOLUTIONS if "{r}" in self.own else RESOLUTIONS[:1]
        for r in resolutions:
            for i in LAYERS if "{i}" in self.own else LAYERS[:1]:
                foreign = self.foreign(r, i)
                if "-" not in foreign:  # numbers below zero are of no layer
                    yield self.own.format(r=r, i=i), foreign


Table = Sequence[Rule]


def from_foreign(tensors: Mapping[str, Tensor], table: Table) -> dict[str, Tensor]:
    """The tensors that the table knows, under our names and in our layouts.

    Raises:
        ValueError: one has another rank than its kind.
    """
    found: dict[str, Tensor] = {}
    for rule in table:
        for own, foreign in rule.names():
            if foreign not in tensors:
                continue
            try:
                found[own] = rule.layout.own(tensors[foreign])
            except (RuntimeError, ValueError) as error:
                shape = list(tensors[foreign].shape)
                raise ValueError(f"{foreign} of shape {shape}: {error}") from error
    return found


class Translated(nn.Module):
    """A network whose state dict is a foreign one, by a table; what that lacks keeps its value."""

    table: Table = ()

    def foreign_names(self) -> dict[str, tuple[str, Layout]]:
        """Our names of what is in a file, to the foreign ones."""
        names = {own: (foreign, rule) for rule in self.table for own, foreign in rule.names()}
        mine = nn.Module.state_dict(self)
        return {
            own: (foreign, rule.layout) for own, (foreign, rule) in names.items() if own in mine
        }

    def state_dict(self, *args: object, **kwargs: object) -> dict[str, Tensor]:
        """The tensors that a file has, under foreign names and in foreign layouts."""
        own = super().state_dict(*args, **kwargs)
        return {
            foreign: layout.foreign(own[name])
            for name, (foreign, layout) in self.foreign_names().items()
        }

    def load_state_dict(
        self, state_dict: Mapping[str, Tensor], strict: bool = True, assign: bool = False
    ) -> object:
        """Fills the network from a foreign state dict, which must be whole."""
        wanted = self.state_dict()
        missing = sorted(wanted.keys() - state_dict.keys())
        extra = sorted(state_dict.keys() - wanted.keys())
        ill = [
            f"{name} {list(state_dict[name].shape)}, not {list(wanted[name].shape)}"
            for name in wanted
            if name in state_dict and state_dict[name].shape != wanted[name].shape
        ]
        faults = {"missing": missing, "left over": extra, "of another shape": ill}
        if any(faults.values()):
            told = "; ".join(f"{kind}: {', '.join(f)}" for kind, f in faults.items() if f)
            raise RuntimeError(told)
        own = {
            name: layout.own(state_dict[foreign])
            for name, (foreign, layout) in self.foreign_names().items()
        }
        return super().load_state_dict(own, strict=False, assign=assign)


class TranslatedGenerator(Translated, StyleGan2Generator):
    """A StyleGAN2 generator under foreign names."""


class TranslatedDiscriminator(Translated, StyleGan2Discriminator):
    """A StyleGAN2 discriminator under foreign names."""
