"""Released boundaries of attributes: `red_lipstick.ckpt`, `beard.ckpt`, `blond.ckpt`."""

from pathlib import Path
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from ...checkpoints.checkpoint import read
from ...conditions.few_shot import FewShot
from ...errors import CheckpointError, InvalidInput
from ...generator import Generator
from .networks.model import D2CNetwork

__all__ = ["BoundarySide", "boundary_condition", "read_boundary"]

NAME = "boundary"
BoundarySide: TypeAlias = Literal["minus", "plus"]
"""Side of a boundary on which latents show its attribute: where the released steps are positive
(lipstick, beard) it is minus, where they are negative (blond) plus."""


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


def boundary_condition(
    path: str | Path, generator: Generator, name: str, side: BoundarySide
) -> FewShot:
    """Reads a released boundary as a condition, to edit images by.

    A file has the normal alone. The condition's boundary goes through the origin, so that r
    compares latents, and is no probability.

    Args:
        path: as for `read_boundary`.
        generator: D2C generator with clean latents.
        name: name of the attribute.
        side: side of the boundary on which latents show it.

    Returns:
        The condition. Its figure `step` is the length of the boundary: a step s of the authors'
        code is a move of s times this length along the condition's vector.

    Raises:
        CheckpointError: as there, or a boundary of length 0.
        InvalidInput: as there, or an empty name.
    """
    if not name.strip():
        raise InvalidInput("The boundary has no name. Name the attribute: beard.")
    vector = read_boundary(path, generator)
    length = float(vector.norm())
    if not length:
        raise CheckpointError(
            f"{Path(path).name} has a boundary of length 0, which moves nothing."
        )
    normal = vector / length if side == "plus" else -vector / length
    return FewShot(
        classes=(f"no {name}", name),
        wanted=1,
        weight=normal[None],
        bias=torch.zeros(1),
        mean=torch.zeros_like(normal),
        std=torch.ones_like(normal),
        calibration=(1.0, 0.0),
        shares=(0.5, 0.5),
        fitted_shares=(0.5, 0.5),
        generator=generator.id,
        generator_name=generator.name,
        figures={"step": length},
    )
