"""Refinements of a toy by every kind of energy, on the CPU or on another device."""

import torch
from latentsteer.core.chunking import Chunking
from latentsteer.core.condition import Condition
from latentsteer.core.energies.classification import classification
from latentsteer.core.energies.direction import away_from, text_direction
from latentsteer.core.energies.example import toy_clip
from latentsteer.core.energies.masked import masked
from latentsteer.core.energies.perceptual import likeness
from latentsteer.core.energies.prior import prior_energy
from latentsteer.core.energies.similarity import similarity
from latentsteer.core.features import clip_features
from latentsteer.core.refine.rules import Langevin
from latentsteer.core.rng import SampleRng

COUNT = 4
CHUNKS = Chunking(3, padded=True)


def picture_of(toys, seed=4, count=1):
    return toys.generator()(toys.normal(count, 12, seed=seed), SampleRng.of(0, count)).detach()


def clip_energy(toys, clip, views=2):
    rows = toys.normal(1, clip.embed_dim, seed=1)
    return similarity(clip, Condition(rows, ("x",), clip.id, clip.name), views=views)


def energies(toys, place):
    """Returns energies of every kind on the toy generator, their networks moved by `place`."""
    classifier, clip = place(toys.classifier()), place(toy_clip())
    wanted = classifier.condition(["b"])
    mask = torch.zeros(1, 8, 8)
    mask[:, 2:6, 3:7] = 1

    def direction():
        texts = [clip_row(toys, clip, seed) for seed in (1, 2)]
        return away_from(clip, text_direction(*texts), picture_of(toys), views=1)

    def bayes():
        return prior_energy(toys.generator()) + 20 * classification(classifier, wanted)

    return {
        "classifier": lambda: classification(classifier, wanted),
        "views": lambda: classification(classifier, wanted, views=2),
        "AugCLIP": lambda: clip_energy(toys, clip),
        "masked": lambda: masked(picture_of(toys), mask, features=clip_features(clip)),
        "likeness": lambda: likeness(picture_of(toys), clip_features(clip)),
        "direction": direction,
        "bayes": bayes,
    }


def clip_row(toys, clip, seed):
    return Condition(toys.normal(1, clip.embed_dim, seed=seed), ("t",), clip.id, clip.name)


ENERGIES = ("classifier", "views", "AugCLIP", "masked", "likeness", "direction", "bayes")


def job_of(toys, there=None, energy="classifier", **changes):
    """A short refinement, on the CPU or the device."""
    place = (lambda model: model) if there is None else there.model
    made = energies(toys, place)[energy]() if isinstance(energy, str) else energy(place)
    settings = {
        "generator": place(toys.generator()),
        "energy": made,
        "device": toys.cpu if there is None else there.device,
        "rule": Langevin(step_size=1e-3, inverse_temperature=20, momentum=0.5),
        "steps": 3,
        "chunking": CHUNKS,
    }
    return toys.job(**settings | changes)


def start(toys, generator):
    return toys.latents(generator, toys.normal(COUNT, 12))


def same(there, found, expected):
    there.close(found.values, expected.values)
    assert found.samples == expected.samples
