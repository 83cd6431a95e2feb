"""Names of the arrays of a StyleGAN reference: `ws_psi07_cut4`, `img_none` ..."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from torch import Tensor

from .latents import StyleMapping
from .networks.mapping import broadcast

__all__ = ["Wanted", "of_latents", "wanted"]

NAME: Final = re.compile(
    r"(?P<kind>ws|img)(?P<rest>(?:_(?:psi\d+|cut\d+|const|none|wplus))*)", re.ASCII
)


@dataclass(frozen=True)
class Wanted:
    """An output that an array holds.

    Attributes:
        kind: "ws" or "img".
        psi: its truncation; 1: none.
        cutoff: how many layers are truncated; 0: all.
        noise: of the layers, "const" or "none".
        layered: whether it is made of the array `wplus`.
    """

    kind: str
    psi: float = 1.0
    cutoff: int = 0
    noise: str = "const"
    layered: bool = False


def wanted(name: str, names: Collection[str] = ()) -> Wanted | None:
    """What an array's name says; None where it names no output of this kind.

    Args:
        name: of the array.
        names: of all arrays of the reference. An image's cutoff is not in its name: where the
            only ws of its psi have one, the image was made of those.
    """
    match = NAME.fullmatch(name)
    if match is None:
        return None
    words = match["rest"].split("_")[1:]
    psi, cutoff = 1.0, 0
    for word in words:
        if word.startswith("psi"):
            psi = _decimal(word[3:])
            cutoff = _cutoff(word, names) if match["kind"] == "img" else 0
        elif word.startswith("cut"):
            cutoff = int(word[3:])
    return Wanted(
        match["kind"], psi, cutoff, "none" if "none" in words else "const", "wplus" in words
    )


def of_latents(
    arrays: Mapping[str, Tensor],
    mapping: StyleMapping,
    num_ws: int,
    synthesis: Callable[[Tensor, str], Tensor],
    centre: Tensor | None = None,
) -> dict[str, Tensor]:
    """Every `ws` and `img` that the arrays name, of their `z`, `c` and `wplus`.

    Args:
        arrays: of the reference.
        mapping: z and the class to w.
        num_ws: how many layers take a w.
        synthesis: ws and the noise to images, in the network's own range.
        centre: what truncation pulls to, where the mapping does not know it.
    """
    found: dict[str, Tensor] = {}
    z, c = arrays.get("z"), arrays.get("c")
    c = c if mapping.c_dim else None
    w = None if z is None else mapping(z, c)
    for name in arrays:
        output = wanted(name, arrays)
        if output is None or (output.layered and "wplus" not in arrays):
            continue
        if output.layered:
            ws = arrays["wplus"]
        elif w is None:
            continue
        else:
            middle = None
            if output.psi != 1:
                middle = mapping.centre(c) if centre is None else centre.to(w)
            ws = broadcast(w, num_ws, middle, output.psi, output.cutoff)
        found[name] = ws if output.kind == "ws" else synthesis(ws, output.noise)
    return found


def _cutoff(psi: str, names: Collection[str]) -> int:
    """Of the ws of a psi, 0 where there are some without one, or several."""
    start = f"ws_{psi}_cut"
    cutoffs = [name.removeprefix(start) for name in names if name.startswith(start)]
    alone = len(cutoffs) == 1 and f"ws_{psi}" not in names and cutoffs[0].isdecimal()
    return int(cutoffs[0]) if alone else 0


def _decimal(digits: str) -> float:
    """07 is 0.7, 075 is 0.75, 5 is 0.5, 10 is 1.0."""
    if digits == "10":
        return 1.0
    return float("0." + digits.removeprefix("0"))
