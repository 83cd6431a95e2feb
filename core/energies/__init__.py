"""The energies, each with the example that the contract tests take."""

from . import bayes, classification, perceptual, prior, regions, similarity
from .example import MakeExample

__all__ = ["ENERGIES"]

ENERGIES: tuple[tuple[str, MakeExample], ...] = (
    ("classification", classification.EXAMPLE),
    ("classification of views", classification.VIEWS_EXAMPLE),
    ("similarity", similarity.EXAMPLE),
    ("similarity of views", similarity.VIEWS_EXAMPLE),
    ("similarity somewhere", regions.EXAMPLE),
    ("prior", prior.EXAMPLE),
    ("bayes", bayes.EXAMPLE),
    ("perceptual", perceptual.EXAMPLE),
    ("pixels", perceptual.PIXELS_EXAMPLE),
)
