"""Options: settings of users for a model file, and those that a loader offers."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

__all__ = [
    "ChoiceOption",
    "OfferedOption",
    "Option",
    "RealOption",
    "WholeOption",
    "offered_options",
]


@dataclass(frozen=True)
class Option:
    """A setting of an architecture in addition to the file.

    Attributes:
        name: its key in `Checkpoint.options`.
        words: description of its effect.
    """

    name: str
    words: str


@dataclass(frozen=True, kw_only=True)
class OfferedOption(Option):
    """An option with a widget in the loader; at its default it is not chosen.

    Attributes:
        place: among the loader's widgets. Saved graphs keep values by place, so a new option
            takes the next free number and a released one never changes.
        label: the widget's name, where it is not the option's.
        detail: what it does in one family, in a sentence; of several families all are shown.
    """

    place: int
    label: str = ""
    detail: str = ""

    @property
    def widget(self) -> str:
        """The widget's name."""
        return self.label or self.name

    @property
    def tooltip(self) -> str:
        """Effect of the option, in general and by family."""
        return f"{self.words} {self.detail}".strip()


@dataclass(frozen=True, kw_only=True)
class ChoiceOption(OfferedOption):
    """One of some texts.

    Attributes:
        choices: the texts.
        default: the text that leaves it to the file.
    """

    choices: tuple[str, ...]
    default: str = "auto"


@dataclass(frozen=True, kw_only=True)
class RealOption(OfferedOption):
    """A number.

    Attributes:
        low: the least value.
        high: the greatest value.
        step: of the widget.
        exact: whether the widget keeps digits below its step.
        default: the value that leaves it to the file.
    """

    low: float
    high: float
    step: float
    exact: bool = False
    default: float = 0.0


@dataclass(frozen=True, kw_only=True)
class WholeOption(OfferedOption):
    """A whole number.

    Attributes:
        low: the least value.
        high: the greatest value.
        default: the value that leaves it to the file.
    """

    low: int
    high: int
    default: int = 0


def offered_options(
    options: Iterable[Option],
) -> tuple[ChoiceOption | RealOption | WholeOption, ...]:
    """The options that have a widget, each once, by their places.

    Args:
        options: of all architectures of a loader, in their order.

    Raises:
        ValueError: options of one name that differ in more than their detail, or two of one
            place.
    """
    found: dict[str, ChoiceOption | RealOption | WholeOption] = {}
    for option in options:
        if not isinstance(option, ChoiceOption | RealOption | WholeOption):
            continue
        known = found.setdefault(option.name, option)
        if replace(known, detail="") != replace(option, detail=""):  # pyright: ignore[reportArgumentType]
            raise ValueError(f"Two options are named {option.name!r}: {known} and {option}.")
        if option.detail not in known.detail:
            found[option.name] = replace(known, detail=f"{known.detail} {option.detail}".strip())  # pyright: ignore[reportArgumentType]
    ordered = sorted(found.values(), key=lambda option: option.place)
    for one, other in pairwise(ordered):
        if one.place == other.place:
            raise ValueError(
                f"Options {one.name!r} and {other.name!r} have the same place, {one.place}. Give "
                f"the newer one {ordered[-1].place + 1}."
            )
    return tuple(ordered)
