"""Flows of a few particles of a toy generator, with its classifier's features."""

import torch
from latentsteer.core.chunking import ALL_AT_ONCE, Chunking
from latentsteer.core.energies.classification import classification
from latentsteer.core.features import feature_map
from latentsteer.core.krr.flow import krr_flow
from latentsteer.core.krr.kernel import Mollifier
from latentsteer.core.krr.settings import FlowSettings
from latentsteer.core.refine.first_order import FirstOrder
from latentsteer.core.refine.rules import Descent
from latentsteer.core.rng import SampleRng

COUNT = 10
SETTINGS = {
    "krr": FlowSettings(),
    "kde": FlowSettings(estimator="kde", self_term=False),
    "stein": FlowSettings(estimator="stein"),
    "feature": FlowSettings(mollifier=Mollifier("feature", 0.7, final=0.0)),
    "image": FlowSettings(mollifier=Mollifier("image", 0.2, samples=2, final=0.1), eta=5, xi=5),
    "one": FlowSettings(bandwidth="one", real=0.0),
    "Jensen-Shannon": FlowSettings(divergence="Jensen-Shannon"),
    "drawn": FlowSettings(real_samples=4),
}
"""Distances of the toy images' features are of order 1."""
CHUNKS = [ALL_AT_ONCE, Chunking(3, padded=True), Chunking(4, padded=False)]


def real_images(toys, dtype=torch.float64):
    return toys.generator(dtype)(toys.normal(7, 12, seed=8, dtype=dtype), SampleRng.of(0, 7))


def flow_of(toys, settings=None, *, dtype=torch.float64, **changes):
    """Returns the flow on the toys, with real images and a condition, and the generator."""
    generator, classifier = toys.generator(dtype), toys.classifier(dtype)
    condition = classification(classifier, classifier.condition(["b"]))
    options = {
        "steps": 4,
        "image_size": (8, 8),
        "chunking": Chunking(3, padded=True),
        "condition": condition,
        "real": real_images(toys, dtype),
    }
    made = krr_flow(settings or FlowSettings(), feature_map(classifier), **(options | changes))
    return made, generator


def start(toys, count=COUNT, dtype=torch.float64):
    return toys.normal(count, 12, dtype=dtype)


def field_of(flow, generator, chunking, step=0):
    return flow.direction.field(flow.energy.pullback(generator), chunking).at(step)


def job_of(toys, flow, generator, **changes):
    defaults = {
        "generator": generator,
        "energy": flow.energy,
        "refiner": FirstOrder(Descent(step_size=0.3), direction=flow.direction),
        "steps": 4,
        "chunking": Chunking(3, padded=True),
    }
    return toys.job(**(defaults | changes))
