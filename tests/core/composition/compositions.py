"""Composed generation on the toy generator."""

from latentsteer.core.chunking import Chunking
from latentsteer.core.composition.compose import CompositionJob
from latentsteer.core.composition.placement import placements
from latentsteer.core.energies.classification import classification
from latentsteer.core.refine.rules import Adam

STEPS = 3


def job_of(toys, samples=2, names=None, wanted="bca", **changes):
    """Returns a job on the toy generator, with latents of `samples` samples."""
    generator, classifier = toys.generator(), toys.classifier()
    condition = classifier.condition(list(wanted[:samples]))
    settings = {
        "generator": generator,
        "energy": classification(classifier, condition),
        "features": None,
        "steps": STEPS,
        "seed": 3,
        "chunking": Chunking.of("fixed", generator.image_size),
        "device": toys.cpu,
        "rule": Adam(learning_rate=0.1),
        "placements": placements([0.5]),
    }
    front = toys.latents(generator, toys.normal(3, 12)[:samples], names)
    back = toys.latents(generator, toys.normal(3, 12, seed=1)[:samples], names)
    return CompositionJob(**settings | changes), front, back
