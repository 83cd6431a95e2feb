"""BigGAN-deep generators and discriminators of ajbrock/BigGAN-PyTorch (BigGANdeep.py).

All sizes follow from the shapes, except which blocks double the side: it is the last block of each
stage. A stage has two blocks, or a third of all blocks at 32 pixels, where all are alike.
"""

from collections.abc import Mapping

from torch import Tensor

from ...auxiliary import Discriminator
from ...checkpoints.architecture import Architecture, Example, load_network
from ...checkpoints.prefixes import averaged_prefix, choice_fact
from ...checkpoints.published import Published
from ...checkpoints.reading import count_of, prefix_of, prefixes_of, shape_of
from ...checkpoints.record import Checkpoint
from ...checkpoints.weights import if_usable
from ...errors import CheckpointError
from ...generator import Generator
from . import reading
from .latents import ClassCodes, TruncatedWithClass
from .networks.ajbrock import GeneratorLayout
from .networks.deep import BigGanDeepGenerator, Bottleneck, DeepLayout
from .networks.discriminators import BigGanDeepDiscriminator
from .networks.folded import folded
from .networks.spectral import fold_spectral
from .options import BIGGAN_OPTIONS, FOLDED

__all__ = ["DISCRIMINATOR", "GENERATOR"]

GAIN = "blocks.0.0.bn4.gain.weight"
LAST = "blocks.0.0.conv4.weight"
STAGES_AT_32 = 3
DEPTH = 2


def _generator_prefixes(checkpoint: Checkpoint) -> list[str]:
    keys = ("output_layer.2.weight", "linear.weight", GAIN, LAST)
    return prefixes_of(checkpoint, *keys)


def _generator_prefix(checkpoint: Checkpoint) -> str | None:
    return averaged_prefix(_generator_prefixes(checkpoint))


def _discriminator_prefix(checkpoint: Checkpoint) -> str | None:
    # One key may be missing: a damaged discriminator must be reported, not ignored.
    keys = ("input_conv.weight", "embed.weight", "linear.weight", LAST)
    return prefix_of(checkpoint, *keys, without=(GAIN,), missing=1)


def _own(checkpoint: Checkpoint) -> Checkpoint:
    prefix = _generator_prefix(checkpoint) or ""
    return reading.network_part(checkpoint, prefix, _discriminator_prefix(checkpoint))


def _shape(checkpoint: Checkpoint, block: str) -> tuple[int, int, int]:
    """Channels of a block's input, hidden layers and output."""
    hidden, before, _, _ = shape_of(checkpoint, block + "conv1.weight", 4)
    return before, hidden, shape_of(checkpoint, block + "conv4.weight", 4)[0]


def _depth(checkpoint: Checkpoint, shapes: list[tuple[int, int, int]]) -> int:
    """Number of blocks per stage."""
    alike = all(before == after for before, _, after in shapes)
    if alike and len(shapes) % STAGES_AT_32 == 0:
        return len(shapes) // STAGES_AT_32
    if len(shapes) % DEPTH:
        raise CheckpointError(
            f"{checkpoint.path.name} is a BigGAN-deep of {len(shapes)} blocks; {DEPTH} a stage "
            "were expected."
        )
    return DEPTH


def _layout(checkpoint: Checkpoint) -> DeepLayout:
    tensors = checkpoint.tensors
    count = count_of(tensors, "blocks.{}.0.conv1.weight")
    shapes = [_shape(checkpoint, f"blocks.{number}.0.") for number in range(count)]
    depth = _depth(checkpoint, shapes)
    blocks = tuple(
        Bottleneck(*shape, doubles=number % depth == depth - 1)
        for number, shape in enumerate(shapes)
    )
    inputs = shape_of(checkpoint, "linear.weight", 2)[1]
    classes, embedding = shape_of(checkpoint, "shared.weight", 2)
    common = GeneratorLayout(
        (shapes[0][0], *(after for _, _, after in shapes)),
        base=reading.base_of(checkpoint, shapes[0][0]),
        first=inputs,
        condition=inputs,
        classes=classes,
        embedding=embedding,
        attention=frozenset(n for n in range(count) if f"blocks.{n}.1.theta.weight" in tensors),
        statistics=reading.statistics_of(tensors),
        spectral=reading.spectral_of(tensors),
        eps=reading.norm_eps(checkpoint, tensors),
    )
    return DeepLayout(blocks, common)


def _network(checkpoint: Checkpoint) -> BigGanDeepGenerator:
    """Loads the generator as it is in the file, without folding."""
    own = _own(checkpoint)
    layout = _layout(own)
    reading.check_classes(checkpoint, layout.common.classes)
    return load_network(BigGanDeepGenerator(layout), own)


def _load(checkpoint: Checkpoint) -> Generator:
    psi = reading.psi_of(checkpoint)
    network = _network(checkpoint)
    layout = network.layout
    classes = ClassCodes(layout.common.classes, network.shared.weight.detach().clone())
    prior = TruncatedWithClass(layout.latent, classes, psi)
    discriminator = None
    if _discriminator_prefix(checkpoint) is not None:
        discriminator = if_usable(lambda: _load_discriminator(checkpoint))
    module = folded(network) if reading.is_folded(checkpoint) else network
    side = layout.common.base * 2 ** sum(block.doubles for block in layout.blocks)
    return reading.generator_of(
        checkpoint, GENERATOR.id, module, prior, side, layout.common.eps, discriminator
    )


def _discriminator_network(checkpoint: Checkpoint) -> BigGanDeepDiscriminator:
    """Loads the discriminator as it is in the file, without folding."""
    own = reading.network_part(checkpoint, _discriminator_prefix(checkpoint) or "")
    tensors = own.tensors
    count = count_of(tensors, "blocks.{}.0.conv1.weight")
    stages: list[list[tuple[int, int, int]]] = []
    attention: list[int] = []
    for number in range(count):
        depth = count_of(tensors, f"blocks.{number}.{{}}.conv1.weight")
        if f"blocks.{number}.{depth}.theta.weight" in tensors:
            attention.append(number)
        stages.append([])
        for place in range(depth):
            stages[-1].append(_shape(own, f"blocks.{number}.{place}."))
    # At 32 pixels all blocks are alike, and the last stage keeps the side.
    alike = all(before == after for stage in stages for before, _, after in stage)
    classes, _ = shape_of(own, "embed.weight", 2)
    reading.check_classes(checkpoint, classes)
    network = BigGanDeepDiscriminator(
        stages,
        halves=range(count - 1 if alike else count),
        attention=attention,
        classes=classes,
        outputs=shape_of(own, "linear.weight", 2)[0],
        spectral=reading.spectral_of(tensors),
    )
    return load_network(network, own)


def _load_discriminator(checkpoint: Checkpoint) -> Discriminator:
    network = _discriminator_network(checkpoint)
    if reading.is_folded(checkpoint):
        fold_spectral(network)
    return reading.discriminator_of(network)


def _parity(checkpoint: Checkpoint, arrays: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    return reading.parity_of(_load(checkpoint), arrays)


def _parity_discriminator(
    checkpoint: Checkpoint, arrays: Mapping[str, Tensor]
) -> Mapping[str, Tensor]:
    return reading.parity_of_discriminator(_load_discriminator(checkpoint), arrays)


def _facts(checkpoint: Checkpoint) -> Mapping[str, str]:
    layout = _layout(_own(checkpoint))
    doubling = [str(n) for n, block in enumerate(layout.blocks) if block.doubles]
    assumed = f"blocks {', '.join(doubling)}, the last of each stage (not in the tensors)"
    facts = {**reading.facts_of(checkpoint, layout.common), "doubling of the side": assumed}
    return {**facts, **choice_fact(_generator_prefixes(checkpoint))}


def _example(
    blocks: tuple[Bottleneck, ...], common: GeneratorLayout, *, with_discriminator: bool = False
) -> Example:
    config = {"classes": [f"class {number}" for number in range(common.classes)]}
    generator = BigGanDeepGenerator(DeepLayout(blocks, common))
    if not with_discriminator:
        return Example({"": generator}, config)
    discriminator = BigGanDeepDiscriminator(
        [[(4, 4, 8)]],
        [0],
        [],
        common.classes,
        1,
        common.spectral,
    )
    return Example({"G.": generator, "D.": discriminator}, config)


GENERATOR: Architecture[Generator] = Architecture(
    id="biggan-deep",
    needs="`linear.weight`, `blocks.0.0.bn4.gain.weight`, `output_layer.2.weight`",
    recognises=lambda checkpoint: _generator_prefix(checkpoint) is not None,
    load=_load,
    examples=(
        lambda: _example(
            (Bottleneck(8, 2, 8, doubles=False), Bottleneck(8, 2, 4, doubles=True)),
            GeneratorLayout((8, 8, 4), 4, 7, 7, 3, 4),
            with_discriminator=True,
        ),
        lambda: _example(
            (Bottleneck(16, 4, 16, doubles=False), Bottleneck(16, 4, 8, doubles=True)),
            GeneratorLayout((16, 16, 8), 2, 9, 9, 3, 5, frozenset({1}), statistics="standing"),
        ),
    ),
    options=BIGGAN_OPTIONS,
    parity=_parity,
    facts=_facts,
    published=(
        Published(
            name="BigGAN-deep of ajbrock",
            files="`G_ema.pth`",
            licence="its trainer's",
            latents="z, y",
            verified="official code",
        ),
    ),
)

DISCRIMINATOR: Architecture[Discriminator] = Architecture(
    id="biggan-deep-discriminator",
    needs="`input_conv.weight`, `embed.weight`, `blocks.0.0.conv4.weight`",
    recognises=lambda checkpoint: _discriminator_prefix(checkpoint) is not None,
    load=_load_discriminator,
    examples=(),
    options=(FOLDED,),
    parity=_parity_discriminator,
)
