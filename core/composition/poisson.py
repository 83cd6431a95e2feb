"""Poisson blending: an image's gradients within a mask, another's colours around it."""

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
    """Perez, Gangnet and Blake 2003, eq. (7) with v = grad source; FuseDream's last step.

    Within the mask, for each pixel p, sum_q (f_p - f_q) = sum_q (source_p - source_q) over its
    neighbours q above, below and beside it; where q lies outside of the mask, f_q is the target's
    pixel. Outside of it the result is the target. At the image's border a pixel has no neighbour
    beyond it and none is summed over, so that nothing is asked of the slope there (Neumann, as the
    source has it): a mask may touch up to four sides.

    Solved directly, in float64 on the CPU, the matrix factorised once; there is no gradient.
    Nothing is clamped: values may leave [0, 1], and whoever shows them clamps.

    Args:
        source: the images whose gradients are kept; read in the mask and one pixel around it.
        target: the images that they are set in.
        mask: the pixels to solve for; the images' pixels elsewhere stay.

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

    # One by one: with more columns the solver may add in another order.
    return torch.stack([blended(*pair) for pair in zip(source, target, strict=True)]).to(target)


def _columns(image: Float[Tensor, "3 _ _"]) -> NDArray[np.float64]:
    """A row per pixel, a column per channel."""
    flat = image.detach().cpu().double().flatten(1)
    return np.ascontiguousarray(flat.numpy().T)


def _laplacian(height: int, width: int) -> sparse.csr_array:
    """Of the whole image: the number of a pixel's neighbours on the diagonal, -1 for each."""
    down, right = _path(height), _path(width)
    return sparse.csr_array(
        sparse.kron(down, sparse.eye_array(width)) + sparse.kron(sparse.eye_array(height), right)
    )


def _path(side: int) -> sparse.csr_array:
    """Of a row of pixels: 1 neighbour at its ends, 2 within, none if it is one pixel long."""
    steps = np.diff(np.eye(side), axis=0)
    return sparse.csr_array(steps.T @ steps)
