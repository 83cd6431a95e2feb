"""Sizes of NVAE's decoder, as its files have them."""

from dataclasses import dataclass

from ..d2c.layouts import NUMBERS, CellLayout

__all__ = ["NORMAL_OUTPUTS", "NvaeLayout"]

NORMAL_OUTPUTS = 6
"""Numbers per pixel of a normal law: a mean and a log deviation of each colour."""


@dataclass(frozen=True)
class NvaeLayout:
    """Sizes of a decoder.

    Attributes:
        latent: channels of each group of latents.
        width: channels of the first map.
        base: side of the first map and of the first group.
        tower: cells of the tower in order; None where a group of latents enters.
        post: cells after the tower.
        outputs: numbers per pixel of the law of its colours.
    """

    latent: int
    width: int
    base: int
    tower: tuple[CellLayout | None, ...]
    post: tuple[CellLayout, ...]
    outputs: int

    @property
    def groups(self) -> tuple[tuple[int, int, int], ...]:
        """The shape of each group of latents."""
        found: list[tuple[int, int, int]] = []
        side = self.base
        for cell in self.tower:
            if cell is None:
                found.append((self.latent, side, side))
            elif cell.side == "up":
                side *= 2
        return tuple(found)

    @property
    def scales(self) -> int:
        """Number of sides that groups have."""
        return len({side for _, side, _ in self.groups})

    @property
    def side(self) -> int:
        """Side of the images in pixels."""
        cells = [cell for cell in (*self.tower, *self.post) if cell is not None]
        return self.base * 2 ** sum(cell.side == "up" for cell in cells)

    @property
    def mixtures(self) -> int:
        """Logistics per pixel; 0 for a normal law."""
        return 0 if self.outputs == NORMAL_OUTPUTS else self.outputs // NUMBERS
