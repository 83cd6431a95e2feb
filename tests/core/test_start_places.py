"""Starts that are equal in any batch: candidates, searches, translators and inversion."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.condition import Condition
from latentsteer.core.pairs.in_memory import synthetic_pairs
from latentsteer.core.rng import SampleRng
from latentsteer.core.starts.basis import over_basis
from latentsteer.core.starts.best import best_candidates
from latentsteer.core.starts.candidates import best_of, from_prior, from_translator
from latentsteer.core.starts.inversion import from_images
from latentsteer.core.starts.search import CrossEntropySearch
from latentsteer.core.translators.training import new_translator

from .places import BATCH, FIXED, equal_in_any_batch, placed, telling, telling_generator

pytestmark = pytest.mark.bits


@pytest.mark.parametrize("generations", [0, 2])
def test_chosen_starts(generations, toys):
    generator = telling_generator(toys)
    settings = {
        "energy": telling(),
        "candidates": 16,
        "generations": generations,
        "chunking": FIXED,
        "device": toys.cpu,
    }
    equal_in_any_batch(
        lambda samples: (from_prior(generator, SampleRng.of(0, samples), **settings).values,)
    )


def test_candidates_of_a_basis(toys):
    generator = telling_generator(toys)
    pulled = telling().pullback(generator)
    draw = lambda rng: generator.prior.sample(rng, torch.empty(0))  # noqa: E731

    def made(samples, many=20):
        found = best_candidates(draw, pulled, many, 3, SampleRng.of(0, samples), FIXED)
        start = over_basis(
            generator.source,
            found.points,
            SampleRng.of(1, samples),
            over=("z",),
            weights="softmax",
        )
        return found.points, found.energies, start.values

    equal_in_any_batch(made, [[3], [9, 2]])


@pytest.mark.parametrize("mode", ["sample", "mean", "mode", "basis"])
@pytest.mark.parametrize("rows", [1, BATCH])
def test_starts_of_a_translator(mode, rows, toys):
    generator, classifier = telling_generator(toys), toys.classifier()
    translator = new_translator(generator, classifier, components=3, hidden=16, seed=3)
    plain = translator.parameters_of

    def parameters_of(c):
        logits, means = plain(c)
        return logits, means + placed(c)[:, None, None]

    translator.requires_grad_(False).parameters_of = parameters_of
    law = toys.normal(rows, 3).softmax(dim=1)

    def made(samples):
        own = law if rows == 1 else law[samples]
        condition = Condition(own, ("any",) * len(own), classifier.id, classifier.name)
        rng = SampleRng.of(0, samples)
        return (
            from_translator(
                translator, generator, condition, rng, mode=mode, chunking=FIXED
            ).values,
        )

    equal_in_any_batch(made)


def test_encoded_images(toys):
    generator = replace(
        toys.generator(), encode=lambda images: images.flatten(1)[:, :12] + placed(images)[:, None]
    )
    images = torch.rand(BATCH, 3, 8, 8, generator=torch.Generator().manual_seed(0))

    def made(samples):
        rng = SampleRng.of(0, samples)
        start = from_images(
            generator, images[samples], rng, energy=telling(), chunking=FIXED, device=toys.cpu
        )
        return (start.values,)

    equal_in_any_batch(made)


def test_pairs_are_the_first_of_more(toys):
    generator, classifier = telling_generator(toys), toys.classifier()
    settings = {"seed": 0, "chunking": FIXED, "device": toys.cpu}
    few, many = (synthetic_pairs(generator, classifier, n, **settings) for n in (5, 19))
    assert torch.equal(few.latents, many.latents[:5])
    assert torch.equal(few.conditions, many.conditions[:5])


def test_an_elites_law(toys):
    elite = CrossEntropySearch(toys.normal(BATCH, 4, 13), torch.zeros(BATCH, 4))

    def made(samples):
        own = CrossEntropySearch(elite.points[samples], elite.energies[samples])
        return (own.draw(SampleRng.of(0, samples)),)

    equal_in_any_batch(made)


def test_a_choice_is_the_same_in_any_batch_with_one_candidate(toys):
    draw = lambda rng: rng.normal(5, like=torch.empty(0))  # noqa: E731
    equal_in_any_batch(lambda samples: (best_of(draw, None, 1, SampleRng.of(0, samples), FIXED),))
