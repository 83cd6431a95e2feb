"""R3GAN's networks under the names of the authors' files.

Formulas are those of Huang et al., "The GAN is dead; long live the GAN!" (2024), and its code.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from ..stylegan.networks.ops import resampling_filter, upfirdn2d

__all__ = ["R3GanDiscriminator", "R3GanGenerator", "StageLayout"]

SIDE = 4
"""Pixels a side of the smallest maps."""
SLOPE = 0.2


@dataclass(frozen=True)
class StageLayout:
    """Sizes of the part of a network at one side.

    Attributes:
        width: channels of its maps.
        expanded: channels inside its residual blocks.
        groups: groups of the convolutions between those channels.
        blocks: number of residual blocks.
        kernel: side of the kernels of those convolutions.
    """

    width: int
    expanded: int
    groups: int
    blocks: int
    kernel: int = 3


class _Conv(nn.Module):
    """Convolution without bias, under the name that the authors' wrapper gives it."""

    def __init__(self, before: int, after: int, kernel: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.Layer = nn.Conv2d(
            before, after, kernel, padding=kernel // 2, groups=groups, bias=False
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.Layer(x)


class _Bias(nn.Module):
    """Bias and leaky ReLU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.Bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return functional.leaky_relu(x + self.Bias[:, None, None], SLOPE)


class _Residual(nn.Module):
    """x + W3 s(W2 s(W1 x)), where W2 has groups."""

    def __init__(self, stage: StageLayout) -> None:
        super().__init__()
        self.LinearLayer1 = _Conv(stage.width, stage.expanded)
        self.LinearLayer2 = _Conv(stage.expanded, stage.expanded, stage.kernel, stage.groups)
        self.LinearLayer3 = _Conv(stage.expanded, stage.width)
        self.NonLinearity1 = _Bias(stage.expanded)
        self.NonLinearity2 = _Bias(stage.expanded)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.LinearLayer2(self.NonLinearity1(self.LinearLayer1(x)))
        return x + self.LinearLayer3(self.NonLinearity2(hidden))


class _Resampler(nn.Module):
    """Low-pass filter of four taps that doubles or halves the side."""

    Kernel: Tensor

    def __init__(self, *, doubles: bool) -> None:
        super().__init__()
        self.doubles = doubles
        self.register_buffer("Kernel", resampling_filter(torch.tensor([1.0, 3.0, 3.0, 1.0])))

    def forward(self, x: Tensor) -> Tensor:
        if self.doubles:
            return upfirdn2d(x, self.Kernel, up=2, padding=(2, 1, 2, 1), gain=4)
        return upfirdn2d(x, self.Kernel, down=2, padding=1)


class _Change(nn.Module):
    """Change of side, with a 1 x 1 convolution on the smaller maps where the widths differ."""

    def __init__(self, before: int, after: int, *, doubles: bool) -> None:
        super().__init__()
        self.Resampler = _Resampler(doubles=doubles)
        self.doubles = doubles
        self.LinearLayer = _Conv(before, after) if before != after else None

    def forward(self, x: Tensor) -> Tensor:
        if not self.doubles:
            x = self.Resampler(x)
        x = x if self.LinearLayer is None else self.LinearLayer(x)
        return self.Resampler(x) if self.doubles else x


class _FirstMaps(nn.Module):
    """4 x 4 maps, each a stored map times a linear function of the latent."""

    def __init__(self, before: int, width: int) -> None:
        super().__init__()
        self.Basis = nn.Parameter(nn.init.normal_(torch.empty(width, SIDE, SIDE)))
        self.LinearLayer = nn.Linear(before, width, bias=False)

    def forward(self, z: Tensor) -> Tensor:
        return self.Basis * self.LinearLayer(z)[:, :, None, None]


class _LastMaps(nn.Module):
    """A number per 4 x 4 map by a stored map, and a linear function of those."""

    def __init__(self, width: int, after: int) -> None:
        super().__init__()
        self.Basis = nn.Conv2d(width, width, SIDE, groups=width, bias=False)
        self.LinearLayer = nn.Linear(width, after, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.LinearLayer(self.Basis(x).flatten(1))


class _Stage(nn.Module):
    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.Layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.Layers:
            x = layer(x)
        return x


class _Body(nn.Module):
    """Layers of a generator or a discriminator, under the names of the authors' files."""

    def __init__(self, stages: list[_Stage], classes: int, embedding: int) -> None:
        super().__init__()
        self.MainLayers = nn.ModuleList(stages)
        self.EmbeddingLayer = nn.Linear(classes, embedding, bias=False) if classes else None

    def forward(self, x: Tensor) -> Tensor:
        for stage in self.MainLayers:
            x = stage(x)
        return x


class R3GanGenerator(nn.Module):
    """Generator: stored maps weighted by the latent, then residual blocks at doubling sides.

    Args:
        z_dim: length of z.
        stages: sizes from 4 x 4 pixels on; each further stage doubles the side.
        classes: number of classes; 0 without.
        embedding: length of the embedded class.
    """

    def __init__(
        self, z_dim: int, stages: tuple[StageLayout, ...], classes: int = 0, embedding: int = 0
    ) -> None:
        super().__init__()
        self.z_dim, self.c_dim = z_dim, classes
        self.size = SIDE * 2 ** (len(stages) - 1)
        made: list[_Stage] = []
        for number, stage in enumerate(stages):
            first = (
                _Change(stages[number - 1].width, stage.width, doubles=True)
                if number
                else _FirstMaps(z_dim + embedding, stage.width)
            )
            made.append(_Stage(first, *(_Residual(stage) for _ in range(stage.blocks))))
        self.Model = _Body(made, classes, embedding)
        self.Model.AggregationLayer = _Conv(stages[-1].width, 3)

    def forward(
        self, z: Float[Tensor, "batch z"], c: Float[Tensor, "batch classes"] | None = None
    ) -> Float[Tensor, "batch 3 size size"]:
        """Images, about in [-1, 1]."""
        if self.Model.EmbeddingLayer is not None:
            z = torch.cat([z, self.Model.EmbeddingLayer(c)], dim=1)
        return self.Model.get_submodule("AggregationLayer")(self.Model(z))


class R3GanDiscriminator(nn.Module):
    """Discriminator: residual blocks at halving sides, then a number per 4 x 4 map.

    Args:
        stages: sizes from the images' side down to 4 x 4 pixels.
        classes: number of classes; 0 without.
        embedding: length of the embedded class.
    """

    def __init__(
        self, stages: tuple[StageLayout, ...], classes: int = 0, embedding: int = 0
    ) -> None:
        super().__init__()
        self.c_dim = classes
        made: list[_Stage] = []
        for number, stage in enumerate(stages):
            last = (
                _Change(stage.width, stages[number + 1].width, doubles=False)
                if number + 1 < len(stages)
                else _LastMaps(stage.width, embedding if classes else 1)
            )
            made.append(_Stage(*(_Residual(stage) for _ in range(stage.blocks)), last))
        self.Model = _Body(made, classes, embedding)
        self.Model.ExtractionLayer = _Conv(3, stages[0].width)

    def features(self, x: Float[Tensor, "batch 3 size size"]) -> Float[Tensor, "batch features"]:
        """The numbers of the last maps, which the logit is linear in; x in [-1, 1]."""
        x = self.Model.get_submodule("ExtractionLayer")(x)
        *stages, last = self.Model.MainLayers
        for stage in stages:
            x = stage(x)
        *blocks, basis = last.get_submodule("Layers").children()
        for block in blocks:
            x = block(x)
        return basis.get_submodule("Basis")(x).flatten(1)

    def forward(
        self,
        x: Float[Tensor, "batch 3 size size"],
        c: Float[Tensor, "batch classes"] | None = None,
    ) -> Float[Tensor, " batch"]:
        """Logits that images, in [-1, 1], are real; without c the means over all classes."""
        basis = list(self.Model.MainLayers[-1].get_submodule("Layers").children())[-1]
        found = basis.get_submodule("LinearLayer")(self.features(x))
        embed = self.Model.EmbeddingLayer
        if embed is None:
            return found.squeeze(1)
        rows = embed.weight.mean(dim=1)[None] if c is None else embed(c)
        return (found * rows).sum(dim=1)
