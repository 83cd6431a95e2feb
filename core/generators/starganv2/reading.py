"""Reading the sizes of StarGAN v2's networks off their tensors."""

from dataclasses import replace
from typing import Final

from ...checkpoints.architecture import load_network
from ...checkpoints.reading import count_of, part_of, shape_of
from ...checkpoints.record import Checkpoint
from ...errors import CheckpointError
from .model import StarGan
from .networks.domains import DomainDiscriminator, StyleEncoder, StyleMap, StyleMapLayout
from .networks.landmarks import Landmarks
from .networks.translation import StarGanLayout, StyleGenerator

__all__ = ["has_discriminator", "has_generator", "star_discriminator", "star_network"]

PARTS: Final = ("generator.", "mapping_network.", "style_encoder.")
FAN: Final = "fan."
DISCRIMINATOR: Final = "discriminator."
LEAST_BLOCKS: Final = 3
"""The last two keep the side; at least one before halves it."""
FILTER: Final = "generator.hpf.filter"


def _named(checkpoint: Checkpoint) -> dict[str, str]:
    """Names without the `module.` that training on several devices adds, to those in the file."""
    return {name.replace(".module.", ".", 1): name for name in checkpoint.tensors}


def _own(checkpoint: Checkpoint, *, judged: bool) -> Checkpoint:
    """The discriminator's tensors, or all others: a diverged discriminator is not read."""
    tensors = {
        name: checkpoint.tensors[full]
        for name, full in _named(checkpoint).items()
        if name.startswith(DISCRIMINATOR) == judged
    }
    return replace(checkpoint, tensors=tensors)


def has_generator(checkpoint: Checkpoint) -> bool:
    """Whether the file has a generator of this family."""
    names = _named(checkpoint)
    return "generator.from_rgb.weight" in names and any(
        name.startswith("generator.decode.0.norm1.fc.") for name in names
    )


def has_discriminator(checkpoint: Checkpoint) -> bool:
    """Whether the file has a discriminator of this family."""
    return any(name.startswith("discriminator.main.1.") for name in _named(checkpoint))


def star_network(checkpoint: Checkpoint) -> StarGan:
    """Loads what translates, frozen.

    Raises:
        CheckpointError: a part is missing, or parts are of different sizes.
    """
    kept = _own(checkpoint, judged=False)
    for part in PARTS:
        if not any(name.startswith(part) for name in kept.tensors):
            raise CheckpointError(
                f"{checkpoint.path.name} has a generator without `{part}*`. A whole file of "
                "StarGAN v2, `*_nets_ema.ckpt`, has generator, mapping network and style encoder."
            )
    generator = _generator(kept)
    styles = _styles(kept)
    encoder = _style_encoder(part_of(kept, PARTS[2]))
    style = generator.layout.style
    sizes = {generator.layout.size, encoder.size}
    lengths = {style, styles.layout.style, shape_of(kept, "style_encoder.unshared.0.weight", 2)[0]}
    if len(sizes) > 1 or len(lengths) > 1 or styles.layout.domains != len(encoder.unshared):
        raise CheckpointError(
            f"{checkpoint.path.name}: the generator makes images of {generator.layout.size} "
            f"pixels of styles of {style} numbers; the style encoder takes {encoder.size} pixels "
            f"to {max(lengths)} numbers in {len(encoder.unshared)} domains, the mapping network "
            f"has {styles.layout.domains}. They are parts of different trainings."
        )
    fan = None
    if any(name.startswith(FAN) for name in kept.tensors):
        fan = Landmarks(shape_of(kept, "fan.conv_last0.weight", 4)[0])
    return load_network(StarGan(generator, styles, encoder, fan), kept)


def _generator(kept: Checkpoint) -> StyleGenerator:
    blocks = count_of(kept.tensors, "generator.encode.{}.conv2.weight")
    widths = [shape_of(kept, "generator.from_rgb.weight", 4)[0]]
    widths += [shape_of(kept, f"generator.encode.{n}.conv2.weight", 4)[0] for n in range(blocks)]
    style = shape_of(kept, "generator.decode.0.norm1.fc.weight", 2)[1]
    if blocks < LEAST_BLOCKS:
        raise CheckpointError(
            f"{kept.path.name} has {blocks} blocks `generator.encode.N` in a row; at least "
            f"{LEAST_BLOCKS} were expected. Fetch or save it again."
        )
    return StyleGenerator(StarGanLayout(tuple(widths), style, FILTER in kept.tensors))


def _styles(kept: Checkpoint) -> StyleMap:
    hidden, z_dim = shape_of(kept, "mapping_network.shared.0.weight", 2)
    style = shape_of(kept, "mapping_network.unshared.0.6.weight", 2)[0]
    domains = count_of(kept.tensors, "mapping_network.unshared.{}.0.weight")
    return StyleMap(StyleMapLayout(z_dim, hidden, style, domains))


def _trunk(own: Checkpoint, name: str) -> tuple[int, ...]:
    blocks = 0
    while f"{name}.{blocks + 1}.conv2.weight" in own.tensors:
        blocks += 1
    widths = [shape_of(own, f"{name}.0.weight", 4)[0]]
    widths += [shape_of(own, f"{name}.{n + 1}.conv2.weight", 4)[0] for n in range(blocks)]
    return tuple(widths)


def _style_encoder(own: Checkpoint) -> StyleEncoder:
    style = shape_of(own, "unshared.0.weight", 2)[0]
    domains = count_of(own.tensors, "unshared.{}.weight")
    return StyleEncoder(_trunk(own, "shared"), style, domains)


def star_discriminator(checkpoint: Checkpoint) -> DomainDiscriminator:
    """Loads the discriminator, frozen.

    Raises:
        CheckpointError: there is none, or its tensors do not fit.
    """
    own = part_of(_own(checkpoint, judged=True), DISCRIMINATOR)
    if not own.tensors:
        raise CheckpointError(
            f"{checkpoint.path.name} has no discriminator `{DISCRIMINATOR}main.*`. Move it away, "
            "or take the file of the same training."
        )
    widths = _trunk(own, "main")
    domains = shape_of(own, f"main.{len(widths) + 3}.weight", 4)[0]
    return load_network(DomainDiscriminator(widths, domains), own)
