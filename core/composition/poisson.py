"""Poisson blending: the gradients of one image within a mask, the colours of another around it."""

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu
from torch import Tensor

from ..errors import InvalidInput

__all__ = ["poisson_blend"]

Images4 = Float[Tensor, "batch 3 height width"]


def poisson_blend(
    source: Float[Tensor, "_ 3 _ _"], target: Images4, mask: Bool[Tensor, "_ _"]
) -> Images4:
    """Returns Poisson blends: Perez, Gangnet and Blake 2003, eq. (7) with v = grad source.

    The last step of FuseDream. Within the mask, each pixel p satisfies sum_q (f_p - f_q) = sum_q
    (source_p - source_q) over its four neighbours q; where q is outside of the mask, f_q is the
    pixel of the target. Outside of the mask the result is the target. Sums at the border of the
    image omit missing neighbours (the Neumann condition of the source), so that a mask may touch
    up to four sides.

    Solved directly in float64 on the CPU with one factorisation; there is no gradient. Values are
    not clamped and may leave [0, 1].

    Args:
        source: images whose gradients are kept; read in the mask and one pixel around it.
        target: images that they are blended into.
        mask: pixels to solve for; pixels of the target stay elsewhere.

    Raises:
        InvalidInput: images of different sizes, another mask's size, or a mask that leaves no
            pixel of the target to start from.
    """
    if source.shape != target.shape or mask.shape != target.shape[2:]:
        raise InvalidInput(
            f"A source of shape {tuple(source.shape)}, a target of {tuple(target.shape)} and a "
            f"mask of {tuple(mask.shape)}; expected images of one size, and a mask of their "
            "height and width."
        )
    inside = mask.cpu().numpy()
    if inside.all():
        raise InvalidInput(
            "The mask covers the whole image: blending needs pixels of the target around it."
        )
    if not inside.any():
        return target
    laplacian = _laplacian(*inside.shape)
    known = laplacian[inside.ravel()]
    own, around = known[:, inside.ravel()], known[:, ~inside.ravel()]
    solve = splu(own.tocsc()).solve

    def blended(image: Tensor, behind: Tensor) -> Tensor:
        pixels = _columns(behind)
        wanted = known @ _columns(image) - around @ pixels[~inside.ravel()]
        pixels[inside.ravel()] = solve(wanted)
        return torch.from_numpy(pixels.T.reshape(behind.shape))

    # One by one, because with more columns the solver may sum in another order.
    return torch.stack([blended(*pair) for pair in zip(source, target, strict=True)]).to(target)


def _columns(image: Float[Tensor, "3 _ _"]) -> NDArray[np.float64]:
    """Returns a row per pixel and a column per channel."""
    flat = image.detach().cpu().double().flatten(1)
    return np.ascontiguousarray(flat.numpy().T)


def _laplacian(height: int, width: int) -> sparse.csr_array:
    """Returns the Laplacian of an image: number of neighbours on the diagonal, -1 for each."""
    down, right = _path(height), _path(width)
    return sparse.csr_array(
        sparse.kron(down, sparse.eye_array(width)) + sparse.kron(sparse.eye_array(height), right)
    )


def _path(side: int) -> sparse.csr_array:
    """Returns the Laplacian of a row of pixels: 1 neighbour at its ends, 2 within."""
    steps = np.diff(np.eye(side), axis=0)
    return sparse.csr_array(steps.T @ steps)
