"""The energies, each with the example that the contract tests use."""

from . import (
    bayes,
    classification,
    codebook,
    direction,
    discriminator,
    few_shot,
    global_direction,
    masked,
    noise,
    perceptual,
    prior,
    regions,
    reward,
    similarity,
)
from .example import MakeExample

__all__ = ["ENERGIES"]

ENERGIES: tuple[tuple[str, MakeExample], ...] = (
    ("classification", classification.EXAMPLE),
    ("classification of views", classification.VIEWS_EXAMPLE),
    ("similarity", similarity.EXAMPLE),
    ("similarity of views", similarity.VIEWS_EXAMPLE),
    ("similarity somewhere", regions.EXAMPLE),
    ("prior", prior.EXAMPLE),
    ("noise norm", noise.EXAMPLE),
    ("noise patterns", noise.PATTERNS_EXAMPLE),
    ("reward", reward.EXAMPLE),
    ("bayes", bayes.EXAMPLE),
    ("perceptual", perceptual.EXAMPLE),
    ("pixels", perceptual.PIXELS_EXAMPLE),
    ("discriminator", discriminator.EXAMPLE),
    ("discriminator of classes", discriminator.CLASSES_EXAMPLE),
    ("few-shot", few_shot.EXAMPLE),
    ("direction", direction.EXAMPLE),
    ("direction from a source", direction.SOURCE_EXAMPLE),
    ("direction from a source, of views", direction.SOURCE_VIEWS_EXAMPLE),
    ("global direction", global_direction.EXAMPLE),
    ("masked", masked.EXAMPLE),
    ("masked perceptual", masked.PERCEPTUAL_EXAMPLE),
    ("codebook", codebook.EXAMPLE),
)
