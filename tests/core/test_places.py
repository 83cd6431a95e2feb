"""A sample keeps its place in its chunk, so that kernels cannot detect the batch (issue 17)."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.charts import MixtureOfBasis
from latentsteer.core.conditions.prompts import text_condition
from latentsteer.core.energies.example import toy_clip
from latentsteer.core.energies.masked import masked
from latentsteer.core.energies.perceptual import pixels
from latentsteer.core.latents import Latents
from latentsteer.core.metrics.clip_score import clip_scores
from latentsteer.core.refine.cma_es import CmaEs
from latentsteer.core.refine.kernel import row_norms
from latentsteer.core.refine.refinement import refine
from latentsteer.core.refine.rules import Adam, Chain, ClipNorm, Langevin
from latentsteer.core.rng import SampleRng

from .places import BATCH, FIXED, equal_in_any_batch, placed, telling, telling_generator

pytestmark = pytest.mark.bits


MASK = torch.zeros(1, 9, 11).index_fill(1, torch.arange(3), 1.0)


@pytest.mark.parametrize("rule", ["langevin", "clipped adam"])
@pytest.mark.parametrize("keep_best", [False, True])
def test_refined_samples(rule, keep_best, toys):
    generator = telling_generator(toys)
    rules = {
        "langevin": Langevin(step_size=1e-2, inverse_temperature=20),
        "clipped adam": Chain((ClipNorm(0.1), Adam(learning_rate=0.1))),
    }
    energy = telling() + telling(generator.source)
    job = toys.job(
        generator=generator, energy=energy, rule=rules[rule], steps=4, keep_best=keep_best
    )
    start = toys.normal(BATCH, 12)

    def made(samples):
        found, trace = refine(job, toys.latents(generator, start[samples], samples))
        return (found.values, trace.energies.T, *trace.before.values(), *trace.after.values())

    equal_in_any_batch(made)


def test_evolved_samples(toys):
    pytest.importorskip("cmaes")
    generator = telling_generator(toys)
    job = toys.job(
        generator=generator,
        energy=telling(),
        steps=2,
        refiner=CmaEs(population=5, inner_steps=2, inner=toys.job().refiner),
    )
    start = toys.normal(BATCH, 12)

    def made(samples):
        found, trace = refine(job, toys.latents(generator, start[samples], samples))
        return found.values, trace.energies.T

    equal_in_any_batch(made, [[3], [9, 2]])


def test_readings_and_the_measures_made_of_them(toys):
    generator, classifier = telling_generator(toys), toys.classifier()
    from latentsteer.core.energies.classification import classification

    energy = classification(classifier, classifier.condition(["b"])).pullback(generator)
    ((weight, part),) = energy.terms
    values = toys.normal(BATCH, 12)
    assert weight == 1
    assert part.domain == generator.source

    def made(samples):
        found = energy.readings(values[samples], SampleRng.of(0, samples), FIXED)
        assert any("probability" in name for name in found)
        return tuple(found.values())

    equal_in_any_batch(made)


def test_norms_and_clipping_of_long_rows(toys):
    """A row of 70,000 numbers alone is summed by several threads, in a batch by one."""
    vectors = toys.normal(3, 70_001)
    assert torch.equal(row_norms(vectors[1:2]), row_norms(vectors)[1:2])
    torch.testing.assert_close(row_norms(vectors), vectors.norm(dim=1))


@pytest.mark.parametrize("weights", ["linear", "softmax"])
def test_latents_that_are_written_plainly(weights, toys):
    generator = toys.generator()
    chart = MixtureOfBasis(generator.source, 3, ("z",), weights)
    values = toys.normal(BATCH, chart.source.dim)

    def plain(samples):
        batch = Latents(values[samples], chart, generator.id, generator.name, tuple(samples))
        return (batch.plain().values,)

    equal_in_any_batch(plain)


def test_ways_between_latents(toys):
    generator = toys.generator()
    ends = [toys.latents(generator, toys.normal(BATCH, 12, seed=seed)) for seed in (0, 1)]
    whole = ends[0].interpolated(ends[1], [0.1, 0.4, 0.9]).values.unflatten(0, (BATCH, 3))
    alone = ends[0].picked((4,)).interpolated(ends[1].picked((4,)), [0.1, 0.4, 0.9]).values
    assert torch.equal(alone, whole[4])


def telling_clip():
    clip = toy_clip()

    def texts(prompts):
        found = toy_clip().texts(prompts)
        return replace(found, embeddings=found.embeddings + placed(found.embeddings)[:, None])

    return replace(
        clip,
        encode=lambda module, pixels: module(pixels) + placed(pixels)[:, None],
        encode_texts=texts,
    )


def test_rows_of_a_condition_of_texts():
    clip, lines = telling_clip(), ["red", "green dark", "bright blue | grey:0.5"]
    whole = text_condition(clip, "\n".join(lines)).condition.embedding
    for row, line in enumerate(lines):
        assert torch.equal(text_condition(clip, line).condition.embedding[0], whole[row])


def test_rows_of_a_condition_of_images():
    clip = telling_clip()
    images = torch.rand(BATCH, 3, 7, 7, generator=torch.Generator().manual_seed(0))
    equal_in_any_batch(
        lambda rows: (clip.image_condition(images[rows], chunking=FIXED).embedding,)
    )


def test_scores_of_images_under_their_names(toys):
    clip = toy_clip()
    images = torch.rand(BATCH, 3, 7, 7, generator=torch.Generator().manual_seed(0))
    wanted = text_condition(clip, "red").condition

    def made(samples):
        found = clip_scores(
            clip,
            wanted,
            images[samples],
            SampleRng.of(0, samples),
            views=3,
            chunking=FIXED,
            device=toys.cpu,
        )
        return (found.values,)

    equal_in_any_batch(made)


@pytest.mark.parametrize("make", [pixels, lambda images: masked(images, MASK)])
def test_references_of_samples_alone_and_in_a_batch(make, toys):
    images = torch.rand(BATCH, 3, 9, 11, generator=torch.Generator().manual_seed(0))
    points = torch.rand(BATCH, 3, 5, 5, generator=torch.Generator().manual_seed(1))

    def made(samples):
        energy, rng = make(images[samples]), SampleRng.of(0, samples)
        return FIXED.apply_random(lambda x, own: (energy(x, own),), points[samples], rng)

    equal_in_any_batch(made)
