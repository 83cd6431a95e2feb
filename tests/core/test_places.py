"""A sample keeps its place in its chunk, so that kernels cannot detect the batch (issue 17).

Functions that depend on the place and the number of rows simulate kernels of other machines:
results that are equal under these are equal under any deterministic kernel.
"""

from collections import Counter
from dataclasses import replace

import pytest
import torch
from latentsteer.core.charts import MixtureOfBasis
from latentsteer.core.chunking import ONE_BY_ONE, Chunking
from latentsteer.core.composition.compose import Composer
from latentsteer.core.composition.job import CompositionJob
from latentsteer.core.composition.placement import SCALES, Placement, placements
from latentsteer.core.composition.poisson import poisson_blend
from latentsteer.core.condition import Condition
from latentsteer.core.conditions.prompts import text_condition
from latentsteer.core.energies.example import toy_clip
from latentsteer.core.energies.masked import masked
from latentsteer.core.energies.perceptual import pixels
from latentsteer.core.energy import Energy
from latentsteer.core.latents import Latents
from latentsteer.core.metrics.clip_score import clip_scores
from latentsteer.core.pairs.synthesis import synthetic_pairs
from latentsteer.core.refine.cma_es import CmaEs
from latentsteer.core.refine.kernel import row_norms
from latentsteer.core.refine.refinement import refine
from latentsteer.core.refine.rules import Adam, Chain, ClipNorm, Langevin
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import IMAGES
from latentsteer.core.starts.basis import best_candidates, over_basis
from latentsteer.core.starts.candidates import best_of, from_prior, from_translator
from latentsteer.core.starts.inversion import from_images
from latentsteer.core.starts.search import CrossEntropySearch
from latentsteer.core.terms import Term
from latentsteer.core.translators.training import new_translator

pytestmark = pytest.mark.bits
FIXED = Chunking(8, padded=True)
BATCH = 11
MASK = torch.zeros(1, 9, 11).index_fill(1, torch.arange(3), 1.0)
BATCHES = [[0], [7], [10], [9, 3], [8, 0, 1], [3, 9, 4, 1, 0], list(range(10, -1, -1))]


def placed(like):
    """Returns a number of each row that depends on its place and the number of rows."""
    places = torch.arange(len(like), dtype=like.dtype, device=like.device)
    return 0.01 * places + 0.1 * len(like)


def telling(domain=IMAGES):
    """A random energy whose value and gradient depend on the place of a row."""

    def evaluate(v, rng):
        flat = v.flatten(1)
        return (1 + placed(flat)) * flat.square().mean(dim=1) + 0.1 * rng.normal(1, like=v)[:, 0]

    return Energy.of(Term("telling", domain, evaluate))


def telling_generator(toys):
    generator = toys.generator()
    render = lambda parts, rng: (  # noqa: E731
        generator.render(parts, rng) * (1 - 0.5 * placed(parts["z"]))[:, None, None, None]
    )
    return replace(generator, render=render)


# The chunks themselves


@pytest.mark.parametrize("size", [1, 3, 4, 8])
@pytest.mark.parametrize("rows", [1, 7, 8, 9, 24, 25])
def test_rows_in_order_make_the_chunks_that_they_did(size, rows):
    spans = [list(range(i, j)) for i, j in Chunking(size, padded=True).spans(rows)]
    groups = Chunking(size, padded=True).groups(range(rows))
    assert [[row for row in group if row is not None] for group in groups] == spans
    assert all(len(group) == size for group in groups)
    assert [list(group) for group in Chunking(size, padded=False).groups(range(rows))] == spans


@pytest.mark.parametrize(
    "names",
    [
        [5],
        [0, 8, 16],
        [9, 3, 11, 1],
        [7, 7, 7],
        [1 << 62, 3, -1, -9],
        [name * name for name in range(40)],
        list(range(100, 119)),
    ],
    ids=str,
)
def test_every_row_stands_at_its_place_in_as_few_chunks_as_can_be(names):
    groups = FIXED.groups(names)
    seen = [row for group in groups for row in group if row is not None]
    assert sorted(seen) == list(range(len(names)))
    for group in groups:
        assert len(group) == 8
        assert all(row is None or names[row] % 8 == place for place, row in enumerate(group))
    assert len(groups) == max(Counter(name % 8 for name in names).values())


@pytest.mark.parametrize("samples", BATCHES, ids=str)
def test_values_come_back_in_the_rows_order_and_draws_from_the_rows_streams(samples, toys):
    v, reports = toys.normal(len(samples), 3), []

    def function(part, rng):
        assert len(part) == len(rng) == 8
        told = torch.tensor(rng.rows, dtype=part.dtype)
        return part + rng.normal(3, like=part), placed(part), told

    rng = SampleRng.of(0, samples)
    moved, places, rows = FIXED.apply_random(function, v, rng, reports.append)
    assert torch.equal(moved, v + SampleRng.of(0, samples).normal(3, like=v))
    expected = [0.01 * (name % 8) + 0.8 for name in samples]
    torch.testing.assert_close(places, torch.tensor(expected))
    assert rows.tolist() == list(range(len(samples)))
    assert reports[-1] == len(samples)
    plain = FIXED.apply(lambda part: placed(part)[:, None] + part, v, rng.names)
    assert torch.equal(plain, places[:, None] + v)


def test_streams_are_called_by_their_names_through_parts_and_restoring():
    rng = SampleRng.of(0, [4, 9, 2])
    assert rng.names == (4, 9, 2)
    assert rng.part(1, 3).names == (9, 2)
    assert rng.restored(rng.state()).names == (4, 9, 2)
    assert rng.taken([2, None, 0]).names == (2, 4, 4)
    assert rng.named([1, 2, 3]).streams == rng.streams
    assert SampleRng(rng.streams, rng.rows).names == (0, 1, 2)
    assert telling().repeated(2).terms


# Whatever is made of samples


def equal_in_any_batch(made, batches=BATCHES):
    """Asserts that results of some samples equal their results among all."""
    whole = made(list(range(BATCH)))
    for samples in batches:
        some = made(samples)
        for found, every in zip(some, whole, strict=True):
            assert torch.equal(found, every[samples]), samples


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


def test_compositions_of_any_placements(toys):
    generator = telling_generator(toys)
    values = toys.normal(BATCH, 12), toys.normal(BATCH, 12, seed=1)

    def composed(samples, tried):
        job = CompositionJob(
            generator=generator,
            energy=telling(),
            features=None,
            steps=2,
            seed=3,
            chunking=FIXED,
            device=toys.cpu,
            placements=tried,
        )
        front, back = (toys.latents(generator, own[samples], samples) for own in values)
        return Composer(job, front, back).run()

    whole = composed([0, 1, 2, 3], placements())
    for samples, tried in (
        ([2], placements()),
        ([3, 1], placements([0.5], "centre")),
        ([0, 2], placements([0.5])),
        ([1], placements([0.65, 0.3], "top left")),
    ):
        some = composed(samples, tried)
        for column, placement in enumerate(tried):
            if placement not in placements():
                continue
            there = placements().index(placement)
            own, among = (
                found.all_images.unflatten(0, (-1, found.energies.shape[1]))
                for found in (some, whole)
            )
            assert torch.equal(own[:, column], among[samples, there])
            assert torch.equal(some.energies[:, column], whole.energies[samples, there])


def test_runs_of_the_papers_placements_fill_their_chunks(toys):
    generator = toys.generator()
    for samples, tried in ((4, placements([0.5])), (2, placements()), (8, placements()[:1])):
        job = CompositionJob(
            generator, telling(), None, 1, 0, FIXED, toys.cpu, placements=tuple(tried)
        )
        front = toys.latents(generator, toys.normal(samples, 12))
        names = Composer(job, front, front)._names
        assert len(set(names)) == len(names)
        assert len(FIXED.groups(names)) == -(-len(names) // 8)


def test_a_placement_has_the_same_number_whatever_others_are_tried():
    assert [placement.number for placement in placements()] == list(range(18))
    numbers = {Placement(scale, "top", "left").number for scale in (*SCALES, 0.3, 0.4)}
    assert len(numbers) == 4
    assert Placement(0.3, "top", "left").number == Placement(0.3, "top", "left").number


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


# What is done row by row


def test_pairs_are_the_first_of_more(toys):
    generator, classifier = telling_generator(toys), toys.classifier()
    settings = {"seed": 0, "chunking": FIXED, "device": toys.cpu}
    few, many = (synthetic_pairs(generator, classifier, n, **settings) for n in (5, 19))
    assert torch.equal(few.latents, many.latents[:5])
    assert torch.equal(few.conditions, many.conditions[:5])


def test_norms_and_clipping_of_long_rows(toys):
    """A row of 70,000 numbers alone is summed by several threads, in a batch by one."""
    vectors = toys.normal(3, 70_001)
    assert torch.equal(row_norms(vectors[1:2]), row_norms(vectors)[1:2])
    torch.testing.assert_close(row_norms(vectors), vectors.norm(dim=1))


def test_an_elites_law(toys):
    elite = CrossEntropySearch(toys.normal(BATCH, 4, 13), torch.zeros(BATCH, 4))

    def made(samples):
        own = CrossEntropySearch(elite.points[samples], elite.energies[samples])
        return (own.draw(SampleRng.of(0, samples)),)

    equal_in_any_batch(made)


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


def test_blended_images():
    drawn = torch.Generator().manual_seed(0)
    source, target = torch.rand(2, BATCH, 3, 9, 11, generator=drawn).unbind()
    mask = torch.zeros(9, 11, dtype=torch.bool)
    mask[2:6, 3:9] = True
    equal_in_any_batch(lambda rows: (poisson_blend(source[rows], target[rows], mask),))


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


def test_one_by_one_no_row_sees_another(toys):
    v = toys.normal(4, 3)
    seen = []
    assert torch.equal(ONE_BY_ONE.apply(lambda part: seen.append(len(part)) or 2 * part, v), 2 * v)
    assert seen == [1] * 4


def test_a_choice_is_the_same_in_any_batch_with_one_candidate(toys):
    draw = lambda rng: rng.normal(5, like=torch.empty(0))  # noqa: E731
    equal_in_any_batch(lambda samples: (best_of(draw, None, 1, SampleRng.of(0, samples), FIXED),))


@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("rows", [[0, 1, 2], [2, 0]])
def test_rows_begin_at_the_same_place_in_memory_wherever_they_come_from(rows, padded, toys):
    """Tensors read from a file are not aligned: a resumed run would use other kernels."""
    stored = toys.normal(4 * 5 + 1)
    v = stored[1 : 1 + len(rows) * 5].view(len(rows), 5)
    assert v.data_ptr() % 64

    def function(part):
        assert part.data_ptr() % 64 == 0
        assert part.is_contiguous()
        return 2 * part

    found = Chunking(4, padded).apply(function, v, rows)
    assert torch.equal(found, 2 * v)


@pytest.mark.parametrize("make", [pixels, lambda images: masked(images, MASK)])
def test_references_of_samples_alone_and_in_a_batch(make, toys):
    images = torch.rand(BATCH, 3, 9, 11, generator=torch.Generator().manual_seed(0))
    points = torch.rand(BATCH, 3, 5, 5, generator=torch.Generator().manual_seed(1))

    def made(samples):
        energy, rng = make(images[samples]), SampleRng.of(0, samples)
        return FIXED.apply_random(lambda x, own: (energy(x, own),), points[samples], rng)

    equal_in_any_batch(made)
