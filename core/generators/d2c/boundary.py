"""Released boundaries of attributes: `red_lipstick.ckpt`, `beard.ckpt`, `blond.ckpt`."""

from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from ...checkpoints.checkpoint import read
from ...errors import CheckpointError, InvalidInput
from ...generator import Generator
from .networks.model import D2CNetwork

__all__ = ["read_boundary"]

NAME = "boundary"


def read_boundary(path: str | Path, generator: Generator) -> Float[Tensor, " dim"]:
    """Reads the normal of a boundary between latents with an attribute and without.

    The authors' code moves a latent z of the encoder to z - step boundary, with step 10 for
    lipstick, 20 for beard and -15 for blond. The vector is returned in the coordinates of the
    generator, which are normalised, so that z - step vector is the same move.

    Args:
        path: file with a state dict that holds the tensor `boundary` alone.
        generator: D2C generator with clean latents.

    Raises:
        CheckpointError: the file is damaged, holds something else, or has another shape.
        InvalidInput: another generator, or latents that are noise.
    """
    network, source = generator.module, generator.source
    if not isinstance(network, D2CNetwork) or [block.name for block in source.blocks] != ["z"]:
        raise InvalidInput(
            f"Boundaries are of the latents of D2C's encoder; {generator.name!r} has latents "
            f"{source}. Load a D2C model with latent clean."
        )
    checkpoint = read(path)
    if set(checkpoint.tensors) != {NAME}:
        names = ", ".join(f"`{name}`" for name in list(checkpoint.tensors)[:4])
        raise CheckpointError(
            f"{checkpoint.path.name} is no boundary of D2C: it holds {names or 'no tensor'}; the "
            f"tensor `{NAME}` alone was expected."
        )
    boundary, (block,) = checkpoint.tensors[NAME], source.blocks
    if tuple(boundary.shape) not in ((1, *block.shape), block.shape):
        raise CheckpointError(
            f"{checkpoint.path.name} has the shape {list(boundary.shape)}; the latents of "
            f"{generator.name!r} have {list(block.shape)}. It is of another model or image size."
        )
    std = network.latent_mod.std.detach().cpu()
    return (boundary.detach().float().reshape(1, *block.shape) / std).flatten().clone()
