"""Reads the sizes of D2C's networks off the names and shapes of a state dict.

The dilation of a convolution is not in a file; official models have none.
"""

import re

from ...checkpoints.reading import count_of, shape_of
from ...checkpoints.record import Checkpoint
from ...errors import CheckpointError
from .layouts import (
    NUMBERS,
    AutoencoderLayout,
    BranchLayout,
    CellLayout,
    ConvBranch,
    InvertedBranch,
    SideChange,
    UNetLayout,
)

__all__ = ["autoencoder_layout", "cell_layout", "cells_of", "unet_layout"]


def autoencoder_layout(own: Checkpoint) -> AutoencoderLayout:
    """Sizes of an encoder and a decoder, cell by cell.

    Args:
        own: their tensors, named without a prefix.

    Raises:
        CheckpointError: a cell has an operation that no official model has, or another shape.
        KeyError: a tensor that the sizes are read off is missing.
    """
    latent, encoded = shape_of(own, "enc_sampler.weight", 4)[:2]
    outputs = shape_of(own, "image_conditional.1.weight", 4)[0]
    layout = AutoencoderLayout(
        latent,
        shape_of(own, "stem.weight", 4)[0],
        (cells_of(own, "pre_process"), cells_of(own, "enc_tower")),
        (cells_of(own, "dec_tower"), cells_of(own, "post_process")),
        mixtures=outputs // NUMBERS,
    )
    rising = sum(cell.side == "up" for part in layout.decoder for cell in part)
    if outputs % NUMBERS or encoded != layout.encoded or 2**rising != layout.factor:
        raise CheckpointError(
            f"{own.path.name}: encoder and decoder do not fit each other: the side is divided by "
            f"{layout.factor} and multiplied by {2**rising}, and each pixel has {outputs} "
            f"numbers; equal factors and a multiple of {NUMBERS} were expected."
        )
    return layout


def cells_of(own: Checkpoint, stage: str) -> tuple[CellLayout, ...]:
    """Sizes of the cells of a stage, such as `post_process`; as `cell_layout`."""
    pattern = re.compile(rf"{stage}\.(\d+)\.")
    found = {int(match[1]) for name in own.tensors if (match := pattern.match(name))}
    return tuple(cell_layout(own, f"{stage}.{number}.") for number in range(len(found)))


def cell_layout(own: Checkpoint, prefix: str) -> CellLayout:
    """Sizes of a cell of NVAE.

    Args:
        own: the network's tensors, named without a prefix.
        prefix: prefix of the cell.

    Raises:
        CheckpointError: it has an operation that no official model has, or another shape.
    """
    tensors = own.tensors
    if f"{prefix}skip.conv_1.weight" in tensors:
        side: SideChange = "down"
    else:
        side = "up" if f"{prefix}skip.1.weight" in tensors else "none"
    pattern = re.compile(rf"{re.escape(prefix)}_ops\.(\d+)\.")
    count = len({match[1] for name in tensors if (match := pattern.match(name))})
    branches: list[BranchLayout] = []
    inputs = outputs = 0
    for number in range(count):
        doubles = side == "up" and number == 0
        branch, wide, outputs = _branch(own, f"{prefix}_ops.{number}.", doubles=doubles)
        inputs = inputs or wide
        branches.append(branch)
    squeezed = 0
    if f"{prefix}se.se.0.weight" in tensors:
        squeezed = shape_of(own, f"{prefix}se.se.0.weight", 2)[0]
    if not branches:
        raise CheckpointError(f"{own.path.name}: the cell `{prefix}` has no operation.")
    return CellLayout(inputs, outputs, side, tuple(branches), squeezed)


def _branch(own: Checkpoint, prefix: str, *, doubles: bool) -> tuple[BranchLayout, int, int]:
    """An operation with the channels of its input and output."""
    tensors = own.tensors
    if f"{prefix}conv_0.weight" in tensors:
        outputs, inputs, kernel, _ = shape_of(own, f"{prefix}conv_0.weight", 4)
        if f"{prefix}bn_act.weight" in tensors:
            return ConvBranch(kernel), inputs, outputs
        if f"{prefix}bn.bn.weight" in tensors:
            return ConvBranch(kernel, activation="elu"), inputs, outputs
    # The doubling of an inverted residual is the first entry of its sequence.
    first = 2 if doubles else 1
    if f"{prefix}conv.{first + 1}.conv.0.weight" in tensors:
        hidden, inputs, _, _ = shape_of(own, f"{prefix}conv.{first}.conv.0.weight", 4)
        _, width, kernel, _ = shape_of(own, f"{prefix}conv.{first + 1}.conv.0.weight", 4)
        outputs = shape_of(own, f"{prefix}conv.{first + 2}.weight", 4)[0]
        groups = 0 if width == 1 else hidden // width
        return InvertedBranch(hidden, kernel, groups), inputs, outputs
    names = ", ".join(name for name in tensors if name.startswith(prefix))
    raise CheckpointError(
        f"{own.path.name}: the operation `{prefix}` is neither a convolution with batch "
        f"normalisation nor an inverted residual. Its tensors: {names}."
    )


def unet_layout(own: Checkpoint) -> UNetLayout:
    """Sizes of the U-Net.

    Args:
        own: its tensors, named without a prefix.

    Raises:
        CheckpointError: a tensor that the sizes are read off has another number of axes.
        KeyError: it is missing.
    """
    tensors = own.tensors
    width, latent, _, _ = shape_of(own, "conv_in.weight", 4)
    levels = count_of(tensors, "down.{}.block.0.conv1.weight")
    widths = [shape_of(own, f"down.{n}.block.0.conv1.weight", 4)[0] for n in range(levels)]
    return UNetLayout(
        latent,
        width,
        tuple(widths),
        count_of(tensors, "down.0.block.{}.conv1.weight"),
        frozenset(n for n in range(levels) if f"down.{n}.attn.0.q.weight" in tensors),
        learned=any(name.startswith("down.0.downsample.conv.") for name in tensors),
    )
