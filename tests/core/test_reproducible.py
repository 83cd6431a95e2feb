"""The result of a sample depends neither on its neighbours nor on its place (issue 2)."""

import pytest
import torch
from latentsteer.core.auxiliaries import load_auxiliary
from latentsteer.core.auxiliary import AttributeJudge, Classifier
from latentsteer.core.chunking import Chunking
from latentsteer.core.clip import Clip
from latentsteer.core.condition import Condition
from latentsteer.core.conditions.prompts import text_condition
from latentsteer.core.energies.bayes import bayes
from latentsteer.core.energies.classification import classification
from latentsteer.core.energies.similarity import similarity
from latentsteer.core.errors import InvalidInput
from latentsteer.core.generator import Gaussian, Generator
from latentsteer.core.generators import load_generator
from latentsteer.core.refine.kernel import gradient
from latentsteer.core.refine.refinement import refine
from latentsteer.core.refine.rules import Langevin
from latentsteer.core.rng import SampleRng
from latentsteer.core.starts.candidates import from_prior, from_translator
from latentsteer.core.translators.training import new_translator
from latentsteer.core.zoo.shipped import AUXILIARIES, GENERATORS, embedded

BATCH = 11
"""Not a multiple of the chunk, so that the last chunk is padded."""


@pytest.fixture(scope="module", params=["toy", "digits"])
def models(request, toys):
    """A generator and a classifier: the toys and the shipped ones."""
    if request.param == "toy":
        # Five classes: MKL computes the rows of a product with 2 or 3 columns by several kernels.
        return toys.generator(), toys.classifier(classes="abcde")
    return (
        load_generator(embedded("digits (embedded)")),
        load_auxiliary(embedded("digits classifier (embedded)")),
    )


def job_of(models, toys, mode="fixed", labels=(1,), steps=4, **changes):
    generator, classifier = models
    settings = {
        "generator": generator,
        "energy": classification(classifier, classifier.condition(list(labels))),
        "rule": Langevin(step_size=1e-3, inverse_temperature=20),
        "steps": steps,
        "chunking": Chunking.of(mode, generator.image_size),
    }
    return toys.job(**settings | changes)


def started(models, toys, samples):
    generator, _ = models
    values = generator.prior.sample(SampleRng.of(1, samples, "start"), torch.empty(0))
    return toys.latents(generator, values, samples)


def refined(models, toys, samples, **changes):
    latents, trace = refine(job_of(models, toys, **changes), started(models, toys, samples))
    return latents.values, trace


def test_every_shipped_model_is_there_and_opens():
    sizes = {name: load_generator(embedded(name)).image_size for name in GENERATORS}
    assert sizes == {name: (28, 28) if "digits" in name else (64, 64) for name in GENERATORS}
    assert {"avatars (embedded)", "digits (embedded)"} <= set(sizes)
    opened = {name: load_auxiliary(embedded(name)) for name in AUXILIARIES}
    digits = {name: model.classes for name, model in opened.items() if "digits" in name}
    assert set(digits.values()) == {tuple("0123456789")}
    assert isinstance(opened["avatars CLIP (embedded)"], Clip)
    assert isinstance(opened["avatars judge (embedded)"], AttributeJudge)
    assert len(opened) == len(digits) + 2
    with pytest.raises(InvalidInput, match=r"'no such model'.*digits \(embedded\)"):
        embedded("no such model")


@pytest.fixture(scope="module")
def whole(models, toys):
    return refined(models, toys, range(BATCH))


@pytest.mark.bits
@pytest.mark.parametrize(
    "samples",
    [[0], [7], [10], [9, 3], [3, 9, 4, 1, 0], list(range(10, -1, -1)), list(range(9))],
    ids=str,
)
def test_with_fixed_chunks_a_sample_is_the_same_alone_moved_or_in_any_batch(
    samples, models, whole, toys
):
    values, trace = refined(models, toys, samples)
    assert torch.equal(values, whole[0][samples])
    assert torch.equal(trace.energies, whole[1].energies[:, samples])
    for name, after in trace.after.items():
        assert torch.equal(after, whole[1].after[name][samples])


@pytest.mark.bits
def test_the_avatars_gradient_is_the_same_in_any_batch():
    generator = load_generator(embedded("avatars (embedded)"))
    clip = load_auxiliary(embedded("avatars CLIP (embedded)"))
    energy = similarity(clip, text_condition(clip, "red hat").condition).pullback(generator)
    field = gradient(energy, Chunking.of("fixed", generator.image_size))

    def seen(samples):
        rng = SampleRng.of(1, samples, "start")
        return field(generator.prior.sample(rng, torch.empty(0)), rng)

    whole = seen(range(8))
    for samples in ([6], [7, 2, 1]):
        for found, every in zip(seen(samples), whole, strict=True):
            assert torch.equal(found, every[samples])


@pytest.mark.bits
@pytest.mark.parametrize("classes", ["ab", "abc"])
def test_one_at_a_time_a_sample_is_the_same_whatever_the_networks_shapes(classes, toys):
    # Odd sizes: elsewhere the last elements of a tensor miss the vector kernels.
    body = torch.nn.Sequential(
        torch.nn.Linear(5, 75), torch.nn.SiLU(), torch.nn.Unflatten(1, (3, 5, 5))
    )
    network = toys.filled(body, 3)
    generator = Generator(
        "odd",
        "odd-id",
        "toy",
        network,
        toys.vectors(5),
        Gaussian(5),
        (5, 5),
        lambda parts, rng: network(parts["z"]).sigmoid(),
    )
    linear = toys.filled(
        torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(75, len(classes))), 4
    )
    classifier = Classifier("odd f", "odd-f-id", linear, tuple(classes), linear, linear)
    models, chunking = (generator, classifier), Chunking(1, padded=True)
    together, _ = refined(models, toys, range(BATCH), chunking=chunking)
    for samples in ([7], [9, 3], list(range(10, -1, -1))):
        assert torch.equal(refined(models, toys, samples, chunking=chunking)[0], together[samples])


def test_the_refined_samples_moved_and_got_better(whole, models, toys):
    values, trace = whole
    assert (values - started(models, toys, range(BATCH)).values).abs().amin(dim=0).max() > 1e-3
    assert trace.after["energy"].mean() < trace.before["energy"].mean()


@pytest.mark.bits
def test_a_row_of_the_condition_goes_with_its_sample(models, toys):
    labels = [n % 3 for n in range(BATCH)]
    values, _ = refined(models, toys, range(BATCH), labels=labels)
    picked = [8, 2, 5, 6]
    moved, _ = refined(models, toys, picked, labels=[labels[n] for n in picked])
    assert torch.equal(moved, values[picked])


@pytest.mark.bits
@pytest.mark.parametrize("candidates", [1, 3])
def test_starts_from_the_prior_are_the_same_in_any_batch(models, candidates, toys):
    generator, classifier = models
    energy = classification(classifier, classifier.condition([2]))

    def start(samples):
        return from_prior(
            generator,
            SampleRng.of(5, samples, "prior"),
            energy=energy,
            candidates=candidates,
            chunking=Chunking.of("fixed", generator.image_size),
            device=toys.cpu,
        ).values

    together = start(range(BATCH))
    for samples in ([4], [10, 0, 3]):
        assert torch.equal(start(samples), together[samples])


@pytest.mark.bits
@pytest.mark.parametrize(
    ("mode", "candidates"), [("sample", 1), ("sample", 3), ("mean", 1), ("mode", 1), ("basis", 1)]
)
@pytest.mark.parametrize("rows", [1, BATCH])
def test_starts_from_a_translator_are_the_same_in_any_batch(models, mode, candidates, rows, toys):
    generator, classifier = models
    translator = new_translator(generator, classifier, components=4, hidden=16, seed=3)
    translator.requires_grad_(False)
    law = toys.normal(rows, classifier.embed_dim).softmax(dim=1)
    energy = classification(classifier, classifier.condition([2]))

    def start(samples):
        own = law if rows == 1 else law[list(samples)]
        return from_translator(
            translator,
            generator,
            Condition(own, ("any",) * len(own), classifier.id, classifier.name),
            SampleRng.of(5, samples, "translator"),
            mode=mode,
            energy=energy,
            candidates=candidates,
            chunking=Chunking.of("fixed", generator.image_size),
        ).values

    together = start(range(BATCH))
    for samples in ([4], [10, 0, 3]):
        assert torch.equal(start(samples), together[samples])


@pytest.mark.bits
def test_the_same_run_repeats_and_another_seed_does_not(models, whole, toys):
    again, _ = refined(models, toys, range(BATCH))
    other, _ = refined(models, toys, range(BATCH), seed=4)
    assert torch.equal(again, whole[0])
    assert not torch.equal(other, whole[0])


def test_with_fast_chunks_one_step_agrees_within_1e_5(models, toys):
    together, _ = refined(models, toys, range(BATCH), mode="fast", steps=1)
    fixed, _ = refined(models, toys, range(BATCH), steps=1)
    torch.testing.assert_close(together, fixed, rtol=0, atol=1e-5)
    for samples in ([4], [10, 0, 3]):
        alone, _ = refined(models, toys, samples, mode="fast", steps=1)
        torch.testing.assert_close(alone, together[samples], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "models", ["toy", pytest.param("digits", marks=pytest.mark.slow)], indirect=True
)
def test_with_fast_chunks_in_float64_a_hundred_steps_agree_within_1e_10(models, toys):
    generator, classifier = models
    modules = (generator.module, classifier.module)
    for module in modules:
        module.double()
    try:
        energy = bayes(generator, classifier, classifier.condition([1]))
        # The paper's own step size and momentum. Their steady velocity is the same as with 1e-3
        # and .9, at which one of these trajectories is stiff and amplifies a rounding error of
        # 4e-16 a million times on any machine.
        rule = Langevin(step_size=1e-4, inverse_temperature=1, momentum=0.99)
        job = job_of(models, toys, mode="fast", steps=100, energy=energy, rule=rule)

        def run(samples):
            latents = started(models, toys, samples)
            doubled = toys.latents(generator, latents.values.double(), samples)
            return refine(job, doubled)[0].values

        together = run(range(3))
        assert together.dtype == torch.float64
        for samples in ([2], [1, 0]):
            torch.testing.assert_close(run(samples), together[samples], rtol=0, atol=1e-10)
    finally:
        for module in modules:
            module.float()
