"""AutoGAN's generator: three searched cells with skip connections between scales.

Gong et al., "AutoGAN: Neural Architecture Search for Generative Adversarial Networks" (2019),
figure 3. Names are those of the official state dicts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from .residual import Upsampling, doubled

__all__ = ["AutoGanCell", "AutoGanGenerator", "AutoGanLayout"]


@dataclass(frozen=True)
class AutoGanLayout:
    """Sizes of a generator.

    Attributes:
        latent: length of z.
        width: channels of every map.
        base: side of the first map.
        upsampling: how each cell doubles the side.
        shortcuts: whether each cell adds its input.
        norms: whether each cell has batch normalisation.
    """

    latent: int
    width: int
    base: int
    upsampling: tuple[Upsampling, ...]
    shortcuts: tuple[bool, ...]
    norms: tuple[bool, ...] = (False, False, False)

    @property
    def side(self) -> int:
        """Side of the images in pixels."""
        return self.base * 2 ** len(self.upsampling)


class AutoGanCell(nn.Module):
    """Two convolutions, the first after the side is doubled; earlier cells' maps come between.

    Args:
        width: channels of its maps.
        upsampling: how the side is doubled.
        shortcut: whether its input is added at the end.
        norm: whether it has batch normalisation.
        skips: number of earlier cells whose maps it takes.
    """

    def __init__(
        self, width: int, upsampling: Upsampling, *, shortcut: bool, norm: bool, skips: int
    ) -> None:
        super().__init__()
        self.upsampling: Upsampling = upsampling
        self.n1 = nn.BatchNorm2d(width) if norm else nn.Identity()
        self.n2 = nn.BatchNorm2d(width) if norm else nn.Identity()
        self.c1 = nn.Conv2d(width, width, 3, padding=1)
        self.c2 = nn.Conv2d(width, width, 3, padding=1)
        self.c_sc = nn.Conv2d(width, width, 1) if shortcut else None
        self.skip_in_ops = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in range(skips))

    def forward(
        self, x: Float[Tensor, "batch c h w"], skips: Sequence[Tensor]
    ) -> tuple[Float[Tensor, "batch c _ _"], Float[Tensor, "batch c _ _"]]:
        """The map that later cells take, and the cell's value.

        Args:
            x: value of the cell before.
            skips: maps of all cells before, at their own sides.
        """
        h = self.c1(doubled(functional.relu(self.n1(x)), self.upsampling))
        for part, skip in zip(self.skip_in_ops, skips, strict=True):
            h = h + part(doubled(skip, self.upsampling, h.shape[-1]))
        # The authors' code adds in place, so what later cells take contains the skips.
        value = self.c2(functional.relu(self.n2(h)))
        if self.c_sc is not None:
            value = value + self.c_sc(doubled(x, self.upsampling))
        return h, value


class AutoGanGenerator(nn.Module):
    """Generator from z to images in [-1, 1].

    Args:
        layout: its sizes.
    """

    def __init__(self, layout: AutoGanLayout) -> None:
        super().__init__()
        self.layout = layout
        self.l1 = nn.Linear(layout.latent, layout.width * layout.base**2)
        self.cells: list[AutoGanCell] = []
        parts = zip(layout.upsampling, layout.shortcuts, layout.norms, strict=True)
        for number, (upsampling, shortcut, norm) in enumerate(parts):
            cell = AutoGanCell(
                layout.width, upsampling, shortcut=shortcut, norm=norm, skips=number
            )
            self.add_module(f"cell{number + 1}", cell)
            self.cells.append(cell)
        self.to_rgb = nn.Sequential(
            nn.BatchNorm2d(layout.width),
            nn.ReLU(),
            nn.Conv2d(layout.width, 3, 3, padding=1),
            nn.Tanh(),
        )

    def forward(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch 3 size size"]:
        """Images in [-1, 1]."""
        base = self.layout.base
        x = self.l1(z).view(-1, self.layout.width, base, base)
        skips: list[Tensor] = []
        for cell in self.cells:
            skip, x = cell(x, skips)
            skips.append(skip)
        return self.to_rgb(x)
