"""Reads the sizes of NVAE's decoder off the names and shapes of a state dict."""

import re
from dataclasses import replace

from ...checkpoints.reading import part_of, prefix_of, shape_of
from ...checkpoints.record import Checkpoint
from ...errors import CheckpointError
from ..d2c.layouts import NUMBERS
from ..d2c.reading import cell_layout, cells_of
from .layouts import NORMAL_OUTPUTS, NvaeLayout

__all__ = ["decoder_layout", "decoder_part", "decoder_prefix"]

ENCODER = ("stem.", "pre_process.", "enc_", "enc0.", "nf_cells.")
"""Starts of the names of the encoder's tensors."""
COPIES = ".weight_normalized"
"""End of the names of a second copy of a weight."""
VANILLA = "stem_decoder.weight"


def decoder_prefix(checkpoint: Checkpoint) -> str | None:
    """The prefix of a decoder, `state_dict.` in official files; None without one."""
    # One key may be missing: a damaged file must be reported, not ignored.
    keys = ("prior_ftr0", "dec_tower.0.conv.weight", "image_conditional.1.weight")
    vanilla = ("prior_ftr0", VANILLA, "image_conditional.1.weight")
    found = prefix_of(checkpoint, *keys, missing=1)
    return prefix_of(checkpoint, *vanilla, missing=1) if found is None else found


def decoder_part(checkpoint: Checkpoint) -> Checkpoint:
    """The decoder's tensors, named without a prefix; the encoder's are not looked at."""
    prefix = decoder_prefix(checkpoint) or ""
    left_out = tuple(prefix + start for start in ENCODER)
    tensors = {
        name: checkpoint.tensors[name]
        for name in checkpoint.tensors
        if not name.startswith(left_out) and not name.endswith(COPIES)
    }
    return part_of(replace(checkpoint, tensors=tensors), prefix)


def decoder_layout(own: Checkpoint) -> NvaeLayout:
    """Sizes of a decoder, cell by cell.

    Args:
        own: its tensors, named without a prefix.

    Raises:
        CheckpointError: it is a model of a single group, or of images that are not in colour.
        KeyError: a tensor that the sizes are read off is missing.
    """
    if VANILLA in own.tensors:
        raise CheckpointError(
            f"{own.path.name} is an NVAE with a single group of latents, a plain variational "
            "autoencoder. Such models are not supported."
        )
    width, base, other = shape_of(own, "prior_ftr0", 3)
    outputs, _, _, _ = shape_of(own, "image_conditional.1.weight", 4)
    if outputs != NORMAL_OUTPUTS and outputs % NUMBERS:
        raise CheckpointError(
            f"{own.path.name} has {outputs} numbers per pixel; {NORMAL_OUTPUTS} of a normal law "
            f"or a multiple of {NUMBERS} were expected, for images in colour."
        )
    if base != other:
        raise CheckpointError(
            f"{own.path.name}: its first map has {base} x {other} pixels; a square was expected."
        )
    pattern = re.compile(r"dec_tower\.(\d+)\.")
    count = len({match[1] for name in own.tensors if (match := pattern.match(name))})
    tower = tuple(
        None
        if f"dec_tower.{number}.conv.weight" in own.tensors
        else cell_layout(own, f"dec_tower.{number}.")
        for number in range(count)
    )
    latent = shape_of(own, "dec_tower.0.conv.weight", 4)[1] - width
    if latent < 1:
        raise CheckpointError(
            f"{own.path.name}: `dec_tower.0.conv.weight` takes {latent + width} channels, but the "
            f"first map alone has {width}. Fetch or save it again."
        )
    return NvaeLayout(latent, width, base, tower, cells_of(own, "post_process"), outputs)
