"""Reading the sizes of DF-GAN's networks off their tensors."""

from typing import Final

from ...checkpoints.architecture import load_network
from ...checkpoints.reading import count_of, part_of, prefix_of, shape_of
from ...checkpoints.record import Checkpoint
from ...errors import CheckpointError
from .networks.discriminators import EarlyJudge, ImageMaps, Matching, SentenceJudge
from .networks.generators import DfGanGenerator, DfGanLayout, EarlyDfGanGenerator

__all__ = [
    "EARLY_JUDGE_KEYS",
    "EARLY_KEYS",
    "KEYS",
    "early_generator",
    "early_judge",
    "judge_of",
    "late_generator",
]

KEYS: Final = ("GBlocks.0.fuse1.affine0.fc_gamma.linear1.weight", "to_rgb.1.weight", "fc.weight")
EARLY_KEYS: Final = ("block0.affine0.fc_gamma.linear1.weight", "conv_img.1.weight", "fc.weight")
EARLY_JUDGE_KEYS: Final = ("COND_DNET.joint_conv.0.weight", "block0.conv_r.0.weight")
MAPS_KEYS: Final = ("DBlocks.0.conv_r.0.weight", "conv_img.weight")
MATCHING_KEYS: Final = ("joint_conv.0.weight", "joint_conv.2.weight")
SIDE: Final = 4


def _layout(own: Checkpoint, blocks: int, block: str, condition: str) -> tuple[int, ...]:
    """Length of z, inputs and hidden units of an affine map, and the widths."""
    numbers, z_dim = shape_of(own, "fc.weight", 2)
    hidden, inputs = shape_of(own, condition, 2)
    widths = [numbers // SIDE**2]
    widths += [shape_of(own, f"{block.format(n)}.c1.weight", 4)[0] for n in range(blocks)]
    return (z_dim, inputs, hidden, *widths)


def late_generator(checkpoint: Checkpoint, prefix: str) -> DfGanGenerator:
    """Loads a generator of 2022, frozen.

    Raises:
        CheckpointError: tensors are missing, misshapen, or not finite.
    """
    own = part_of(checkpoint, prefix)
    blocks = count_of(own.tensors, "GBlocks.{}.c1.weight")
    z_dim, inputs, _, *widths = _layout(own, blocks, "GBlocks.{}", KEYS[0])
    if inputs <= z_dim:
        raise CheckpointError(
            f"{checkpoint.path.name}: `{KEYS[0]}` takes {inputs} numbers, of which z is {z_dim}; "
            "a sentence was expected beside it."
        )
    return load_network(DfGanGenerator(DfGanLayout(z_dim, inputs - z_dim, tuple(widths))), own)


def early_generator(checkpoint: Checkpoint, prefix: str) -> EarlyDfGanGenerator:
    """Loads a generator of 2021, frozen.

    Raises:
        CheckpointError: tensors are missing, misshapen, or not finite.
    """
    own = part_of(checkpoint, prefix)
    blocks = count_of(own.tensors, "block{}.c1.weight")
    z_dim, sentence, hidden, *widths = _layout(own, blocks, "block{}", EARLY_KEYS[0])
    layout = DfGanLayout(z_dim, sentence, tuple(widths), hidden)
    return load_network(EarlyDfGanGenerator(layout), own)


def _matching(own: Checkpoint, name: str, width: int) -> tuple[int, int, int]:
    """Sizes of the joint part: channels of the maps, of the sentence, and between."""
    hidden, inputs, _, _ = shape_of(own, name, 4)
    return width, inputs - width, hidden


def judge_of(checkpoint: Checkpoint) -> SentenceJudge | None:
    """Loads the discriminator of 2022, frozen; None if the file lacks one of its networks.

    Raises:
        CheckpointError: tensors are missing, misshapen, or not finite.
    """
    # One key may be missing: a damaged discriminator must be reported, not ignored.
    prefixes = [prefix_of(checkpoint, *keys, missing=1) for keys in (MAPS_KEYS, MATCHING_KEYS)]
    if None in prefixes:
        return None
    images, joint = (part_of(checkpoint, prefix or "") for prefix in prefixes)
    blocks = count_of(images.tensors, "DBlocks.{}.conv_s.weight")
    widths = [shape_of(images, "conv_img.weight", 4)[0]]
    widths += [shape_of(images, f"DBlocks.{n}.conv_s.weight", 4)[0] for n in range(blocks)]
    maps = load_network(ImageMaps(tuple(widths)), images)
    matching = Matching(*_matching(joint, MATCHING_KEYS[0], widths[-1]))
    return SentenceJudge(maps, load_network(matching, joint)).eval()


def early_judge(checkpoint: Checkpoint) -> EarlyJudge:
    """Loads the discriminator of 2021, frozen.

    Raises:
        CheckpointError: tensors are missing, misshapen, or not finite.
    """
    own = part_of(checkpoint, prefix_of(checkpoint, *EARLY_JUDGE_KEYS) or "")
    blocks = count_of(own.tensors, "block{}.conv_s.weight")
    widths = [shape_of(own, "conv_img.weight", 4)[0]]
    widths += [shape_of(own, f"block{n}.conv_s.weight", 4)[0] for n in range(blocks)]
    _, sentence, hidden = _matching(own, EARLY_JUDGE_KEYS[0], widths[-1])
    return load_network(EarlyJudge(tuple(widths), sentence, hidden), own)
