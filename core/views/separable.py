"""Sparse separable linear maps of images.

A view is A_h X A_w^T - B_h X B_w^T. A is the composition of a shift, a resize with padding or
cropping, and the final resize; B is the same restricted to the hole. Each row of A and B has at
most 4 non-zero entries, so no full-resolution view is ever made, and no matrix on the CPU.
"""

from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from ..devices import numbers_on, placed

__all__ = ["DenseMaps", "SparseMaps", "Taps", "ViewMaps", "maps_of", "taps"]

PerView = Float[Tensor, " views"]
Colours = Float[Tensor, "views 3 size size"]


@dataclass(frozen=True)
class Taps:
    """Source pixels of each output pixel along one axis, with their weights.

    Attributes:
        side: pixels of the image along this axis.
        source: indices of the source pixels.
        whole: weights of the pixels, A of the module's docstring.
        hidden: weights of the pixels within the hole, B.
    """

    side: int
    source: Int[Tensor, "views size 4"]
    whole: Float[Tensor, "views size 4"]
    hidden: Float[Tensor, "views size 4"]

    def to(self, like: Tensor) -> "Taps":
        """These taps on the device and in the dtype of `like`."""
        source = numbers_on(self.source, like.device)
        return Taps(self.side, source, placed(self.whole, like), placed(self.hidden, like))


def taps(
    side: int, size: int, *, shift: PerView, ratio: PerView, first: PerView, last: PerView
) -> Taps:
    """Taps along one axis of shift, resize, pad or crop to `side`, cutout and resize to `size`.

    Both resizes are bilinear without antialiasing, with half-pixel centres, as in PyTorch. The
    tensors are in float64 on the CPU, since pixel counts must not depend on the dtype.

    Args:
        side: pixels of the image, at least 1.
        size: pixels of the result, at least 1.
        shift: shift in whole pixels towards greater indices, padded with 0.
        ratio: ratio of the resized side to the old one, above 0; rounded down to whole pixels.
        first: first pixel of the hole.
        last: end of the hole, exclusive; equal to `first` for no hole.
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
    """Two neighbouring source pixels of each output position, and their weights; (..., 2) each."""
    at = ((place + 0.5) * scale - 0.5).clamp(min=0)
    lower = at.floor()
    upper = (lower + 1).clamp(max=side - 1)
    share = at - lower
    return torch.stack([lower, upper], dim=-1), torch.stack([1 - share, share], dim=-1)


@runtime_checkable
class ViewMaps(Protocol):
    """Linear maps from one image to several views."""

    def apply(self, image: Float[Tensor, "3 height width"]) -> Colours:
        """Returns the views."""
        ...

    def adjoint(self, vectors: Colours) -> Float[Tensor, "3 height width"]:
        """Applies the transposed maps to vectors on the views; sums over the views."""
        ...


def maps_of(down: Taps, right: Taps, like: Tensor) -> ViewMaps:
    """Returns the maps in the form that suits the device of `like`.

    Args:
        down: taps along the height.
        right: taps along the width.
        like: tensor with the device and dtype to use.
    """
    make = SparseMaps if like.device.type == "cpu" else DenseMaps
    return make(down.to(like), right.to(like))


class DenseMaps:
    """Maps as matrices, for accelerators: few large products instead of many small reads."""

    def __init__(self, down: Taps, right: Taps) -> None:
        self._parts = (
            (1, _matrix(down, down.whole), _matrix(right, right.whole)),
            (-1, _matrix(down, down.hidden), _matrix(right, right.hidden)),
        )

    def apply(self, image: Float[Tensor, "3 height width"]) -> Colours:
        """Returns the views."""
        return sum(
            (sign * (rows[:, None] @ image @ columns[:, None].mT))
            for sign, rows, columns in self._parts
        )  # pyright: ignore[reportReturnType]

    def adjoint(self, vectors: Colours) -> Float[Tensor, "3 height width"]:
        """Applies the transposed maps; sums over the views."""
        found = [
            # One product sums over views and rows, so that no view is made at full size.
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
"""Bags of rows of a table: row indices, start of each bag, and weights of the rows."""


@dataclass(frozen=True)
class _Part:
    """One term of one view: its taps, limited to the output pixels that it affects."""

    sign: int
    rows: slice
    columns: slice
    down: tuple[Tensor, Tensor]
    right: tuple[Tensor, Tensor]


class SparseMaps:
    """Maps as reads of a few table rows, for CPUs; columns are rows of the transposed table."""

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
        """Returns the views."""
        table = rearrange(image, "colours height width -> height (colours width)")
        height, width = self._size
        found = image.new_empty(len(self._views), 3, height, width)
        for into, parts in zip(found, self._views, strict=True):
            turned = into.permute(2, 1, 0)
            for part in parts:
                seen = _read(table, _forward(*part.down))
                # (rows, colours x columns) becomes (columns, rows x colours).
                seen = seen.view(-1, self._sides[1]).t().contiguous()
                seen = _read(seen, _forward(*part.right)).unflatten(1, (-1, 3))
                if part.sign > 0:
                    turned.copy_(seen)
                else:
                    turned[part.columns, part.rows] -= seen
        return found

    def adjoint(self, vectors: Colours) -> Float[Tensor, "3 height width"]:
        """Applies the transposed maps; sums over the views."""
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
    """Slice from the first to the last position that is touched."""
    places = touched.nonzero()[:, 0]
    if len(places) == 0:
        return slice(0, 0)
    return slice(int(places[0]), int(places[-1]) + 1)


def _forward(source: Tensor, weight: Tensor) -> _Reads:
    """Reads of the forward map: each output position reads its taps."""
    starts = torch.arange(0, source.numel(), source.shape[1], device=source.device)
    return source.flatten(), starts, weight.flatten()


def _backward(source: Tensor, weight: Tensor, side: int) -> _Reads:
    """Reads of the adjoint: each image pixel reads the outputs that it is a tap of."""
    reader = torch.arange(len(source), device=source.device)[:, None].expand_as(source)
    counts = weight != 0
    source, order = source[counts].sort(stable=True)
    starts = torch.searchsorted(source, torch.arange(side, device=source.device))
    return reader[counts][order], starts, weight[counts][order]


def _read(table: Float[Tensor, "rows width"], reads: _Reads) -> Float[Tensor, "bags width"]:
    rows, starts, weights = reads
    return functional.embedding_bag(rows, table, starts, mode="sum", per_sample_weights=weights)
