"""Pasting of smaller foregrounds on backgrounds, for whole batches."""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..devices import placed
from ..errors import DomainMismatch, InvalidInput
from ..images import Box, resized
from ..rng import SampleRng
from .placement import Placement

__all__ = ["Paste"]

Images4 = Float[Tensor, "batch 3 height width"]


@dataclass(frozen=True, eq=False)
class Paste:
    """Fuse and Crop of FuseDream section 3.3, for runs with a placement each.

    Row r of a batch belongs to run `rows[r]`, with placement number `rows[r] % placements`.
    Resizing is bilinear and antialiased, as in `core.images.resized`. Resizing and pasting are
    separable, so each is two matrix products of the same shape for all scales: a run does not
    depend on the other runs of the batch.

    Attributes:
        size: (height, width) of both images.
        placements: placements to try for each sample.

    Raises:
        InvalidInput: no placement, or one that covers the whole background.
    """

    size: tuple[int, int]
    placements: tuple[Placement, ...]

    def __post_init__(self) -> None:
        if not self.placements:
            raise InvalidInput("No placement of the foreground given; at least one needed.")
        for placement in self.placements:
            placement.box(self.size)

    @cached_property
    def boxes(self) -> tuple[Box, ...]:
        """The box of each placement."""
        return tuple(placement.box(self.size) for placement in self.placements)

    def fused(
        self,
        foreground: Float[Tensor, "batch 3 _ _"],
        background: Float[Tensor, "batch 3 _ _"],
        rng: SampleRng,
    ) -> Images4:
        """Returns the background with the foreground resized by alpha and pasted at t.

        Raises:
            DomainMismatch: images of another size.
        """
        self._check(foreground, background)
        down, right, mask = (self._picked(part, rng, background) for part in self._pasting)
        pasted = down[:, None] @ foreground @ right[:, None].mT
        return torch.where(mask[:, None] > 0, pasted, background)

    def magnified(self, images: Images4, rng: SampleRng) -> Images4:
        """Returns the content of each run's box, enlarged to the image size: Crop of a background.

        For fused images it is the foreground as pasted, at the sharpness it has there.
        """
        self._check(images, images)
        down, right = (self._picked(part, rng, images) for part in self._magnifying)
        return down[:, None] @ images @ right[:, None].mT

    def masks(self) -> Bool[Tensor, "placements height width"]:
        """Returns the mask of each placement."""
        return torch.stack([box.mask(self.size) for box in self.boxes])

    def numbers(self, rng: SampleRng) -> list[int]:
        """Returns the placement of each row."""
        return [row % len(self.placements) for row in rng.rows]

    @cached_property
    def _pasting(self) -> tuple[Tensor, Tensor, Tensor]:
        height, width = self.size
        down = [_pasted(height, box.rows) for box in self.boxes]
        right = [_pasted(width, box.columns) for box in self.boxes]
        return torch.stack(down), torch.stack(right), self.masks().float()

    @cached_property
    def _magnifying(self) -> tuple[Tensor, Tensor]:
        height, width = self.size
        down = [_magnified(height, box.rows) for box in self.boxes]
        right = [_magnified(width, box.columns) for box in self.boxes]
        return torch.stack(down), torch.stack(right)

    def _picked(self, part: Tensor, rng: SampleRng, like: Tensor) -> Tensor:
        return placed(part[self.numbers(rng)], like)

    def _check(self, foreground: Tensor, background: Tensor) -> None:
        for name, images in (("foreground", foreground), ("background", background)):
            if tuple(images.shape[2:]) != self.size:
                raise DomainMismatch(
                    f"The {name}'s images are {images.shape[3]} x {images.shape[2]} pixels; "
                    f"expected {self.size[1]} x {self.size[0]}, as both are to be. Resize them "
                    "first, or make both by one generator."
                )


def _pasted(side: int, span: slice) -> Float[Tensor, "side side"]:
    """Returns the matrix that resizes to the span along one axis, with 0 elsewhere."""
    matrix = torch.zeros(side, side)
    matrix[span] = _resizing(side, span.stop - span.start)
    return matrix


def _magnified(side: int, span: slice) -> Float[Tensor, "side side"]:
    """Returns the matrix that resizes the span to the whole side along one axis."""
    matrix = torch.zeros(side, side)
    matrix[:, span] = _resizing(span.stop - span.start, side)
    return matrix


def _resizing(old: int, new: int) -> Float[Tensor, "new old"]:
    unit = torch.eye(old)[None, None]
    return resized(unit, (new, old))[0, 0]
