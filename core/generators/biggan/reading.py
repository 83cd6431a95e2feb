"""What the kinds of BigGAN share: where a network lies in a file, latents, priors, wrappers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import Tensor, nn

from ...auxiliary import Discriminator
from ...checkpoints.checkpoint import Checkpoint
from ...checkpoints.prefixes import averaged
from ...errors import CheckpointError, InvalidInput
from ...generator import Generator
from ...identity import ModelId
from ...rng import SampleRng
from ...spaces import Block, Space
from .latents import LIMIT, Classes, TruncatedWithClass
from .networks.ajbrock import GeneratorLayout, Statistics
from .networks.discriminators import BigGanDeepDiscriminator, BigGanDiscriminator
from .networks.spectral import NONE, Spectral

__all__ = [
    "base_of",
    "check_classes",
    "chosen_eps",
    "count_of",
    "discriminator_of",
    "facts_of",
    "generator_of",
    "is_folded",
    "norm_eps",
    "parity_of",
    "parity_of_discriminator",
    "part_of",
    "prefix_of",
    "prefixes_of",
    "psi_of",
    "shape_of",
    "spectral_of",
    "statistics_of",
    "told_eps",
]

CONVERTED_EPS = 1e-4
AJBROCK_EPS = 1e-5
AJBROCK_SPECTRAL_EPS = 1e-6


def prefixes_of(
    checkpoint: Checkpoint, *keys: str, without: Sequence[str] = (), missing: int = 0
) -> list[str]:
    """What stands before the names of each network of a kind, in the order of the file.

    Args:
        checkpoint: to look in.
        keys: names by which the network is known.
        without: names that it does not have.
        missing: how many of the keys a damaged file may lack.
    """
    tensors = checkpoint.tensors
    counts: dict[str, int] = {}
    for key in keys:
        for name in tensors:
            prefix = name.removesuffix(key)
            if prefix != name and (prefix == "" or prefix.endswith(".")):
                counts[prefix] = counts.get(prefix, 0) + 1
    return [
        prefix
        for prefix, count in counts.items()
        if count >= len(keys) - missing and not any(prefix + key in tensors for key in without)
    ]


def prefix_of(
    checkpoint: Checkpoint, *keys: str, without: Sequence[str] = (), missing: int = 0
) -> str | None:
    """What stands before a network's names, the averaged one's; None where there is none.

    Args:
        checkpoint: to look in.
        keys: names by which the network is known.
        without: names that it does not have.
        missing: how many of the keys a damaged file may lack.
    """
    return averaged(prefixes_of(checkpoint, *keys, without=without, missing=missing))


def part_of(checkpoint: Checkpoint, prefix: str, other: str | None = None) -> Checkpoint:
    """The checkpoint of what stands under a prefix, without it; what is under `other` is not."""
    tensors = {
        name.removeprefix(prefix): checkpoint.tensors[name]
        for name in checkpoint.tensors
        if name.startswith(prefix) and not (other and name.startswith(other))
    }
    return replace(checkpoint, tensors=tensors)


def count_of(tensors: Mapping[str, Tensor], pattern: str) -> int:
    """How many names a pattern with a number gives, from 0 without a gap."""
    count = 0
    while pattern.format(count) in tensors:
        count += 1
    return count


def shape_of(checkpoint: Checkpoint, name: str, rank: int) -> tuple[int, ...]:
    """The shape of a tensor that sizes are read off.

    Raises:
        CheckpointError: it has another number of axes.
        KeyError: there is no such tensor.
    """
    shape = tuple(checkpoint.tensors[name].shape)
    if len(shape) != rank:
        raise CheckpointError(
            f"{checkpoint.path.name}: `{name}` has the shape {list(shape)}; {rank} axes were "
            "expected. Convert it again."
        )
    return shape


def base_of(checkpoint: Checkpoint, channels: int) -> int:
    """Side of the first map, which is square.

    Raises:
        CheckpointError: the linear map makes no square map of so many channels.
    """
    made, _ = shape_of(checkpoint, "linear.weight", 2)
    base = math.isqrt(made // channels)
    if base == 0 or base**2 * channels != made:
        raise CheckpointError(
            f"{checkpoint.path.name}: its linear map makes {made} numbers, which are no square "
            f"map of the {channels} channels that its first block takes."
        )
    return base


def told_eps(tensors: Mapping[str, Tensor]) -> float | None:
    """1e-4 where the weights were converted from TF Hub, which keeps no sv0; else None."""
    converted = "linear.u0" in tensors and "linear.sv0" not in tensors
    return CONVERTED_EPS if converted else None


def spectral_of(tensors: Mapping[str, Tensor]) -> Spectral:
    """What is kept beside every weight."""
    vectors = count_of(tensors, "linear.u{}")
    if not vectors:
        return NONE
    eps = told_eps(tensors) or AJBROCK_SPECTRAL_EPS
    return Spectral(vectors, "linear.sv0" in tensors, eps)


def statistics_of(tensors: Mapping[str, Tensor]) -> Statistics:
    """The kind of the normalisations, by the first."""
    first = "blocks.0.0.bn1."
    if first + "stored_mean" in tensors:
        return "own"
    if first + "bn.stored_mean" in tensors:
        return "standing"
    return "synchronised" if first + "bn.running_mean" in tensors else "none"


def chosen_eps(checkpoint: Checkpoint) -> float:
    """The option eps; 0 where it is left to the file.

    Raises:
        InvalidInput: it is below 0.
    """
    chosen = _number(checkpoint, "eps", 0.0)
    if not 0 <= chosen < math.inf:
        raise InvalidInput(f"eps is {chosen}; it must exceed 0, or be 0: told from the file.")
    return chosen


def norm_eps(checkpoint: Checkpoint, tensors: Mapping[str, Tensor]) -> float:
    """The eps of the normalisations of blocks: the option's, the conversion's, or ajbrock's."""
    return chosen_eps(checkpoint) or told_eps(tensors) or AJBROCK_EPS


def psi_of(checkpoint: Checkpoint) -> float:
    """The truncation that was chosen, in (0, 1].

    Raises:
        InvalidInput: it lies outside.
    """
    psi = _number(checkpoint, "psi", 1.0)
    if not 0 < psi <= 1:
        raise InvalidInput(f"psi is {psi}; BigGAN's truncation lies above 0 and is at most 1.")
    return psi


def is_folded(checkpoint: Checkpoint) -> bool:
    """Whether the fast form of the networks was not declined."""
    return checkpoint.options.get("folded", True) is not False


def _number(checkpoint: Checkpoint, name: str, default: float) -> float:
    value = checkpoint.options.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidInput(f"Option {name} is {value!r}; a number was expected.")
    return float(value)


def check_classes(checkpoint: Checkpoint, count: int) -> None:
    """Refuses a file whose configuration names another number of classes."""
    names = checkpoint.config.get("classes")
    if names is not None and len(names) != count:
        raise CheckpointError(
            f"{checkpoint.path.name} names {len(names)} classes, but its tensors have {count}."
        )


def generator_of(
    checkpoint: Checkpoint,
    architecture: str,
    module: nn.Module,
    prior: TruncatedWithClass,
    side: int,
    eps: float,
    discriminator: Discriminator | None = None,
) -> Generator:
    """The generator of a network from z and a class to images in [-1, 1].

    Args:
        checkpoint: where it is from.
        architecture: the id.
        module: the network.
        prior: of its latents.
        side: of its images, in pixels.
        eps: of its normalisations; with the prior's psi what its map depends on beside weights.
        discriminator: the one that it was trained against, if any.
    """
    classes = prior.classes.block()

    def render(parts: Mapping[str, Tensor], rng: SampleRng) -> Tensor:
        return module(parts["z"], parts[classes.name]) * 0.5 + 0.5

    return Generator(
        name=checkpoint.path.stem,
        id=ModelId(checkpoint.sha256, {"psi": prior.psi, "eps": eps}),
        architecture=architecture,
        module=module,
        source=Space((Block("z", (prior.latent,), -LIMIT, LIMIT), classes)),
        prior=prior,
        image_size=(side, side),
        render=render,
        discriminator=discriminator,
        licence=str(checkpoint.config.get("licence", "unknown")),
    )


def discriminator_of(module: BigGanDiscriminator | BigGanDeepDiscriminator) -> Discriminator:
    """The discriminator of a network; without a class, the logit is its unconditional part."""
    return Discriminator(
        module,
        logits=lambda images: module(images * 2 - 1)[:, 0],
        features=lambda images: module.features(images * 2 - 1),
        of_classes=lambda images, classes: module(images * 2 - 1, classes)[:, 0],
        classes=len(module.embed.weight),
    )


def parity_of(generator: Generator, arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Images of class numbers (`img`) and of shares of classes (`img_soft`), and what D says."""
    found: dict[str, Tensor] = {}
    classes = _classes(generator)
    z, y, shares = (arrays.get(name) for name in ("z", "y", "soft_y"))
    if classes.table is not None and y is not None and "y_emb" in arrays:
        found["y_emb"] = classes.vectors(y)
    if y is None and classes.table is not None and "y_emb" in arrays:
        vectors = arrays["y_emb"]
    else:
        vectors = None if y is None else classes.vectors(y)
    if z is not None and vectors is not None and "img" in arrays:
        found["img"] = generator.module(z, vectors)
    if z is not None and shares is not None and "img_soft" in arrays:
        found["img_soft"] = generator.module(z, classes.vectors(shares))
    if generator.discriminator is not None:
        found |= parity_of_discriminator(generator.discriminator, arrays)
    return found


def parity_of_discriminator(
    discriminator: Discriminator, arrays: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Logits (`D` or `D_logits`) of images (`x`, else `img`) and their classes."""
    names = [name for name in ("D", "D_logits") if name in arrays]
    images, y = arrays.get("x", arrays.get("img")), arrays.get("y")
    if not names or images is None:
        return {}
    logits = discriminator.module(images, None if y is None else y.long())
    flat = {name for name in names if arrays[name].numel() == logits.numel()}
    return {name: logits.view_as(arrays[name]) if name in flat else logits for name in names}


def _classes(generator: Generator) -> Classes:
    assert isinstance(generator.prior, TruncatedWithClass)
    return generator.prior.classes


def facts_of(checkpoint: Checkpoint, layout: GeneratorLayout) -> dict[str, str]:
    """What was assumed of a generator in ajbrock's layout."""
    converted = layout.spectral.vectors > 0 and not layout.spectral.values
    why = "no sv0: converted from TF Hub" if converted else "ajbrock's default"
    if checkpoint.options.get("eps"):
        why = "chosen"
    facts = {"eps": f"{layout.eps:g} in the batch norms of blocks ({why}); the file has none"}
    if layout.statistics == "synchronised":
        facts["gains"] = (
            "cross-replica batch norm adds its gains, as the official evaluation does; training "
            "on several GPUs multiplied by them"
        )
    return facts
