"""Latents of a foreground and a background as one point, and the images made of both."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..errors import InvalidInput
from ..features import Features, feature_distance
from ..generator import Generator
from ..rng import SampleRng
from ..spaces import IMAGES, Block, Images, Map, Space
from ..terms import Term
from .paste import Paste

__all__ = [
    "CROP",
    "FOREGROUND",
    "FUSED",
    "ImageOf",
    "Layer",
    "Scene",
    "agreement",
    "joint_space",
]

FUSED, FOREGROUND, CROP = "fused", "foreground", "crop"
"""The two layers of a scene."""
FRONT, BACK = "foreground.", "background."
"""Prefixes of the names of the blocks of the two latents."""
Images4 = Float[Tensor, "batch 3 height width"]


def joint_space(foreground: Space, background: Space) -> Space:
    """Returns the space of the points of both, with blocks named after the layer."""
    return Space(
        tuple(
            replace(block, name=prefix + block.name)
            for prefix, space in ((FRONT, foreground), (BACK, background))
            for block in space.blocks
        )
    )


@dataclass(frozen=True)
class Layer:
    """Map from the point of both latents to those of one layer.

    Attributes:
        source: space of both latents.
        chart: chart of this layer.
        part: slice of its numbers.
        name: name to display.
    """

    source: Space
    chart: Map
    part: slice
    name: str

    @classmethod
    def both(cls, foreground: Map, background: Map) -> "tuple[Layer, Layer]":
        """Returns the maps to foreground and background in these charts."""
        space, first = joint_space(foreground.source, background.source), foreground.source.dim
        return (
            cls(space, foreground, slice(0, first), "foreground"),
            cls(space, background, slice(first, space.dim), "background"),
        )

    @property
    def target(self) -> Space:
        """The generator's latent space.

        Raises:
            InvalidInput: the chart leads to no latent space.
        """
        target = self.chart.target
        if not isinstance(target, Space):
            raise InvalidInput(f"The {self.name}'s chart {self.chart} leads to {target}.")
        return target

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The space of the chart."""
        return self.chart.modules

    def __str__(self) -> str:
        return f"{self.name} ({self.chart})"

    def __call__(self, v: Tensor, rng: SampleRng) -> Tensor:
        """Returns the latents of the layer."""
        return self.chart(v[:, self.part], rng)


@dataclass(frozen=True)
class ImageOf:
    """Map to one of the images of a scene."""

    source: Space
    name: str
    modules: tuple[nn.Module, ...] = ()

    @property
    def target(self) -> Images:
        """The space of images."""
        return IMAGES

    def __str__(self) -> str:
        return self.name

    def __call__(self, v: Tensor, rng: SampleRng) -> Images4:
        """Returns the image of each scene."""
        return self.source.split(v)[self.name]


@dataclass(frozen=True, eq=False)
class Scene:
    """Map from the point of both latents to the three images of a scene, rendered once.

    A scene consists of the fused image and the pair that the perceptual loss compares: the
    foreground as pasted and the background behind it, both enlarged to the size of the images. The
    paper does not state which is resized. Here both have the sharpness of the fused image,
    distances at several scales are comparable, and the runs of all placements are one batch.

    Attributes:
        generator: G, of both.
        layers: the foreground's latents and the background's.
        paste: pastes the foreground at its placement.
    """

    generator: Generator
    layers: tuple[Layer, Layer]
    paste: Paste

    @property
    def source(self) -> Space:
        """The points of both latents."""
        return self.layers[0].source

    @property
    def target(self) -> Space:
        """The pixels of the three images."""
        shape = (3, *self.paste.size)
        return Space(tuple(Block(name, shape) for name in (FUSED, FOREGROUND, CROP)))

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The networks of the generator."""
        return self.generator.modules

    def __str__(self) -> str:
        return f"scenes of {self.generator}"

    def pair(self, v: Tensor, rng: SampleRng) -> tuple[Images4, Images4]:
        """Returns the whole images of foreground and background."""
        front, back = (self.generator(layer(v, rng), rng) for layer in self.layers)
        return front, back

    def fused(self, v: Tensor, rng: SampleRng) -> Images4:
        """Returns only the fused images."""
        return self.paste.fused(*self.pair(v, rng), rng)

    def __call__(self, v: Tensor, rng: SampleRng) -> Float[Tensor, "batch pixels"]:
        """Returns the scenes."""
        front, back = self.pair(v, rng)
        fused = self.paste.fused(front, back, rng)
        parts = (fused, self.paste.magnified(fused, rng), self.paste.magnified(back, rng))
        return torch.cat([part.flatten(1) for part in parts], dim=1)


def agreement(features: Features | None, scene: Space) -> Term:
    """The secondary l_Fuse: dissimilarity of the foreground and the background behind it.

    Args:
        features: features of LPIPS or a CLIP; None compares pixels by the mean squared difference.
        scene: space of its arguments.
    """

    def evaluate(v: Tensor, rng: SampleRng) -> Tensor:
        parts = scene.split(v)
        front, crop = parts[FOREGROUND], parts[CROP]
        if features is None:
            return (front - crop).square().mean(dim=(1, 2, 3))
        return feature_distance(features, features.maps(front), features.maps(crop))

    name = features.name if features is not None else "pixels"
    modules = features.modules if features is not None else ()
    return Term(f"foreground to background({name})", scene, evaluate, modules)
