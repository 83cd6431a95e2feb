"""The landmark network of StarGAN v2's CelebA-HQ models, and the masks made of its heat maps.

FAN with adaptive wing loss (Wang et al., 2019) under the names in the authors' files. Its heat
maps say where the parts of a face are whose details a translation keeps.
"""

from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Landmarks", "face_masks"]

SIDE: Final = 256
"""Pixels a side of the images that the network takes."""
DEPTH: Final = 4
POINTS: Final = 98
LEAST: Final = 0.1
"""Value below which a heat map counts as 0."""
COORDINATES: Final = 3
"""Row, column and radius, which stand beside the maps."""


class _Joined(nn.Module):
    """Convolution of maps with the coordinates of their pixels."""

    def __init__(self, before: int, after: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            before + COORDINATES, after, kernel, stride=stride, padding=kernel // 2
        )

    def forward(self, x: Tensor) -> Tensor:
        line = torch.linspace(-1, 1, x.shape[2], device=x.device, dtype=x.dtype)
        rows = line[:, None].expand(x.shape[2], x.shape[3])
        columns = line[None, :].expand(x.shape[2], x.shape[3])
        radius = (rows.square() + columns.square()).sqrt()
        beside = torch.stack([rows, columns, radius / radius.max()])
        return self.conv(torch.cat([x, beside.expand(len(x), -1, -1, -1)], dim=1))


class _Split(nn.Module):
    """Three convolutions, each of the former one's maps, joined and added to the input."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        half, quarter = after // 2, after // 4
        widths = (before, half, quarter, quarter)
        for number in range(3):
            self.add_module(f"bn{number + 1}", nn.BatchNorm2d(widths[number]))
            conv = nn.Conv2d(widths[number], widths[number + 1], 3, padding=1, bias=False)
            self.add_module(f"conv{number + 1}", conv)
        self.downsample = (
            nn.Sequential(
                nn.BatchNorm2d(before), nn.ReLU(), nn.Conv2d(before, after, 1, bias=False)
            )
            if before != after
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        parts: list[Tensor] = []
        h = x
        for number in range(1, 4):
            normal = self.get_submodule(f"bn{number}")(h)
            h = self.get_submodule(f"conv{number}")(functional.relu(normal))
            parts.append(h)
        return torch.cat(parts, dim=1) + self.downsample(x)


class _Hourglass(nn.Module):
    """Blocks at four halving sides, each added to what comes up from the side below."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.coordconv = _Joined(width, width, 1, 1)
        for level in range(1, DEPTH + 1):
            for part in ("b1", "b2", "b3"):
                self.add_module(f"{part}_{level}", _Split(width, width))
        self.b2_plus_1 = _Split(width, width)

    def _at(self, level: int, x: Tensor) -> Tensor:
        part = self.get_submodule
        below = part(f"b2_{level}")(functional.avg_pool2d(x, 2))
        below = self._at(level - 1, below) if level > 1 else self.b2_plus_1(below)
        below = part(f"b3_{level}")(below)
        grown = functional.interpolate(below, scale_factor=2.0, mode="nearest")
        return part(f"b1_{level}")(x) + grown

    def forward(self, x: Tensor) -> Tensor:
        return self._at(DEPTH, self.coordconv(x))


class Landmarks(nn.Module):
    """Heat maps of 98 landmarks of a face, and one of its outline.

    Args:
        width: channels of the hourglass, 256 in the authors' file; a multiple of 4.
    """

    def __init__(self, width: int = 256) -> None:
        super().__init__()
        quarter, half = width // 4, width // 2
        self.conv1 = _Joined(3, quarter, 7, 2)
        self.bn1 = nn.BatchNorm2d(quarter)
        self.conv2, self.conv3 = _Split(quarter, half), _Split(half, half)
        self.conv4 = _Split(half, width)
        self.m0 = _Hourglass(width)
        self.top_m_0 = _Split(width, width)
        self.conv_last0 = nn.Conv2d(width, width, 1)
        self.bn_end0 = nn.BatchNorm2d(width)
        self.l0 = nn.Conv2d(width, POINTS + 1, 1)

    def forward(
        self, images: Float[Tensor, "batch 3 256 256"]
    ) -> Float[Tensor, "batch maps 64 64"]:
        """Heat maps of images in [0, 1]."""
        x = functional.relu(self.bn1(self.conv1(images)))
        x = functional.avg_pool2d(self.conv2(x), 2)
        x = self.top_m_0(self.m0(self.conv4(self.conv3(x))))
        return self.l0(functional.relu(self.bn_end0(self.conv_last0(x))))


@dataclass(frozen=True)
class _Part:
    """A part of a face.

    Attributes:
        first: its first landmark.
        last: the landmark after its last one.
        up: pixels that its map is moved up by, at 256 pixels a side; down below 0.
        power: power that its map is raised to, which narrows it.
    """

    first: int
    last: int
    up: int
    power: int


PARTS: Final = (
    _Part(8, 25, 0, 3),  # chin
    _Part(33, 51, -7, 2),  # eyebrows
    _Part(55, 60, 8, 4),  # nostrils
    _Part(77, 82, -8, 4),  # upper lip
    _Part(83, 88, 8, 4),  # lower lip
    _Part(88, 96, -2, 3),  # inner lip
)
"""Parts in the order in which their maps are changed."""
UNUSED: Final = (*range(8), *range(25, 33), 33, 46, 76, 82)
NOSE: Final = slice(52, 55)
EYES: Final = slice(60, 76)
OUTLINE: Final = (slice(8, 25), slice(76, 96), slice(33, 51))
"""Chin, lips and eyebrows, which the second mask lacks."""


def _up(maps: Tensor, pixels: int) -> Tensor:
    """Moves maps up; what leaves on one side enters on the other."""
    return maps.roll(-pixels, dims=2)


def _shaped(heat: Tensor) -> Tensor:
    """Heat maps of 256 pixels a side, each moved, narrowed or removed by its part."""
    x = torch.where(heat < LEAST, torch.zeros_like(heat), heat)
    low, high = x.amin(dim=(2, 3), keepdim=True), x.amax(dim=(2, 3), keepdim=True)
    x = (x - low) / (high - low + 1e-6)
    for part in PARTS:
        own = slice(part.first, part.last)
        x[:, own] = _up(x[:, own], part.up) ** part.power
    x[:, list(UNUSED)] = 0
    x[:, NOSE] = _up(x[:, NOSE], 4)
    x[:, EYES] = _up(x[:, EYES], -8) ** 3 + _up(x[:, EYES], -24)
    return x


@torch.no_grad()
def face_masks(
    network: Landmarks, images: Float[Tensor, "batch 3 height width"]
) -> tuple[Float[Tensor, "batch 1 256 256"], Float[Tensor, "batch 1 256 256"]]:
    """Where the details of a face are: of all its parts, and of eyes and nose.

    The numbers are those of the authors' code.

    Args:
        network: the network of landmarks.
        images: images in [0, 1].
    """
    size = (SIDE, SIDE)
    images = functional.interpolate(images, size=size, mode="bilinear")
    heat = network(images)[:, :POINTS]
    heat = functional.interpolate(heat, size=size, mode="bilinear", align_corners=True)
    every = _shaped(heat)
    inner = every.clone()
    for part in OUTLINE:
        inner[:, part] = 0
    whole, rest = (maps.sum(dim=1, keepdim=True).clamp(0, 1) for maps in (every, inner))
    return whole, rest
