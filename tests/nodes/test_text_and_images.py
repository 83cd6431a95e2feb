"""Steering by texts and images: the nodes around a CLIP, here a toy instead of a judge."""

import logging
import shutil
from dataclasses import replace

import pytest
import torch
from latentsteer.core.energies.example import toy_clip
from latentsteer.core.errors import (
    CheckpointError,
    ConditionMismatch,
    GeneratorMismatch,
    InvalidInput,
    ResumeMismatch,
)
from latentsteer.core.rng import SampleRng
from latentsteer.nodes.host import autograd, io
from latentsteer.nodes.load.auxiliary import LoadAuxModel
from latentsteer.nodes.standalone.errors import NodeError, RunInterrupted, WorkflowError
from latentsteer.nodes.standalone.host import use

CLIP = "digits judge (embedded)"
OTHER = "other.safetensors"


@pytest.fixture
def seer():
    """The loaded toy; a test may replace it."""
    return {"clip": toy_clip()}


@pytest.fixture(autouse=True)
def toy(monkeypatch, seer):
    """Makes Load Aux Model return a toy CLIP for the judge's file."""
    loaded = LoadAuxModel.execute

    def opened(cls, file, **options):
        if file != CLIP:
            return loaded(file, **options)
        with autograd():
            return io.NodeOutput(seer["clip"])

    monkeypatch.setattr(LoadAuxModel, "execute", classmethod(opened))


def text(graph, prompts, **inputs):
    """Both models and a condition by text."""
    made = graph.models(classifier=CLIP)
    made.clip = made.classifier
    made.condition = graph.add("TextCondition", auxiliary=made.clip, prompts=prompts, **inputs)
    return made


def by_clip(graph, prompts="red\nbright blue", **inputs):
    """The same with its energy."""
    made = text(graph, prompts)
    made.energy = graph.add("EnergyCLIP", auxiliary=made.clip, condition=made.condition, **inputs)
    return made


def pictures(graph, made, samples=2, seed=7):
    """Returns images of the generator."""
    drawn = graph.add("PriorInit", generator=made.generator, samples=samples, seed=seed)
    return graph.add("Decode", generator=made.generator, latents=drawn)


def executed(node, *args, **kwargs):
    """A node outside of a graph, in inference mode as hosts run it."""
    with torch.inference_mode():
        return node.execute(*args, **kwargs)


def test_prompts_become_rows_and_notes_are_shown_and_logged(graph, run, caplog):
    made = text(graph, "red | unicorn:0.5\nblue", samples_per_prompt=2, negative="dark:0.3")
    with caplog.at_level(logging.WARNING, "latentsteer"):
        ran = run(graph)
    condition = ran[made.condition]
    assert condition.labels == ("red | unicorn:0.5",) * 2 + ("blue",) * 2
    assert condition.embedding.shape == (4, 6)
    assert not condition.embedding.is_inference()
    assert ran.ui(made.condition)["text"] == ("4 rows\nNot known: unicorn.",)
    assert [r.message for r in caplog.records] == ["Text Condition: Not known: unicorn."]


def test_clauses_count_beside_the_whole_prompt(graph, run):
    made = text(graph, "red, bright\nblue", clause_weight=0.5)
    written = "red, bright | red:0.5 | bright:0.5\nblue"
    parts = graph.add("TextCondition", auxiliary=made.clip, prompts=written)
    ran = run(graph)
    torch.testing.assert_close(ran[made.condition].embedding, ran[parts].embedding)
    assert ran[made.condition].labels == ("red, bright", "blue")


def test_a_search_lowers_the_energy_of_a_start(graph, run):
    made = by_clip(graph, views=0)
    starts = [
        graph.from_prior(made, energy=made.energy, candidates=32, generations=number)
        for number in (0, 8)
    ]
    ran = run(graph)
    energy = ran[made.energy].pullback(ran[made.generator])
    before, after = (energy(ran[start].values, SampleRng.of(0, 2)) for start in starts)
    assert bool((after <= before + 1e-6).all())
    assert after.mean() < before.mean()


@pytest.mark.parametrize("views", [0, 3, -1])
def test_a_texts_energy_is_lowered(views, graph, run):
    made = by_clip(graph, views=views)
    plain = graph.add("EnergyCLIP", auxiliary=made.clip, condition=made.condition, views=0)
    start = graph.from_prior(made)
    refined = graph.refined(made, start, "AdamRefine", steps=30, learning_rate=0.05)
    ran = run(graph)
    energy = ran[plain].pullback(ran[made.generator])
    before, after = (
        energy(ran[wire].values, SampleRng.of(0, 2)).mean() for wire in (start, refined)
    )
    assert after < before - 0.02
    assert ran[refined].values.shape[0] == 2
    (leaf,) = ran[made.energy].leaves()
    assert ("4 views" in leaf.label) is (views == -1)
    assert leaf.measure.name == "similarity"


def test_views_are_fewer_on_a_processor():
    from latentsteer.nodes.energy.clip import automatic_views

    assert (automatic_views("cpu"), automatic_views("cuda"), automatic_views("mps")) == (4, 50, 50)


def test_the_operations_of_views_can_be_chosen(graph, run):
    made = by_clip(graph, views=2, color=False, cutout=False, views_at_once=3, precision="fp32")
    (leaf,) = run(graph)[made.energy].leaves()
    assert "2 views, translation+resize, ratio per sample, 3 at a time" in leaf.label


def test_a_translator_of_a_clip_is_trained_with_noise_and_its_basis_refined(graph, run, tiny):
    """Means by Langevin dynamics, weights by Adam: appendix B.1."""
    made = by_clip(graph)
    models = {"generator": made.generator, "auxiliary": made.clip}
    plain, noisy = (
        graph.add("TrainTranslator", **models, **tiny, condition_noise=gamma)
        for gamma in (0.0, 0.5)
    )
    started = {"generator": made.generator, "condition": made.condition, "mode": "basis"}
    basis = graph.add("TranslatorInit", translator=noisy, weights="softmax", **started)
    options = {"steps": 3, "weights_rate": 0.01}
    ours, code, clipped = (
        graph.refined(made, basis, **options, **extra)
        for extra in ({}, {"preset": "official code"}, {"clip_norm": 1.0})
    )
    paper = graph.refined(made, basis, **options, preset="paper", clip_norm=7.0)
    ran = run(graph)
    assert not torch.equal(ran[plain].first.weight, ran[noisy].first.weight)
    chart = ran[basis].chart
    moved = chart.source.split(ran[ours].values - ran[basis].values)
    assert moved["z.weights"].abs().max() <= 3 * 0.01 * 1.01
    assert moved["z.basis"].abs().max() > 0.01
    assert torch.equal(ran[code].values, ran[clipped].values)
    assert torch.equal(ran[paper].values, ran[ours].values)


def test_images_are_conditions_of_a_row_each(graph, run):
    made = graph.models(classifier=CLIP)
    images = pictures(graph, made)
    wire = graph.add(
        "ImageCondition", auxiliary=made.classifier, images=images, samples_per_image=3
    )
    condition = run(graph)[wire]
    assert condition.labels == ("image 0",) * 3 + ("image 1",) * 3
    assert not condition.embedding.is_inference()


@pytest.mark.parametrize("shape", [(2, 9, 31, 1), (2, 40, 17, 4), (2, 7, 7, 3)])
def test_grey_transparent_and_odd_images_are_taken(shape, graph, run, new_host):
    from latentsteer.nodes.condition.image import ImageCondition
    from latentsteer.nodes.energy.perceptual import EnergyPerceptual
    from latentsteer.nodes.start.inversion import ImageToLatents

    made = graph.models(classifier=CLIP)
    ran = run(graph)
    clip, generator = ran[made.classifier], ran[made.generator]
    with torch.inference_mode():
        images = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    with use(new_host()):
        condition = executed(ImageCondition, clip, images, 1, "fixed").args[0]
        assert condition.embedding.shape == (2, 6)
        energy = executed(EnergyPerceptual, images, 1.0, 0.5, "none", clip).args[0]
        z = generator.prior.sample(SampleRng.of(0, 2), torch.empty(0)).requires_grad_()
        values = energy.pullback(generator)(z, SampleRng.of(0, 2))
        (slope,) = torch.autograd.grad(values.sum(), z)
        assert bool((slope.norm(dim=1) > 0).all())
        options = (2, 0.05, 1.0, 1.0, "none", "automatic", 2, 0, "fixed", 0)
        latents = executed(ImageToLatents, generator, images, *options, clip).args[0]
        assert latents.values.shape == (2, generator.source.dim)


def test_conditions_are_interpolated_and_averaged(graph, run):
    made = text(graph, "red")
    other = graph.add("TextCondition", auxiliary=made.clip, prompts="blue\ngreen")
    pair = {"first": made.condition, "second": other}
    between = graph.add("InterpolateConditions", **pair, frames=3)
    ends = graph.add("InterpolateConditions", **pair, frames=2, ends=True, mode="lerp")
    both = graph.add("AverageConditions", **pair, second_weight=0.5)
    ran = run(graph)
    assert ran[between].labels[:3] == ("red 0.1 blue", "red 0.5 blue", "red 0.9 blue")
    assert len(ran[between]) == 6
    assert torch.equal(ran[ends].embedding[[1, 3]], ran[other].embedding)
    assert ran[both].labels == ("1 red + 0.5 blue", "1 red + 0.5 green")


@pytest.mark.parametrize(
    ("connected", "pixels", "says", "labels"),
    [
        (True, 0.0, "features of toy-clip", ["perceptual(features of toy-clip)"]),
        (True, 0.5, "features of toy-clip", ["perceptual(features of toy-clip)", "pixels"]),
        (False, 0.0, "pixels alone: no backbone, and no CLIP", ["pixels"]),
    ],
)
def test_the_perceptual_energy_says_what_it_compares_by(
    connected, pixels, says, labels, graph, run
):
    made = graph.models(classifier=CLIP)
    images = pictures(graph, made, samples=1)
    extra = {"auxiliary": made.classifier} if connected else {}
    made.energy = graph.add("EnergyPerceptual", images=images, pixels=pixels, **extra)
    start = graph.add("PriorInit", generator=made.generator, samples=3)
    refined = graph.refined(made, start, "AdamRefine", steps=8, learning_rate=0.05)
    ran = run(graph)
    assert says in ran.ui(made.energy)["text"][0]
    assert [leaf.label for leaf in ran[made.energy].leaves()] == labels
    energies = ran.trace(refined).energies.mean(dim=1)
    assert energies[-1] < energies[0]


def test_a_clip_without_feature_maps_leaves_the_pixels(graph, run, seer):
    seer["clip"] = replace(toy_clip(), stages=None)
    made = graph.models(classifier=CLIP)
    wire = graph.add("EnergyPerceptual", images=pictures(graph, made), auxiliary=made.classifier)
    assert "'toy-clip' has no feature maps" in run(graph).ui(wire)["text"][0]


def test_a_backbone_that_is_none_is_refused(graph, run, tmp_path, new_host):
    from latentsteer.core.zoo import shipped as catalogue

    path = tmp_path / "base" / "models" / "latentsteer_aux" / "vgg.safetensors"
    path.parent.mkdir(parents=True)
    shutil.copy(catalogue.embedded("digits (embedded)"), path)
    made = graph.models()
    graph.add("EnergyPerceptual", images=pictures(graph, made), backbone="vgg.safetensors")
    with pytest.raises(NodeError, match="neither a VGG16 nor an AlexNet") as caught:
        run(graph, new_host(tmp_path / "base"))
    assert type(caught.value.__cause__) is CheckpointError
    with pytest.raises(WorkflowError, match=r"There is no model 'vgg\.safetensors'"):
        run(graph)


def inverted(graph, *, samples=2, **inputs):
    made = graph.models(classifier=CLIP)
    made.images = pictures(graph, made, samples=samples)
    inputs = {"steps": 20, "auxiliary": made.classifier, **inputs}
    made.latents = graph.add(
        "ImageToLatents", generator=made.generator, images=made.images, **inputs
    )
    return made


def test_an_image_is_found_again(graph, run):
    made = inverted(graph, steps=40)
    again = graph.add("Decode", generator=made.generator, latents=made.latents)
    ran = run(graph)
    trace = ran.trace(made.latents)
    assert trace.after["energy"].mean() < 0.5 * trace.before["energy"].mean()
    assert (ran[again] - ran[made.images]).abs().mean() < 0.1
    assert "compared by features of toy-clip" in ran.ui(made.latents)["text"][0]
    assert ran[made.latents].samples == (0, 1)
    assert not ran[made.latents].values.is_inference()


def test_no_step_gives_the_start_and_says_how_alike_it_is(graph, run):
    made = inverted(graph, steps=0, begin="mean", candidates=1)
    ran = run(graph)
    latents = ran[made.latents].values
    assert torch.equal(latents[0], latents[1])
    trace = ran.trace(made.latents)
    assert trace.energies.shape == (1, 2)
    assert torch.equal(trace.before["energy"], trace.after["energy"])


@pytest.mark.bits
def test_an_interrupted_inversion_goes_on_to_the_same_bits(
    at_step, new_graph, new_host, run, out, graph
):
    whole = inverted(graph, steps=6)
    expected = run(graph)[whole.latents]
    at_step("Image to Latents", 3, lambda host: host.request_interrupt())
    again = new_graph()
    inverted(again, steps=6)
    with pytest.raises(RunInterrupted):
        run(again, new_host())
    (path,) = (out / "interrupted").iterdir()
    third = new_graph()
    file = third.add("LoadLatents", file=path.relative_to(out).as_posix())
    made = inverted(third, steps=6, interrupted=file)
    assert torch.equal(run(third)[made.latents].values, expected.values)
    other = new_graph()
    file = other.add("LoadLatents", file=path.relative_to(out).as_posix())
    inverted(other, steps=6, interrupted=file, pixel_weight=2.0)
    with pytest.raises(NodeError) as caught:
        run(other)
    assert type(caught.value.__cause__) is ResumeMismatch


def test_latents_are_stacked_and_their_names_go_on(graph, run):
    made = by_clip(graph)
    start = graph.from_prior(made)
    later = graph.refined(made, start, steps=2)
    strip = graph.add("StackLatents", first=start, second=later)
    images = graph.add("Decode", generator=made.generator, latents=strip)
    ran = run(graph)
    assert ran[strip].samples == (0, 1, 2, 3)
    assert torch.equal(ran[strip].values, torch.cat([ran[start].values, ran[later].values]))
    assert len(ran[images]) == 4


def test_latents_of_another_chart_or_generator_are_not_stacked(new_graph, fault):
    graph = new_graph()
    made = graph.steered()
    graph.add(
        "StackLatents",
        first=graph.from_prior(made),
        second=graph.from_translator(made, mode="basis"),
    )
    assert "Stack latents of one chart" in fault(graph, InvalidInput)
    graph = new_graph()
    made = graph.steered()
    first = graph.from_prior(made)
    made.generator = graph.add("LoadGenerator", file=OTHER)
    graph.add("StackLatents", first=first, second=graph.from_prior(made))
    said = fault(graph, GeneratorMismatch)
    assert "'digits-generator'" in said
    assert "'other'" in said


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ({"prompts": ""}, "No prompt. Write what the image should show"),
        ({"prompts": "red || blue"}, "A prompt is empty in the line 'red || blue'"),
        ({"prompts": "red", "negative": "|"}, "A prompt is empty in the line '|'"),
        ({"prompts": "red:1,5"}, "The weight at the end of 'red:1,5' is not a finite number"),
        ({"prompts": "red", "negative": "red"}, "The weights 1, -1 cancel"),
    ],
)
def test_prompts_that_say_nothing(inputs, says, graph, fault):
    text(graph, **inputs)
    assert says in fault(graph, InvalidInput)


def test_a_classifier_in_the_place_of_a_clip(new_graph, fault):
    graph = new_graph()
    made = graph.models()
    graph.add("TextCondition", auxiliary=made.classifier, prompts="red")
    assert "'digits-classifier'" in fault(graph, ConditionMismatch)
    graph = new_graph()
    made = graph.steered()
    graph.add("EnergyCLIP", auxiliary=made.classifier, condition=made.condition)
    assert "'digits-classifier'" in fault(graph, ConditionMismatch)


@pytest.mark.parametrize("kind", ["EnergyCLIP", "InterpolateConditions", "AverageConditions"])
def test_a_condition_of_another_model(kind, graph, fault):
    made = graph.steered()
    clip = graph.add("LoadAuxModel", file=CLIP)
    if kind == "EnergyCLIP":
        graph.add(kind, auxiliary=clip, condition=made.condition)
    else:
        words = graph.add("TextCondition", auxiliary=clip, prompts="red")
        graph.add(kind, first=made.condition, second=words)
    said = fault(graph, ConditionMismatch)
    assert "'digits-classifier'" in said
    assert "'toy-clip'" in said


def test_references_that_do_not_fit_the_samples(graph, fault):
    made = graph.models()
    made.energy = graph.add("EnergyPerceptual", images=pictures(graph, made, samples=2))
    start = graph.add("PriorInit", generator=made.generator, samples=3)
    graph.refined(made, start)
    said = fault(graph, ConditionMismatch)
    assert "The condition has 2 reference images and the batch 3 samples" in said


def test_views_without_any_operation(graph, fault):
    off = dict.fromkeys(("color", "translation", "resize", "cutout"), False)
    by_clip(graph, **off)
    assert "Operations (none)" in fault(graph, InvalidInput)


def test_an_inversion_with_nothing_to_compare_by(graph, fault):
    inverted(graph, perceptual_weight=0.0, pixel_weight=0.0)
    assert "Nothing to compare images by" in fault(graph, InvalidInput)


def test_an_encoder_that_is_not_there(graph, fault):
    inverted(graph, begin="encoder")
    assert "'digits-generator' has no encoder" in fault(graph, InvalidInput)
