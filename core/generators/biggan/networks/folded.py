"""Fast form of all BigGANs: the same images up to rounding, with fewer operations.

Folded into the weights once are spectral norms, batch statistics, the biases of convolutions
before a normalisation, and the gain of attention. A 1 x 1 convolution runs before the upsampling
that it commutes with. A 3 x 3 convolution after upsampling becomes a transposed 4 x 4 convolution
on the small map, with 16 products per pixel rather than 36. On maps so small that reading the
weights dominates, convolutions are plain matrix products.
"""

from collections.abc import Sequence

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from .ajbrock import (
    Attention,
    BigGanGenerator,
    ConditionalNorm,
    GeneratorLayout,
    OutputNorm,
    attend,
)
from .deep import BigGanDeepGenerator, DeepLayout
from .deep_hf import BASE, BigGanDeepHf, HfAttention, HfBlock, HfLayout, HfNorm
from .folded_layers import (
    Affine,
    Doubling,
    FoldedConvolution,
    Modulation,
    activated,
    frozen,
    normalisation,
)
from .spectral import SpectralLinear, normalised

__all__ = ["FoldedGenerator", "folded"]


def _conditional(norm: ConditionalNorm) -> Affine:
    gain, bias = _per_channel(norm.gain), _per_channel(norm.bias)
    if norm.statistics != "synchronised":
        return normalisation(norm.moments(), norm.eps, gain, bias)
    plain = normalisation(norm.moments(), norm.eps, torch.zeros_like(gain), gain + bias)
    return Affine(plain.scale, plain.scale_base, plain.shift, plain.shift_base + 1)


def _per_channel(layer: nn.Module) -> Tensor:
    weight = normalised(layer)
    return weight if isinstance(layer, SpectralLinear) else weight.mT


def _conditional_hf(norm: HfNorm, truncation: float) -> Affine:
    moments = norm.moments(truncation)
    return normalisation(moments, norm.eps, normalised(norm.scale), normalised(norm.offset))


class _FoldedAttention(nn.Module):
    def __init__(self, layer: Attention | HfAttention) -> None:
        super().__init__()
        if isinstance(layer, Attention):
            parts, out = (layer.theta, layer.phi, layer.g), layer.o
        else:
            parts = (layer.snconv1x1_theta, layer.snconv1x1_phi, layer.snconv1x1_g)
            out = layer.snconv1x1_o_conv
        weights = [normalised(part) for part in parts]
        self.widths = [len(weight) for weight in weights]
        self.parts = FoldedConvolution(torch.cat(weights))
        self.out = FoldedConvolution(layer.gamma * normalised(out))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.out(attend(*self.parts(x).split(self.widths, dim=1)))


class _FoldedBlock(nn.Module):
    """Folded block of BigGAN."""

    def __init__(self, block: nn.Module, side: int) -> None:
        super().__init__()
        first, second = block.conv1, block.conv2
        self.modulation = Modulation(
            [_conditional(block.bn1), _conditional(block.bn2).after(first.bias)]
        )
        self.first = Doubling(normalised(first), side)
        self.second = FoldedConvolution(normalised(second), second.bias + block.conv_sc.bias)
        self.shortcut = FoldedConvolution(normalised(block.conv_sc))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        before, between = self.modulation(condition)
        h = self.second(activated(self.first(activated(x, before)), between))
        return h + F.interpolate(self.shortcut(x), scale_factor=2)


class _FoldedBottleneck(nn.Module):
    """Folded block of BigGAN-deep: four convolutions, each after a normalisation."""

    def __init__(
        self,
        convolutions: Sequence[nn.Module],
        affines: Sequence[Affine],
        side: int,
        *,
        doubles: bool,
    ) -> None:
        super().__init__()
        self.doubles = doubles
        weights = [normalised(layer) for layer in convolutions]
        biases = [layer.bias for layer in convolutions]
        first, *rest = affines
        after = [affine.after(bias) for affine, bias in zip(rest, biases[:3], strict=True)]
        self.modulation = Modulation([first, *after])
        self.down = FoldedConvolution(weights[0])
        self.first = Doubling(weights[1], side) if doubles else FoldedConvolution(weights[1])
        self.second = FoldedConvolution(weights[2])
        self.up = FoldedConvolution(weights[3], biases[3])

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        one, two, three, four = self.modulation(condition)
        h = self.down(activated(x, one))
        h = self.first(activated(h, two))
        h = self.up(activated(self.second(activated(h, three)), four))
        kept = x[:, : h.shape[1]]
        return h + (F.interpolate(kept, scale_factor=2) if self.doubles else kept)


class FoldedGenerator(nn.Module):
    """Generator from z and a class to images in [-1, 1], equivalent to the one it is made of."""

    def __init__(
        self,
        layout: GeneratorLayout | DeepLayout | HfLayout,
        start: tuple[Tensor, Tensor],
        base: int,
        steps: Sequence[nn.Module],
        end: tuple[Tensor, Tensor],
        image: FoldedConvolution,
    ) -> None:
        super().__init__()
        self.layout = layout
        self.base = base
        for name, part in zip(("start", "start_bias", "scale", "shift"), start + end, strict=True):
            setattr(self, name, frozen(part.float().contiguous()))
        self.steps = nn.ModuleList(steps)
        self.image = image

    def forward(
        self, z: Float[Tensor, "batch latent"], y: Float[Tensor, "batch class"]
    ) -> Float[Tensor, "batch 3 size size"]:
        first, conditions = self.layout.conditions(z, y)
        x = rearrange(
            F.linear(first, self.start, self.start_bias),
            "batch (channels height width) -> batch channels height width",
            height=self.base,
            width=self.base,
        )
        remaining = iter(conditions)
        for step in self.steps:
            x = step(x) if isinstance(step, _FoldedAttention) else step(x, next(remaining))
        end = (self.scale[:, None, None], self.shift[:, None, None])
        return self.image(activated(x, end)).tanh()


@torch.no_grad()
def folded(network: BigGanGenerator | BigGanDeepGenerator | BigGanDeepHf) -> FoldedGenerator:
    """Returns the fast form of a generator, frozen."""
    fold = _folded_hf if isinstance(network, BigGanDeepHf) else _folded_ajbrock
    return fold(network).eval().requires_grad_(False)


def _folded_ajbrock(network: BigGanGenerator | BigGanDeepGenerator) -> FoldedGenerator:
    deep = isinstance(network, BigGanDeepGenerator)
    base = network.layout.common.base if deep else network.layout.base
    side, steps = base, []
    for block, *attention in network.blocks:
        if deep:
            layers = (block.conv1, block.conv2, block.conv3, block.conv4)
            affines = [_conditional(n) for n in (block.bn1, block.bn2, block.bn3, block.bn4)]
            step = _FoldedBottleneck(layers, affines, side, doubles=block.shape.doubles)
        else:
            step = _FoldedBlock(block, side)
        side *= 2 if not deep or block.shape.doubles else 1
        steps += [step, *(_FoldedAttention(layer) for layer in attention)]
    norm, _, image = network.output_layer
    return FoldedGenerator(
        network.layout,
        (normalised(network.linear), network.linear.bias),
        base,
        steps,
        _learnt(norm),
        FoldedConvolution(normalised(image), image.bias),
    )


def _learnt(norm: OutputNorm) -> tuple[Tensor, Tensor]:
    zeros = norm.gain.new_zeros(len(norm.gain), 1)
    plain = normalisation(norm.moments(), norm.eps, zeros, zeros)
    gain, bias = norm.gain.double(), norm.bias.double()
    if norm.statistics == "synchronised":
        return plain.scale_base, plain.shift_base + gain + bias
    return plain.scale_base * gain, plain.shift_base * gain + bias


def _folded_hf(network: BigGanDeepHf) -> FoldedGenerator:
    generator, truncation = network.generator, network.truncation
    side, steps = BASE, []
    for layer in generator.layers:
        if not isinstance(layer, HfBlock):
            steps.append(_FoldedAttention(layer))
            continue
        layers = (layer.conv_0, layer.conv_1, layer.conv_2, layer.conv_3)
        norms = (layer.bn_0, layer.bn_1, layer.bn_2, layer.bn_3)
        affines = [_conditional_hf(norm, truncation) for norm in norms]
        doubles = layer.shape.doubles
        steps.append(_FoldedBottleneck(layers, affines, side, doubles=doubles))
        side *= 2 if doubles else 1
    first = "(height width channels) ... -> (channels height width) ..."
    weight = rearrange(normalised(generator.gen_z), first, height=BASE, width=BASE)
    bias = rearrange(generator.gen_z.bias, first, height=BASE, width=BASE)
    norm, image = generator.bn, generator.conv_to_rgb
    mean, variance = norm.moments(truncation)
    scale = torch.rsqrt(variance.double() + norm.eps) * norm.weight
    return FoldedGenerator(
        network.layout,
        (weight, bias),
        BASE,
        steps,
        (scale, norm.bias - mean * scale),
        FoldedConvolution(normalised(image)[:3], image.bias[:3]),
    )
