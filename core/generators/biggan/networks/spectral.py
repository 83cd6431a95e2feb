"""Spectral normalisation in the form of official state dicts, and its folding into the weights.

A weight is divided by an estimate of its largest singular value from the stored vectors of the
power iteration. The exact singular value would not reproduce the official images.
"""

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
    v = F.normalize(u @ matrix, eps=eps)
    u = F.normalize(v @ matrix.mT, eps=eps)
    return (v @ matrix.mT @ u.mT).squeeze()


def _keep_vectors(layer: nn.Module, rows: int, spectral: Spectral) -> None:
    for number in range(spectral.vectors):
        layer.register_buffer(f"u{number}", torch.ones(1, rows))
        if spectral.values:
            layer.register_buffer(f"sv{number}", torch.ones(1))


class SpectralConv2d(nn.Conv2d):
    """Convolution whose weight is normalised in every pass."""

    def __init__(
        self, before: int, after: int, side: int = 3, *, bias: bool = True, spectral: Spectral
    ) -> None:
        super().__init__(before, after, side, padding=side // 2, bias=bias)
        self.spectral = spectral
        _keep_vectors(self, after, spectral)

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, normalised(self), self.bias)


class SpectralLinear(nn.Linear):
    """Linear map whose weight is normalised in every pass."""

    def __init__(self, before: int, after: int, *, bias: bool = True, spectral: Spectral) -> None:
        super().__init__(before, after, bias=bias)
        self.spectral = spectral
        _keep_vectors(self, after, spectral)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, normalised(self), self.bias)


class SpectralEmbedding(nn.Embedding):
    """Embedding table, normalised as a whole in every pass."""

    def __init__(self, rows: int, columns: int, *, spectral: Spectral) -> None:
        super().__init__(rows, columns)
        self.spectral = spectral
        _keep_vectors(self, rows, spectral)

    def forward(self, numbers: Tensor) -> Tensor:
        return F.embedding(numbers, normalised(self))


class _Stored(nn.Module):
    """Layer normalised by PyTorch's `spectral_norm`: sigma = u W v with stored u and v."""

    weight_u: Tensor
    weight_v: Tensor
    bias: nn.Parameter | None

    def __init__(self, *shape: int, bias: bool) -> None:
        super().__init__()
        weight = nn.init.kaiming_uniform_(torch.empty(shape))
        self.weight_orig = nn.Parameter(weight)
        self.register_buffer("weight_u", F.normalize(torch.ones(shape[0]), dim=0))
        self.register_buffer("weight_v", F.normalize(self.weight_u @ weight.flatten(1), dim=0))
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
    weight: Tensor = layer.weight
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
        if isinstance(layer, (SpectralConv2d, SpectralLinear, SpectralEmbedding)):
            setattr(module, name, _plain(layer))
        else:
            fold_spectral(layer)
    return module.requires_grad_(False)


def _plain(layer: nn.Module) -> nn.Module:
    weight = normalised(layer)
    if isinstance(layer, nn.Embedding):
        return nn.Embedding.from_pretrained(weight)
    if isinstance(layer, nn.Linear):
        plain = nn.Linear(layer.in_features, layer.out_features, bias=layer.bias is not None)
    else:
        after, before, side, _ = weight.shape
        plain = nn.Conv2d(before, after, side, padding=side // 2, bias=layer.bias is not None)
    plain.weight = nn.Parameter(weight)
    plain.bias = layer.bias
    return plain.eval()
