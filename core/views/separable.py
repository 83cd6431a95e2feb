"""Linear maps of images that treat rows and columns apart, a few source pixels per result.

A view is A_h X A_w^T - B_h X B_w^T: a shift, a resize with padding or cropping and the final
resize compose to A; B is the same through a hole. Each row of A and B has at most 4 numbers, so
neither the matrices nor full-resolution views are ever made.
"""

from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from ..devices import numbers_on, placed

__all__ = ["DenseMaps", "Maps", "SparseMaps", "Taps", "maps_of", "taps"]

PerView = Float[Tensor, " views"]
Colours = Float[Tensor, "views 3 size size"]


@dataclass(frozen=True)
class Taps:
    """What each place of the results reads, along one axis.

    Attributes:
        side: pixels of the image along this axis.
        source: the pixels read.
        whole: what they weigh, A of the module's text.
        hidden: what they weigh through the hole, B.
    """

    side: int
    source: Int[Tensor, "views size 4"]
    whole: Float[Tensor, "views size 4"]
    hidden: Float[Tensor, "views size 4"]

    def to(self, like: Tensor) -> "Taps":
        """Placed and typed like a tensor."""
        source = numbers_on(self.source, like.device)
        return Taps(self.side, source, placed(self.whole, like), placed(self.hidden, like))


def taps(
    side: int, size: int, *, shift: PerView, ratio: PerView, first: PerView, last: PerView
) -> Taps:
    """One axis of: shift, resize, pad or crop to `side` again, hide the hole, resize to `size`.

    Both resizes are bilinear without antialiasing and with half-pixel centres, as PyTorch's.

    Args:
        side: pixels of the image, at least 1.
        size: pixels of the results, at least 1.
        shift: whole pixels towards greater indices; what enters is 0.
        ratio: of the resized side to the old one, above 0; rounded down to whole pixels.
        first: first pixel of the hole.
        last: the pixel behind its last; `first` for no hole.

    All are in float64 on the CPU: the numbers of pixels must not depend on a float type.
    """
    shift, ratio, first, last = (value[:, None, None] for value in (shift, ratio, first, last))
    resized = (ratio * side).floor().clamp(min=1)
    margin = ((side - resized) / 2).trunc()
    place, share = _bilinear(torch.arange(size, dtype=torch.float64), side / size, side)
    inside = place - margin
    before, part = _bilinear(inside, side / resized, side)
    exists = ((inside >= 0) & (inside < resized))[..., None]
    source = before - shift[..., None]
    exists = exists & (source >= 0) & (source < side)
    whole = share[..., None] * part * exists
    through = ((place >= first) & (place < last))[..., None]
    shape = (len(shift), size, 4)
    return Taps(
        side,
        source.clamp(0, side - 1).long().reshape(shape),
        whole.reshape(shape),
        (whole * through).reshape(shape),
    )


def _bilinear(place: Tensor, scale: float | Tensor, side: int) -> tuple[Tensor, Tensor]:
    """(..., 2) each: the two pixels between which a place of the result lies, and their shares."""
    at = ((place + 0.5) * scale - 0.5).clamp(min=0)
    lower = at.floor()
    upper = (lower + 1).clamp(max=side - 1)
    share = at - lower
    return torch.stack([lower, upper], dim=-1), torch.stack([1 - share, share], dim=-1)


@runtime_checkable
class Maps(Protocol):
    """The maps of several views of one image."""

    def apply(self, image: Float[Tensor, "3 height width"]) -> Colours:
        """The views."""
        ...

    def adjoint(self, vectors: Colours) -> Float[Tensor, "3 height width"]:
        """The transposed maps, summed over the views: vectors on views to one on the image."""
        ...


def maps_of(down: Taps, right: Taps, like: Tensor) -> Maps:
    """The maps of views in the form that suits the device of `like`.

    Args:
        down: along the height.
        right: along the width.
        like: says device and float type.
    """
    make = SparseMaps if like.device.type == "cpu" else DenseMaps
    return make(down.to(like), right.to(like))


class DenseMaps:
    """As matrices, for accelerators: few large products in place of many small reads."""

    def __init__(self, down: Taps, right: Taps) -> None:
        self._parts = (
            (1, _matrix(down, down.whole), _matrix(right, right.whole)),
            (-1, _matrix(down, down.hidden), _matrix(right, right.hidden)),
        )

    def apply(self, image: Float[Tensor, "3 height width"]) -> Colours:
        """The views."""
        return sum(
            (sign * (rows[:, None] @ image @ columns[:, None].mT))
            for sign, rows, columns in self._parts
        )  # pyright: ignore[reportReturnType]

    def adjoint(self, vectors: Colours) -> Float[Tensor, "3 height width"]:
        """The transposed maps, summed over the views."""
        found = [
            # Summed over views and rows in one product, so that no view is made at full size.
            sign
            * rearrange(rows, "views size side -> side (views size)")
            @ rearrange(
                vectors @ columns[:, None],
                "views colours size side -> colours (views size) side",
            )
            for sign, rows, columns in self._parts
        ]
        return found[0] + found[1]


def _matrix(taps: Taps, weight: Tensor) -> Float[Tensor, "views size side"]:
    matrix = weight.new_zeros(*weight.shape[:2], taps.side)
    return matrix.scatter_add_(2, taps.source, weight)


_Reads: TypeAlias = tuple[Tensor, Tensor, Tensor]
"""Bags of rows of a table: the rows, where each bag begins, and what the rows weigh."""


@dataclass(frozen=True)
class _Part:
    """One term of one view: its taps within the results that it touches."""

    sign: int
    rows: slice
    columns: slice
    down: tuple[Tensor, Tensor]
    right: tuple[Tensor, Tensor]


class SparseMaps:
    """As reads of a few rows of a table, for CPUs; columns are the rows of the table turned."""

    def __init__(self, down: Taps, right: Taps) -> None:
        self._sides = (down.side, right.side)
        self._size = (down.source.shape[1], right.source.shape[1])
        holes = (down.hidden.ne(0).any(dim=2), right.hidden.ne(0).any(dim=2))
        self._views: list[list[_Part]] = []
        for view in range(len(down.source)):
            reads = (
                (down.source[view], down.whole[view]),
                (right.source[view], right.whole[view]),
            )
            parts = [_Part(1, slice(None), slice(None), *reads)]
            rows, columns = _span(holes[0][view]), _span(holes[1][view])
            if rows.stop > rows.start and columns.stop > columns.start:
                hidden = [
                    (taps.source[view, span], taps.hidden[view, span])
                    for taps, span in ((down, rows), (right, columns))
                ]
                parts.append(_Part(-1, rows, columns, hidden[0], hidden[1]))
            self._views.append(parts)

    def apply(self, image: Float[Tensor, "3 height width"]) -> Colours:
        """The views."""
        table = rearrange(image, "colours height width -> height (colours width)")
        height, width = self._size
        found = image.new_empty(len(self._views), 3, height, width)
        for into, parts in zip(found, self._views, strict=True):
            turned = into.permute(2, 1, 0)
            for part in parts:
                seen = _read(table, _forward(*part.down))
                # Rows by colours-and-columns become columns by rows-and-colours.
                seen = seen.view(-1, self._sides[1]).t().contiguous()
                seen = _read(seen, _forward(*part.right)).unflatten(1, (-1, 3))
                if part.sign > 0:
                    turned.copy_(seen)
                else:
                    turned[part.columns, part.rows] -= seen
        return found

    def adjoint(self, vectors: Colours) -> Float[Tensor, "3 height width"]:
        """The transposed maps, summed over the views."""
        tables: list[Tensor] = []
        sources: list[Tensor] = []
        weights: list[Tensor] = []
        for vector, parts in zip(vectors, self._views, strict=True):
            turned = vector.permute(2, 1, 0).contiguous()
            for part in parts:
                given = turned[part.columns, part.rows].flatten(1)
                back = _read(given, _backward(*part.right, self._sides[1]))
                tables.append(back.t().reshape(-1, 3 * self._sides[1]))
                sources.append(part.down[0])
                weights.append(part.sign * part.down[1])
        reads = _backward(torch.cat(sources), torch.cat(weights), self._sides[0])
        summed = _read(torch.cat(tables), reads)
        return rearrange(summed, "height (colours width) -> colours height width", colours=3)


def _span(touched: Tensor) -> slice:
    """The places from the first to the last that are touched."""
    places = touched.nonzero()[:, 0]
    if len(places) == 0:
        return slice(0, 0)
    return slice(int(places[0]), int(places[-1]) + 1)


def _forward(source: Tensor, weight: Tensor) -> _Reads:
    """Each place of the result reads its taps."""
    starts = torch.arange(0, source.numel(), source.shape[1], device=source.device)
    return source.flatten(), starts, weight.flatten()


def _backward(source: Tensor, weight: Tensor, side: int) -> _Reads:
    """Each pixel of the image reads the places of the result that it is a tap of."""
    reader = torch.arange(len(source), device=source.device)[:, None].expand_as(source)
    counts = weight != 0
    source, order = source[counts].sort(stable=True)
    starts = torch.searchsorted(source, torch.arange(side, device=source.device))
    return reader[counts][order], starts, weight[counts][order]


def _read(table: Float[Tensor, "rows width"], reads: _Reads) -> Float[Tensor, "bags width"]:
    rows, starts, weights = reads
    return functional.embedding_bag(rows, table, starts, mode="sum", per_sample_weights=weights)
