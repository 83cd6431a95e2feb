"""BigGAN generators and discriminators of ajbrock/BigGAN-PyTorch, and TF Hub's converted to it.

Files hold a state dict: `G_ema.pth`, `G.pth`, `D.pth`, `biggan-256.pth`. The layout follows from
its names and shapes: resolution, width, classes (shared or a table per normalisation),
hierarchical latents, attention, `mybn` and cross-replica statistics. The eps of the normalisations
is in no file.
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
from .networks.ajbrock import BigGanGenerator, GeneratorLayout
from .networks.discriminators import BigGanDiscriminator
from .networks.folded import folded
from .networks.spectral import Spectral, fold_spectral
from .options import BIGGAN_OPTIONS, FOLDED

__all__ = ["DISCRIMINATOR", "GENERATOR"]

FIRST = "blocks.0.0.conv1.weight"
GAIN = "blocks.0.0.bn1.gain.weight"
DEEP = "blocks.0.0.conv3.weight"


def _generator_prefixes(checkpoint: Checkpoint) -> list[str]:
    keys = ("output_layer.2.weight", "linear.weight", FIRST, GAIN)
    return prefixes_of(checkpoint, *keys, without=(DEEP,))


def _generator_prefix(checkpoint: Checkpoint) -> str | None:
    return averaged_prefix(_generator_prefixes(checkpoint))


def _discriminator_prefix(checkpoint: Checkpoint) -> str | None:
    # One key may be missing: a damaged discriminator must be reported, not ignored.
    keys = ("embed.weight", "linear.weight", FIRST)
    return prefix_of(checkpoint, *keys, without=(DEEP, GAIN), missing=1)


def _layout(checkpoint: Checkpoint) -> GeneratorLayout:
    tensors = checkpoint.tensors
    blocks = count_of(tensors, "blocks.{}.0.conv1.weight")
    shapes = [shape_of(checkpoint, f"blocks.{n}.0.conv1.weight", 4) for n in range(blocks)]
    channels = (shapes[0][1], *(shape[0] for shape in shapes))
    first = shape_of(checkpoint, "linear.weight", 2)[1]
    gain = shape_of(checkpoint, GAIN, 2)
    # The gain is a linear map of the condition, or a table with one row per class.
    inputs, classes, embedding = gain[0], gain[0], 0
    if "shared.weight" in tensors:
        inputs = gain[1]
        classes, embedding = shape_of(checkpoint, "shared.weight", 2)
    layout = GeneratorLayout(
        channels,
        base=reading.base_of(checkpoint, channels[0]),
        first=first,
        condition=inputs,
        classes=classes,
        embedding=embedding,
        attention=frozenset(n for n in range(blocks) if f"blocks.{n}.1.theta.weight" in tensors),
        statistics=reading.statistics_of(tensors),
        spectral=reading.spectral_of(tensors),
        eps=reading.norm_eps(checkpoint, tensors),
    )
    if layout.chunk not in (0, layout.first):
        raise CheckpointError(
            f"{checkpoint.path.name}: its first map is made of {layout.first} numbers of z, but "
            f"its blocks get {layout.chunk}. BigGAN splits z evenly."
        )
    return layout


def _own(checkpoint: Checkpoint) -> Checkpoint:
    prefix = _generator_prefix(checkpoint) or ""
    return reading.network_part(checkpoint, prefix, _discriminator_prefix(checkpoint))


def _network(checkpoint: Checkpoint) -> BigGanGenerator:
    """Loads the generator as it is in the file, without folding."""
    own = _own(checkpoint)
    layout = _layout(own)
    reading.check_classes(checkpoint, layout.classes)
    return load_network(BigGanGenerator(layout), own)


def _load(checkpoint: Checkpoint) -> Generator:
    psi = reading.psi_of(checkpoint)
    network = _network(checkpoint)
    layout = network.layout
    table = network.shared.weight.detach().clone() if layout.embedding else None
    prior = TruncatedWithClass(layout.latent, ClassCodes(layout.classes, table), psi)
    discriminator = None
    if _discriminator_prefix(checkpoint) is not None:
        discriminator = if_usable(lambda: _load_discriminator(checkpoint))
    module = folded(network) if reading.is_folded(checkpoint) else network
    side = layout.base * 2**layout.blocks
    return reading.generator_of(
        checkpoint, GENERATOR.id, module, prior, side, layout.eps, discriminator
    )


def _discriminator_network(checkpoint: Checkpoint) -> BigGanDiscriminator:
    """Loads the discriminator as it is in the file, without folding."""
    own = reading.network_part(checkpoint, _discriminator_prefix(checkpoint) or "")
    tensors = own.tensors
    count = count_of(tensors, "blocks.{}.0.conv1.weight")
    blocks = [f"blocks.{number}.0." for number in range(count)]
    firsts = [shape_of(own, block + "conv1.weight", 4) for block in blocks]
    seconds = [shape_of(own, block + "conv2.weight", 4) for block in blocks]
    classes, _ = shape_of(own, "embed.weight", 2)
    reading.check_classes(checkpoint, classes)
    network = BigGanDiscriminator(
        [(one[1], one[0], two[0]) for one, two in zip(firsts, seconds, strict=True)],
        # The last block keeps the side. At 32 pixels so does the one before, which has no conv_sc.
        halves=[n for n, block in enumerate(blocks[:-1]) if block + "conv_sc.weight" in tensors],
        attention=[n for n in range(count) if f"blocks.{n}.1.theta.weight" in tensors],
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
    facts = reading.facts_of(checkpoint, _layout(_own(checkpoint)))
    return {**facts, **choice_fact(_generator_prefixes(checkpoint))}


def _example(layout: GeneratorLayout, *, with_discriminator: bool = False) -> Example:
    config = {"classes": [f"class {number}" for number in range(layout.classes)]}
    if not with_discriminator:
        return Example({"": BigGanGenerator(layout)}, config)
    discriminator = BigGanDiscriminator(
        [(3, 8, 8), (8, 8, 16)], [0], [], layout.classes, 1, layout.spectral
    )
    return Example({"G_ema.": BigGanGenerator(layout), "D.": discriminator}, config)


GENERATOR: Architecture[Generator] = Architecture(
    id="biggan",
    needs="`linear.weight`, `blocks.0.0.bn1.gain.weight`, `output_layer.2.weight`",
    recognises=lambda checkpoint: _generator_prefix(checkpoint) is not None,
    load=_load,
    examples=(
        lambda: _example(
            GeneratorLayout((8, 8, 8), 2, 3, 8, 4, 5, frozenset({1})), with_discriminator=True
        ),
        lambda: _example(
            GeneratorLayout((8, 8), 4, 5, 4, 3, 4, spectral=Spectral(values=False), eps=1e-4)
        ),
        lambda: _example(GeneratorLayout((8, 8), 4, 6, 3, 3, 0, statistics="standing")),
        lambda: _example(GeneratorLayout((8, 8), 4, 3, 7, 3, 4, statistics="synchronised")),
    ),
    options=BIGGAN_OPTIONS,
    parity=_parity,
    facts=_facts,
    published=(
        Published(
            name="BigGAN of ajbrock, 32 to 512",
            files="`G_ema.pth`, `G.pth`",
            licence="its trainer's",
            latents="z in [-2, 2], class embedding y or class shares c",
            verified="official code",
        ),
        Published(
            name="BigGAN converted from TFHub",
            files="`biggan-256.pth`, `biggan-512.pth`",
            licence="its trainer's",
            latents="z in [-2, 2], class embedding y or class shares c",
            verified="official code",
        ),
    ),
)

DISCRIMINATOR: Architecture[Discriminator] = Architecture(
    id="biggan-discriminator",
    needs="`embed.weight`, `linear.weight`, `blocks.0.0.conv1.weight`",
    recognises=lambda checkpoint: _discriminator_prefix(checkpoint) is not None,
    load=_load_discriminator,
    examples=(),
    options=(FOLDED,),
    parity=_parity_discriminator,
)
