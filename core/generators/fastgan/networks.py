"""FastGAN's generator under the names of autonomousvision/projected-gan.

Formulas are those of Liu et al., "Towards Faster and Stabilized GAN Training for High-fidelity
Few-shot Image Synthesis" (2021), as changed by Sauer et al., "Projected GANs Converge Faster"
(2021), and its code.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from ..stylegan.networks.mapping import normalize_2nd_moment

__all__ = ["FastGan", "FastGanLayout"]

FIRST: Final = 4
"""Pixels a side of the smallest maps."""
EXCITED: Final = {64: 4, 128: 8, 256: 16, 512: 32}
"""Side of maps whose channels are weighted, and the side of the maps that the weights are of."""


@dataclass(frozen=True)
class FastGanLayout:
    """Sizes of a generator.

    Attributes:
        z_dim: length of z.
        widths: side of maps to their channels, from 4 on, each side twice the one before. The file
            can have more than the images need.
        size: pixels a side of the images, at least 128.
        colours: channels of the images.
        classes: number of classes; 0 without.
        lite: whether a side has one convolution, without noise, rather than two.
    """

    z_dim: int
    widths: Mapping[int, int]
    size: int
    colours: int = 3
    classes: int = 0
    lite: bool = False

    @property
    def noises(self) -> list[int]:
        """Side of each noise map, in the order in which they are added."""
        sides = [side for side in self.widths if FIRST < side <= self.size]
        return [] if self.lite else [side for side in sides for _ in range(2)]


class _Normalised(nn.Module):
    """A layer with PyTorch's `spectral_norm` in evaluation: W / (u W v) with stored u and v."""

    weight_u: Tensor
    weight_v: Tensor

    def __init__(self, *shape: int, bias: bool = False, rows: int = 0) -> None:
        super().__init__()
        self.rows = rows
        self.weight_orig = nn.Parameter(nn.init.kaiming_uniform_(torch.empty(shape)))
        outputs, inputs = self.matrix().shape
        self.register_buffer("weight_u", torch.full((outputs,), outputs**-0.5))
        self.register_buffer("weight_v", torch.full((inputs,), inputs**-0.5))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None

    def matrix(self) -> Tensor:
        """The weight with its outputs along the first axis and the rest along the second."""
        return self.weight_orig.transpose(0, self.rows).flatten(1)

    def weight(self) -> Tensor:
        """The weight that is applied."""
        return self.weight_orig / self.weight_u.dot(self.matrix().mv(self.weight_v))


class _Conv(_Normalised):
    def __init__(
        self, before: int, after: int, kernel: int, padding: int, *, bias: bool = False
    ) -> None:
        super().__init__(after, before, kernel, kernel, bias=bias)
        self.padding = padding

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.weight(), self.bias, padding=self.padding)


class _Grow(_Normalised):
    """Transposed convolution of 1 x 1 maps, without bias."""

    def __init__(self, before: int, after: int, kernel: int) -> None:
        super().__init__(before, after, kernel, kernel, rows=1)

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv_transpose2d(x, self.weight())


class _Linear(_Normalised):
    def __init__(self, before: int, after: int) -> None:
        super().__init__(after, before, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight(), self.bias)


class _Noise(nn.Module):
    """Noise times a stored strength."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, noise: Tensor | None) -> Tensor:
        return x if noise is None else x + self.weight * noise


class _ClassNorm(nn.Module):
    """Batch normalisation whose gain and bias are linear in the embedded class."""

    stored_mean: Tensor
    stored_var: Tensor

    def __init__(self, width: int, embedding: int) -> None:
        super().__init__()
        self.gain, self.bias = _Linear(embedding, width), _Linear(embedding, width)
        self.register_buffer("stored_mean", torch.zeros(width))
        self.register_buffer("stored_var", torch.ones(width))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        x = functional.batch_norm(x, self.stored_mean, self.stored_var)
        return x * (1 + self.gain(y))[:, :, None, None] + self.bias(y)[:, :, None, None]


class _Gate(nn.Module):
    """First half of the channels times the sigmoid of the other."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.glu(x, dim=1)


class _Start(nn.Module):
    def __init__(self, z_dim: int, width: int) -> None:
        super().__init__()
        self.init = nn.Sequential(
            _Grow(z_dim, 2 * width, FIRST), nn.BatchNorm2d(2 * width), _Gate()
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.init(z[:, :, None, None])


def _doubled(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


class _Up(nn.Sequential):
    """Doubles the side; one convolution in the lite form, else two with noise."""

    def __init__(self, before: int, after: int, *, lite: bool) -> None:
        layers: list[nn.Module] = [nn.Identity()]
        for inputs in (before,) if lite else (before, after):
            layers.append(_Conv(inputs, 2 * after, 3, 1))
            layers += [] if lite else [_Noise()]
            layers += [nn.BatchNorm2d(2 * after), _Gate()]
        super().__init__(*layers)

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, x: Tensor, y: Tensor | None, noises: Sequence[Tensor | None]
    ) -> Tensor:
        x, given = _doubled(x), iter(noises)
        for layer in self:
            x = layer(x, next(given)) if isinstance(layer, _Noise) else layer(x)
        return x


class _ClassUp(nn.Module):
    """The same with class-conditional normalisation, and one noise strength."""

    def __init__(self, before: int, after: int, embedding: int, *, lite: bool) -> None:
        super().__init__()
        self.lite, self.act = lite, _Gate()
        if lite:
            self.conv = _Conv(before, 2 * after, 3, 1)
            self.bn = _ClassNorm(2 * after, embedding)
            return
        self.conv1, self.conv2 = _Conv(before, 2 * after, 3, 1), _Conv(after, 2 * after, 3, 1)
        self.bn1, self.bn2 = (_ClassNorm(2 * after, embedding) for _ in range(2))
        self.noise = _Noise()

    def forward(self, x: Tensor, y: Tensor | None, noises: Sequence[Tensor | None]) -> Tensor:
        x = _doubled(x)
        if self.lite:
            return self.act(self.bn(self.conv(x), y))
        x = self.act(self.bn1(self.noise(self.conv1(x), noises[0]), y))
        return self.act(self.bn2(self.noise(self.conv2(x), noises[1]), y))


class _Excitation(nn.Module):
    """Weights of channels of large maps, from small ones."""

    def __init__(self, small: int, large: int) -> None:
        super().__init__()
        pool = nn.AdaptiveAvgPool2d(FIRST)
        convs = _Conv(small, large, FIRST, 0), _Conv(large, large, 1, 0)
        self.main = nn.Sequential(pool, convs[0], nn.SiLU(), convs[1], nn.Sigmoid())

    def forward(self, small: Tensor, large: Tensor) -> Tensor:
        return large * self.main(small)


class FastGan(nn.Module):
    """Generator of projected GANs: doubling sides, with skip-layer excitations.

    Args:
        layout: the sizes.
    """

    def __init__(self, layout: FastGanLayout) -> None:
        super().__init__()
        self.layout = layout
        widths, lite = layout.widths, layout.lite
        self.synthesis = nn.Module()
        self.synthesis.init = _Start(layout.z_dim, widths[FIRST])
        for side, width in widths.items():
            if side == FIRST:
                continue
            before = widths[side // 2]
            up = (
                _ClassUp(before, width, layout.z_dim, lite=lite)
                if layout.classes
                else _Up(before, width, lite=lite)
            )
            self.synthesis.add_module(f"feat_{side}", up)
            if side in EXCITED:
                excitation = _Excitation(widths[EXCITED[side]], width)
                self.synthesis.add_module(f"se_{side}", excitation)
        self.synthesis.to_big = _Conv(widths[layout.size], layout.colours, 3, 1, bias=True)
        if layout.classes:
            self.synthesis.embed = nn.Embedding(layout.classes, layout.z_dim)

    def forward(
        self,
        z: Float[Tensor, "batch z"],
        c: Float[Tensor, "batch classes"] | None = None,
        noises: Sequence[Tensor] = (),
    ) -> Float[Tensor, "batch colours size size"]:
        """Images, about in [-1, 1].

        Args:
            z: latents; their length does not matter.
            c: class shares, which weight the rows of the embedding.
            noises: a map (batch or 1, 1, side, side) per entry of the layout's `noises`; none for
                no noise.
        """
        part = self.synthesis.get_submodule
        y = None if c is None else c @ self.synthesis.get_parameter("embed.weight")
        x = part("init")(normalize_2nd_moment(z))
        maps = {FIRST: x}
        given = iter(noises)
        for side in self.layout.widths:
            if not FIRST < side <= self.layout.size:
                continue
            own = [next(given, None) for _ in range(0 if self.layout.lite else 2)]
            x = part(f"feat_{side}")(x, y, own)
            if side in EXCITED:
                x = part(f"se_{side}")(maps[EXCITED[side]], x)
            maps[side] = x
        return part("to_big")(x)
