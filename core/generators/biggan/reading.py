"""Code shared by the BigGAN variants: reading a file, options, and wrapping networks."""

import math
import re
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from ...auxiliary import Discriminator
from ...checkpoints.reading import count_of, part_of, shape_of
from ...checkpoints.record import Checkpoint
from ...checkpoints.weights import Weights
from ...errors import CheckpointError, InvalidInput
from ...generator import Generator
from ...identity import ModelId
from ...rng import SampleRng
from ...spaces import Block, Space
from ..truncated import LIMIT
from .latents import ClassCodes, TruncatedWithClass
from .networks.ajbrock import GeneratorLayout, Statistics
from .networks.discriminators import BigGanDeepDiscriminator, BigGanDiscriminator
from .networks.spectral import NONE, Spectral

__all__ = [
    "base_of",
    "check_classes",
    "chosen_eps",
    "discriminator_of",
    "eps_from_file",
    "facts_of",
    "generator_of",
    "is_folded",
    "network_part",
    "norm_eps",
    "parity_of",
    "parity_of_discriminator",
    "psi_of",
    "spectral_of",
    "statistics_of",
]

LOGGED = re.compile(r"(?:.*\.)?sv\d+")
CONVERTED_EPS = 1e-4
AJBROCK_EPS = 1e-5
AJBROCK_SPECTRAL_EPS = 1e-6


def base_of(checkpoint: Checkpoint, channels: int) -> int:
    """Side of the first map, which is square.

    Raises:
        CheckpointError: the linear map does not make a square map of this number of channels.
    """
    made, _ = shape_of(checkpoint, "linear.weight", 2)
    base = math.isqrt(made // channels)
    if base == 0 or base**2 * channels != made:
        raise CheckpointError(
            f"{checkpoint.path.name}: its linear map makes {made} numbers, which are no square "
            f"map of the {channels} channels that its first block takes."
        )
    return base


def eps_from_file(tensors: Mapping[str, Tensor]) -> float | None:
    """1e-4 for weights converted from TF Hub, which have no sv0; otherwise None."""
    converted = "linear.u0" in tensors and "linear.sv0" not in tensors
    return CONVERTED_EPS if converted else None


def network_part(checkpoint: Checkpoint, prefix: str, other: str | None = None) -> Checkpoint:
    """The checkpoint of one network, as `part_of`; sv0, sv1 ... may have any values.

    They are the singular values that training logs. No output depends on them.
    """
    tensors = checkpoint.tensors
    if isinstance(tensors, Weights):
        left_out = {n: why for n, why in tensors.left_out.items() if not LOGGED.fullmatch(n)}
        logged = {n: torch.ones(1) for n in tensors.left_out.keys() - left_out.keys()}
        whole = {**tensors.whole, **logged}
        tensors = Weights(tensors.path, whole, left_out, tensors.unknown)
    return part_of(replace(checkpoint, tensors=tensors), prefix, other)


def spectral_of(tensors: Mapping[str, Tensor]) -> Spectral:
    """Spectral normalisation of the weights, as stored next to each."""
    vectors = count_of(tensors, "linear.u{}")
    if not vectors:
        return NONE
    eps = eps_from_file(tensors) or AJBROCK_SPECTRAL_EPS
    return Spectral(vectors, "linear.sv0" in tensors, eps)


def statistics_of(tensors: Mapping[str, Tensor]) -> Statistics:
    """Kind of statistics of the normalisations, detected from the first."""
    first = "blocks.0.0.bn1."
    if first + "stored_mean" in tensors:
        return "own"
    if first + "bn.stored_mean" in tensors:
        return "standing"
    return "synchronised" if first + "bn.running_mean" in tensors else "none"


def chosen_eps(checkpoint: Checkpoint) -> float:
    """The option eps; 0 where it is left to the file.

    Raises:
        InvalidInput: eps is negative or not finite.
    """
    chosen = _number(checkpoint, "eps", 0.0)
    if not 0 <= chosen < math.inf:
        raise InvalidInput(
            f"eps is {chosen}; a finite number above 0 was expected, or 0 for the file's own."
        )
    return chosen


def norm_eps(checkpoint: Checkpoint, tensors: Mapping[str, Tensor]) -> float:
    """The eps of the normalisations of blocks: the option's, the conversion's, or ajbrock's."""
    return chosen_eps(checkpoint) or eps_from_file(tensors) or AJBROCK_EPS


def psi_of(checkpoint: Checkpoint) -> float:
    """The chosen truncation psi, in (0, 1].

    Raises:
        InvalidInput: psi lies outside.
    """
    psi = _number(checkpoint, "psi", 1.0)
    if not 0 < psi <= 1:
        raise InvalidInput(f"psi is {psi}; BigGAN's truncation lies above 0 and is at most 1.")
    return psi


def is_folded(checkpoint: Checkpoint) -> bool:
    """Whether to fold the networks (default: yes)."""
    return checkpoint.options.get("folded", True) is not False


def _number(checkpoint: Checkpoint, name: str, default: float) -> float:
    value = checkpoint.options.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidInput(f"Option {name} is {value!r}; a number was expected.")
    return float(value)


def check_classes(checkpoint: Checkpoint, count: int) -> None:
    """Refuses a file whose configuration names another number of classes than its tensors have."""
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
    """Wraps a network from z and a class to images in [-1, 1] as a Generator.

    Args:
        checkpoint: checkpoint of the network.
        architecture: id of the architecture.
        module: the network.
        prior: prior of its latents.
        side: side of its images in pixels.
        eps: eps of its normalisations; part of the id, as is the prior's psi.
        discriminator: discriminator, where the file has one.
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
    """Wraps a discriminator; without a class the logit is its unconditional part."""
    return Discriminator(
        module,
        logits=lambda images: module(images * 2 - 1)[:, 0],
        features=lambda images: module.features(images * 2 - 1),
        of_classes=lambda images, classes: module(images * 2 - 1, classes)[:, 0],
        classes=len(module.embed.weight),
    )


def parity_of(generator: Generator, arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Images of class numbers (`img`) and of class shares (`img_soft`), and logits of D."""
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


def _classes(generator: Generator) -> ClassCodes:
    assert isinstance(generator.prior, TruncatedWithClass)
    return generator.prior.classes


def facts_of(checkpoint: Checkpoint, layout: GeneratorLayout) -> dict[str, str]:
    """Facts that are assumed of a generator in ajbrock's layout."""
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
