"""Energy Discriminator, Direction and Masked as conditions of a flow."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.energies.example import toy_clip
from latentsteer.core.energies.masked import known_error
from latentsteer.core.errors import ConditionMismatch, DomainMismatch, InvalidInput
from latentsteer.core.rng import SampleRng

from .krr_graphs import JUDGE, REAL, particles


def test_a_discriminators_energy_is_lowered(run, graph):
    made = graph.models()
    start = particles(graph, made)
    made.energy = graph.add("EnergyDiscriminator", generator=made.generator, weight=0.5)
    refined = graph.refined(made, start, "AdamRefine", steps=10, learning_rate=0.02)
    ran = run(graph)
    trace = ran.trace(refined)
    assert trace.energies[-1].mean() < trace.energies[0].mean() - 0.05
    logits = trace.after[f"logit({next(ran[made.energy].leaves()).label})"]
    torch.testing.assert_close(-0.5 * logits, trace.energies[-1])


@pytest.mark.parametrize(
    ("classes", "said"),
    [("3", "knows no classes"), ("a", "Class 'a'; expected numbers"), ("5-2", "Class '5-2'")],
)
def test_classes_that_do_not_go_are_refused(classes, said, graph, fault):
    made = graph.models()
    graph.add("EnergyDiscriminator", generator=made.generator, classes=classes)
    assert said in fault(graph, InvalidInput)


@pytest.fixture
def edit(graph, swapped):
    """A toy CLIP, a target and a neutral text."""
    swapped(replace(toy_clip(), logit_scale=20.0))
    made = graph.models(classifier=JUDGE)
    made.clip = made.classifier
    made.wanted, made.neutral = (
        graph.add("TextCondition", auxiliary=made.clip, prompts=text)
        for text in ("bright red", "red")
    )
    made.texts = {
        "auxiliary": made.clip,
        "condition": made.wanted,
        "neutral": made.neutral,
        "views": 0,
    }
    return made


@pytest.mark.parametrize("kind", ["image", "source", "global"])
def test_images_move_along_a_direction(kind, run, graph, edit):
    start = particles(graph, edit, samples=8)
    decoded = graph.add("Decode", generator=edit.generator, latents=start)
    edit.energy = graph.add(
        "EnergyDirection",
        **edit.texts,
        kind=kind,
        samples=64,
        images=decoded,
        generator=edit.generator,
    )
    measured = graph.add("EnergyDirection", **edit.texts, kind="image")
    refined = graph.refined(edit, start, "AdamRefine", steps=15, learning_rate=0.05)
    ran = run(graph)
    along = ran[measured].pullback(ran[edit.generator])
    before, after = (
        along(ran[link].values, ran[link].rng(0, "decode")) for link in (start, refined)
    )
    assert after.mean() < before.mean()
    assert ran.trace(refined).energies[-1].mean() < ran.trace(refined).energies[0].mean()


@pytest.mark.parametrize("kind", ["source", "global"])
def test_a_direction_without_what_it_needs_is_refused(kind, graph, fault, edit):
    graph.add("EnergyDirection", **edit.texts, kind=kind)
    assert "Connect" in fault(graph, InvalidInput)


def test_a_neutral_text_that_says_the_same_is_refused(graph, fault, edit):
    graph.add("EnergyDirection", **(edit.texts | {"neutral": edit.wanted}))
    assert "have the same embedding" in fault(graph, InvalidInput)


def test_a_clips_energy_may_be_its_logit(run, graph, edit):
    raw, scaled = (
        graph.add("EnergyCLIP", auxiliary=edit.clip, condition=edit.wanted, views=0, scale=scale)
        for scale in ("cosine", "logit scale")
    )
    ran = run(graph)
    images = torch.rand(2, 3, 7, 7, generator=torch.Generator().manual_seed(0))
    one, two = (ran[link](images, SampleRng.of(0, 2)) for link in (raw, scaled))
    torch.testing.assert_close(two, 20 * one)


# Inpainting


def holed(graph, made, hole=(10, 4, 8, 12), side=28):
    """A source image and a mask with a rectangular hole: width, height, x, y."""
    width, height, x, y = hole
    source = graph.add("ReferenceImages", reference=REAL, count=1)
    black = graph.add("SolidMask", value=0.0, width=side, height=side)
    white = graph.add("SolidMask", value=1.0, width=width, height=height)
    mask = graph.add("MaskComposite", destination=black, source=white, x=x, y=y, operation="add")
    return source, mask


def test_a_masked_energy_completes_images_and_the_host_pastes_the_known(run, graph):
    made = graph.models()
    source, mask = holed(graph, made)
    made.energy = graph.add("EnergyMasked", images=source, mask=mask, pixels=300.0)
    start = particles(graph, made, samples=4)
    refined = graph.refined(made, start, "AdamRefine", steps=120, learning_rate=0.1)
    decoded = graph.add("Decode", generator=made.generator, latents=refined)
    known = graph.add("InvertMask", mask=mask)
    pasted = graph.add("ImageCompositeMasked", destination=decoded, source=source, mask=known)
    shown = graph.add("MaskToImage", mask=mask)
    ran = run(graph)
    images, truth = (ran[link].movedim(3, 1) for link in (decoded, source))
    errors = known_error(images, truth, ran[mask])
    torch.testing.assert_close(errors, ran.trace(refined).after["error(known pixels)"])
    assert (errors < 0.6 * ran.trace(refined).before["error(known pixels)"]).all()
    inside = ran[mask][0] < 0.5
    put = ran[pasted]
    assert put.shape == ran[decoded].shape
    assert torch.equal(put[:, inside], ran[source][:, inside].expand(4, -1, -1))
    assert torch.equal(put[:, ~inside], ran[decoded][:, ~inside])
    assert ran[shown].shape == (1, 28, 28, 3)


@pytest.mark.parametrize(
    ("hole", "side", "error", "said"),
    [
        ((4, 4, 0, 0), 64, DomainMismatch, "The mask is 64 x 64 pixels and the source image 28"),
        ((4, 4, 28, 0), 28, InvalidInput, "Mask 0 is empty"),
        ((28, 28, 0, 0), 28, InvalidInput, "Mask 0 is full"),
    ],
)
def test_a_mask_that_does_not_go_is_refused(hole, side, error, said, graph, fault):
    made = graph.models()
    source, mask = holed(graph, made, hole, side)
    graph.add("EnergyMasked", images=source, mask=mask)
    assert said in fault(graph, error)


def test_as_many_masks_as_samples_are_needed(graph, fault):
    made = graph.models()
    _, mask = holed(graph, made)
    three = graph.add("ReferenceImages", reference=REAL, count=3)
    made.energy = graph.add("EnergyMasked", images=three, mask=mask)
    graph.refined(made, particles(graph, made, samples=2), "AdamRefine")
    assert "3 source images and the batch 2 samples" in fault(graph, ConditionMismatch)
