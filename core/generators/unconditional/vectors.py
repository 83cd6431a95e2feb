"""Spectral normalisation of other packages in the form of PyTorch's `spectral_norm`."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

__all__ = ["with_vectors"]

STARTS = ("u", "sn_u")
"""Names of the stored vectors of chainer's code and of mimicry's own layers."""
UNUSED = "sn_sigma"


def with_vectors(tensors: dict[str, Tensor], layers: tuple[str, ...] = ()) -> dict[str, Tensor]:
    """Tensors in which normalised weights have vectors as PyTorch stores them.

    The authors' code takes one step of the power iteration from the stored vector. A layer without
    one gets the vectors of its largest singular value, to which the iteration converges.

    Args:
        tensors: of a network by name.
        layers: names of layers that are normalised although the file lacks their vectors; those
            with vectors are found by them.
    """
    found = dict(tensors)
    stored = {
        name.rpartition(".")[0]: name for name in tensors if name.rpartition(".")[2] in STARTS
    }
    for layer in dict.fromkeys((*layers, *stored)):
        weight = found.pop(f"{layer}.weight", None)
        start = found.pop(stored[layer]) if layer in stored else None
        found.pop(f"{layer}.{UNUSED}", None)
        if weight is None:
            continue
        u, v = _vectors(weight, start)
        parts = {"weight_orig": weight, "weight_u": u, "weight_v": v}
        found |= {f"{layer}.{name}": part for name, part in parts.items()}
    return found


def _vectors(
    weight: Tensor, start: Tensor | None
) -> tuple[Float[Tensor, " rows"], Float[Tensor, " columns"]]:
    matrix = weight.double().flatten(1)
    first = torch.linalg.eigh(matrix @ matrix.mT).eigenvectors[:, -1] if start is None else start
    v = functional.normalize(first.double().flatten() @ matrix, dim=0)
    u = functional.normalize(matrix @ v, dim=0)
    return u.float(), v.float()
