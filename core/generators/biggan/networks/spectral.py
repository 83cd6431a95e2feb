"""Spectral normalisation in the form of official state dicts, and its folding into the weights.

A weight is divided by an estimate of its largest singular value from the stored vectors of the
power iteration. The exact singular value would not reproduce the official images.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = [
    "NONE",
    "USUAL",
    "Spectral",
    "SpectralConv2d",
    "SpectralEmbedding",
    "SpectralLinear",
    "StoredConv2d",
    "StoredLinear",
    "fold_spectral",
    "largest_value",
    "normalised",
]


@dataclass(frozen=True)
class Spectral:
    """Spectral normalisation of ajbrock's layers, as stored next to a weight.

    Attributes:
        vectors: number of buffers u0, u1, ...; 0 if weights are not normalised. Only u0 is used.
        values: whether sv0, sv1, ... are stored too; they are for logging only.
        eps: lower bound of the length of a vector in the power iteration.
    """

    vectors: int = 1
    values: bool = True
    eps: float = 1e-6


NONE = Spectral(vectors=0, values=False)
USUAL = Spectral()


def largest_value(weight: Tensor, u: Tensor, eps: float) -> Tensor:
    """Sigma that evaluation divides by: one step of power iteration from u, (1, rows)."""
    matrix = weight.flatten(1)
    product = _unit(u @ matrix, eps) @ matrix.mT
    return (product @ _unit(product, eps).mT).squeeze()


def _unit(row: Tensor, eps: float) -> Tensor:
    """A vector, (1, n), of length 1."""
    return row / torch.linalg.vector_norm(row, dim=1, keepdim=True).clamp_min(eps)


class _Spectral(nn.Module):
    """Layer whose weight is normalised in every pass."""

    bias: nn.Parameter | None

    def __init__(self, *shape: int, bias: bool, spectral: Spectral) -> None:
        super().__init__()
        self.spectral = spectral
        self.weight = nn.Parameter(nn.init.kaiming_uniform_(torch.empty(shape), math.sqrt(5)))
        self.register_parameter("bias", nn.Parameter(torch.zeros(shape[0])) if bias else None)
        for number in range(spectral.vectors):
            self.register_buffer(f"u{number}", torch.ones(1, shape[0]))
            if spectral.values:
                self.register_buffer(f"sv{number}", torch.ones(1))


class SpectralConv2d(_Spectral):
    """Convolution that keeps the side."""

    def __init__(
        self, before: int, after: int, side: int = 3, *, bias: bool = True, spectral: Spectral
    ) -> None:
        super().__init__(after, before, side, side, bias=bias, spectral=spectral)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, normalised(self), self.bias, padding=self.weight.shape[-1] // 2)


class SpectralLinear(_Spectral):
    """Linear map."""

    def __init__(self, before: int, after: int, *, bias: bool = True, spectral: Spectral) -> None:
        super().__init__(after, before, bias=bias, spectral=spectral)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, normalised(self), self.bias)


class SpectralEmbedding(_Spectral):
    """Embedding table, normalised as a whole."""

    def __init__(self, rows: int, columns: int, *, spectral: Spectral) -> None:
        super().__init__(rows, columns, bias=False, spectral=spectral)

    def forward(self, numbers: Tensor) -> Tensor:
        return F.embedding(numbers, normalised(self))


class _Stored(nn.Module):
    """Layer normalised by PyTorch's `spectral_norm`: sigma = u W v with stored u and v."""

    weight_u: Tensor
    weight_v: Tensor
    bias: nn.Parameter | None

    def __init__(self, *shape: int, bias: bool) -> None:
        super().__init__()
        self.weight_orig = nn.Parameter(nn.init.kaiming_uniform_(torch.empty(shape)))
        outputs, inputs = shape[0], math.prod(shape[1:])
        self.register_buffer("weight_u", torch.full((outputs,), outputs**-0.5))
        self.register_buffer("weight_v", torch.full((inputs,), inputs**-0.5))
        self.register_parameter("bias", nn.Parameter(torch.zeros(shape[0])) if bias else None)


class StoredConv2d(_Stored):
    """Convolution with PyTorch's `spectral_norm`."""

    def __init__(
        self, before: int, after: int, side: int, *, stride: int = 1, bias: bool = True
    ) -> None:
        super().__init__(after, before, side, side, bias=bias)
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        padding = (self.weight_orig.shape[-1] - 1) // 2
        return F.conv2d(x, normalised(self), self.bias, self.stride, padding)


class StoredLinear(_Stored):
    """Linear map with PyTorch's `spectral_norm`."""

    def __init__(self, before: int, after: int, *, bias: bool = True) -> None:
        super().__init__(after, before, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, normalised(self), self.bias)


def normalised(layer: nn.Module) -> Tensor:
    """Effective weight of a layer: divided by its sigma, if it is normalised."""
    if isinstance(layer, _Stored):
        weight = layer.weight_orig
        return weight / layer.weight_u.dot(weight.flatten(1).mv(layer.weight_v))
    weight = layer.weight
    if not hasattr(layer, "u0"):
        return weight
    return weight / largest_value(weight, layer.u0, layer.spectral.eps)


@torch.no_grad()
def fold_spectral(module: nn.Module) -> nn.Module:
    """Replaces every normalised submodule by a plain layer with the effective weight, in place.

    Returns:
        The module, frozen.
    """
    for name, layer in list(module.named_children()):
        if isinstance(layer, _Spectral):
            setattr(module, name, _plain(layer))
        else:
            fold_spectral(layer)
    return module.requires_grad_(False)


def _plain(layer: _Spectral) -> nn.Module:
    weight, bias = normalised(layer), layer.bias is not None
    if isinstance(layer, SpectralEmbedding):
        return nn.Embedding.from_pretrained(weight)
    after, before, *sides = weight.shape
    if sides:
        padding = sides[0] // 2
        plain = nn.Conv2d(before, after, sides[0], padding=padding, bias=bias)
    else:
        plain = nn.Linear(before, after, bias=bias)
    plain.weight = nn.Parameter(weight)
    plain.bias = layer.bias
    return plain.eval()
