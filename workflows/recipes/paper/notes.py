"""What a shipped workflow says of the paper's numbers: that it has them, or which it has not."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ....nodes.standalone.registry import load_nodes
from ..files import BIGGAN, STYLEGAN_XL, named
from ..graph import Shipped
from .numbers import Each, Has, OneOf, PaperRow
from .rows import ROWS

__all__ = ["Departure", "departures", "rows_named", "with_paper"]

NUMBER = r"[tfk]\d\d[a-e]?"
WHY: Mapping[str, str] = {
    "tr0n_digits": "Small models of digits, which a processor trains and steers in a minute.",
    "tr0n_avatars": "Small models of avatars, which a processor trains and steers in minutes; the "
    "numbers were chosen on them.",
    "fusedream_avatars": "The numbers are what a processor can bear: fewer steps, and longer "
    "ones.",
    "krr_digits": "Small models of digits. The paper leaves the scale of the features, eta, xi, "
    "the mollifier and the number of samples open; these numbers were chosen on digits.",
    "krr_avatars": "Small models of avatars; the paper leaves the scale of the features open.",
    "krr_cifar": "SN-GAN does not open here, and the median of the distances lets the kernel fit "
    "features of any scale.",
    "krr_": "The median of the distances lets the kernel fit features of any scale.",
    "tr0n_": "Captions here are the likeliest ones, so that one does not depend on its "
    "neighbours.",
}
"""Why a family of workflows differs; the longest beginning of a name that is here holds."""
RELEASED = "the released code"
TRAINED = (
    "Beside its numbers, training has the loss divided by the latent's size instead of "
    "multiplied by 1e-4, and gradients shortened to 1, as in the released code."
)
BIGGANS = (
    " BigGAN's means are clamped to [-2, 2] where they are used instead of bounded by a tanh, and "
    "its class embedding is a part of the mixture, where the paper has a regression head."
)
CLASSES = (
    " The classes of the pairs are drawn at random, where the paper takes equally many of each."
)


@dataclass(frozen=True)
class Departure:
    """An input of a node that is not as in the paper; without an input, a node that is missing.

    Attributes:
        node: its name on the canvas.
        name: of the input.
        here: values of the workflow.
        there: values of the paper.
    """

    node: str
    name: str = ""
    here: tuple[object, ...] = ()
    there: tuple[object, ...] = ()

    def __str__(self) -> str:
        return f"*{self.name}* {_told(self.here)} ({_told(self.there)})" if self.name else "none"


def rows_named(text: str) -> tuple[str, ...]:
    """The numbers of the papers' setups that a note names, those between two ends as well."""
    found = dict.fromkeys(re.findall(rf"\b{NUMBER}\b", text))
    for kind, first, last in re.findall(r"\b([tfk])(\d\d) to [tfk](\d\d)\b", text):
        found |= dict.fromkeys(f"{kind}{n:02}" for n in range(int(first), int(last) + 1))
    return tuple(sorted(found))


def departures(rows: Sequence[str], api: Mapping[str, Any]) -> list[Departure]:
    """Where a graph differs from all of some setups, node input by node input.

    A workflow of several setups may have any one's value. What the table does not hold is not
    compared.
    """
    tables = [row.nodes for name in rows for row in _tables(name)]
    found: list[Departure] = []
    for kind in dict.fromkeys(kind for nodes in tables for kind in nodes):
        wanting = [nodes[kind] for nodes in tables if kind in nodes]
        title = load_nodes()[f"LatentSteer_{kind}"].schema().display_name or kind
        given = [n["inputs"] for n in api.values() if n["class_type"] == f"LatentSteer_{kind}"]
        if not given:
            found += [Departure(title)] if len(wanting) == len(tables) else []
            continue
        for name in dict.fromkeys(name for inputs in wanting for name in inputs):
            specs = [inputs[name] for inputs in wanting if name in inputs]
            here = tuple(inputs[name] for inputs in given)
            allowed = {value for spec in specs for value in _values(spec)}
            fits = any(_fits(spec, here) for spec in specs)
            if not fits and (len(specs) == 1 or not set(here) <= allowed):
                there = tuple(dict.fromkeys(v for spec in specs for v in _values(spec)))
                found.append(Departure(title, name, tuple(dict.fromkeys(here)), there))
    return found


def with_paper(shipped: Shipped) -> Shipped:
    """The workflow, whose note says how its numbers stand to those of the setups that it names."""
    rows = [name for name in rows_named(shipped.notes) if any(_tables(name))]
    if not rows:
        return shipped
    differ = departures(rows, shipped.api)
    places = dict.fromkeys(row.where for name in rows for row in _tables(name))
    coded = all(place.startswith(RELEASED) for place in places)
    source = RELEASED if coded else f"the paper ({'; '.join(places)})"
    if differ:
        why = max((k for k in WHY if shipped.name.startswith(k)), key=len, default="")
        text = f"**Not as in {source}**, whose values are in brackets. {WHY.get(why, '')}\n"
        for node in dict.fromkeys(one.node for one in differ):
            own = ", ".join(str(one) for one in differ if one.node == node)
            text += f"\n* **{node}**: {own}"
        text += "\n\n"
    else:
        text = f"**Numbers as in {source}.** "
    if any(node["class_type"] == "LatentSteer_TrainTranslator" for node in shipped.api.values()):
        text += TRAINED
        files = named(shipped.api)
        text += BIGGANS if BIGGAN in files else ""
        text += CLASSES if {BIGGAN, STYLEGAN_XL} & set(files) else ""
    return replace(shipped, notes=f"{shipped.notes}\n\n{text.strip()}")


def _tables(name: str) -> Iterator[PaperRow]:
    """A setup, or all its parts."""
    return (row for number, row in ROWS.items() if number in (name, f"{name}{number[3:]}"))


def _values(spec: object) -> tuple[object, ...]:
    return spec.values if isinstance(spec, (Each, Has, OneOf)) else (spec,)


def _fits(spec: object, here: tuple[object, ...]) -> bool:
    match spec:
        case Each(values):
            return here == values
        case Has(values):
            return set(values) <= set(here)
        case OneOf(values):
            return set(here) <= set(values)
        case _:
            return set(here) == {spec}


def _told(values: tuple[object, ...]) -> str:
    words = [_word(value) for value in values]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, (int, float)):
        return f"{value:,.10g}"
    return str(value)
