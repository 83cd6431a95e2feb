"""Compose Fuse on the embedded digits: results, resumption and errors."""

import pytest
import torch
from latentsteer.core.errors import (
    ConditionMismatch,
    GeneratorMismatch,
    InvalidInput,
    ResumeMismatch,
)
from latentsteer.core.latent_files import load_latents
from latentsteer.nodes.standalone.errors import NodeError, RunInterrupted, WorkflowError

OTHER = "other.safetensors"
STEPS = 3
LABEL = "Compose Fuse"


def composed(graph, *, classes="3, 5", numbers=(2, 2), made=None, **inputs):
    """A composition of samples of the prior; returns a link to the first output of the node."""
    made = made or graph.steered(classes)
    halves = {
        name: graph.add("PriorInit", generator=made.generator, samples=count, seed=seed)
        for seed, (name, count) in enumerate(
            zip(("foreground", "background"), numbers, strict=True)
        )
    }
    defaults = {"scales": "0.6", "places": "centre", "steps": STEPS, "learning_rate": 0.05}
    return graph.add(
        "ComposeFuse",
        generator=made.generator,
        energy=made.energy,
        **{**halves, **defaults, **inputs},
    )


def out_of(ran, node, number):
    return ran[[node[0], number]]


def test_its_outputs(run, graph):
    node = composed(graph, scales="0.6, 0.5", places="all nine", blend="none")
    ran = run(graph)
    images, mask, front, back, placement, trace = (out_of(ran, node, n) for n in range(6))
    assert images.shape == (2, 28, 28, 3)
    assert images.dtype == mask.dtype == torch.float32
    assert mask.shape == (2, 28, 28)
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    assert len(front) == len(back) == 2
    assert trace.energies.shape == (STEPS + 1, 36)
    assert "foreground to background(pixels)" in trace.after
    lines = placement.splitlines()
    for line, own in zip(lines, mask, strict=True):
        scale, place = line.split(" ", 1)
        side = round(float(scale) * 28)
        assert own.sum() == side * side
        assert bool(own[0].any()) is place.startswith("top")
        assert bool(own[:, -1].any()) is place.endswith("right")
    (text,) = ran.ui(node)["text"]
    assert text.startswith(f"sample 0: {lines[0]}, energy ")
    assert "best of 18; it rose in " in text
    assert text.endswith("compared by pixels alone: no backbone, and no CLIP is connected")


def test_the_images_are_those_of_its_latents(run, graph):
    made = graph.steered()
    node = composed(graph, made=made, blend="none")
    decoded = graph.add("Decode", generator=made.generator, latents=[node[0], 3])
    ran = run(graph)
    outside = out_of(ran, node, 1) == 0
    assert torch.allclose(ran[node][outside], ran[decoded][outside], atol=1e-6)


def test_it_lowers_the_energy(run, graph):
    node = composed(graph, steps=12)
    trace = out_of(run(graph), node, 5)
    assert bool((trace.energies[-1] < trace.energies[0]).all())


def test_previews_are_no_setting_and_a_seed_is(run, new_graph):
    def energies(**inputs):
        graph = new_graph()
        made = graph.models()
        made.condition = graph.add("ClassCondition", auxiliary=made.classifier, classes="3, 5")
        made.energy = graph.add(
            "EnergyClassifier", auxiliary=made.classifier, condition=made.condition, views=2
        )
        node = composed(graph, made=made, **inputs)
        return out_of(run(graph), node, 5).energies

    base = energies()
    assert torch.equal(base, energies(preview_every=1))
    assert not torch.equal(base, energies(seed=1))


@pytest.mark.bits
@pytest.mark.parametrize("step", [1, STEPS])
def test_a_stopped_composition_goes_on_to_the_same_bits(
    step, run, new_graph, new_host, at_step, out
):
    graph = new_graph()
    first = composed(graph)
    whole = run(graph)
    at_step(LABEL, step, lambda host: host.request_interrupt())
    host = new_host()
    with pytest.raises(RunInterrupted):
        run(graph, host)
    (path,) = (out / "interrupted").iterdir()
    assert host.interrupted_files == [path]
    assert load_latents(path).interrupted.snapshot.state.step == step

    def resumed(**changes):
        graph = new_graph()
        loaded = graph.add("LoadLatents", file=path.relative_to(out).as_posix())
        return graph, composed(graph, interrupted=loaded, **changes)

    graph, node = resumed()
    again = run(graph)
    for number in range(2):
        assert torch.equal(out_of(again, node, number), out_of(whole, first, number))
    for number in (2, 3):
        values = out_of(whole, first, number).values
        assert torch.equal(out_of(again, node, number).values, values)
    graph, node = resumed(learning_rate=0.1)
    with pytest.raises(NodeError, match=r"learning_rate: 0\.05 then, 0\.1 now") as caught:
        run(graph)
    assert isinstance(caught.value.__cause__, ResumeMismatch)
    graph, node = resumed(scales="0.5")
    with pytest.raises(NodeError, match="composition of") as caught:
        run(graph)
    assert isinstance(caught.value.__cause__, GeneratorMismatch)


@pytest.mark.parametrize(
    ("scales", "says"),
    [
        ("1.5", "Scale 1.5 of the foreground; expected a number above 0 and below 1"),
        ("0.5, 1", "the foreground must be smaller than the background"),
        ("0", "Scale 0 of the foreground"),
        ("nan", "Scale nan of the foreground"),
        ("", "No scale of the foreground given"),
        (" , ", "No scale of the foreground given"),
        ("half", "Scales 'half'; expected numbers above 0 and below 1"),
        ("0.99", "covers the whole background"),
    ],
)
def test_scales_out_of_range(scales, says, fault, graph):
    composed(graph, scales=scales)
    assert says in fault(graph, InvalidInput)


def test_another_number_of_backgrounds(fault, graph):
    composed(graph, classes="3", numbers=(2, 3))
    assert "2 foregrounds and 3 backgrounds; expected equal numbers" in fault(graph, InvalidInput)


def test_a_condition_of_other_rows(fault, graph):
    composed(graph, classes="1, 2, 3")
    assert "3 rows and the batch 2 samples" in fault(graph, ConditionMismatch)


@pytest.mark.parametrize("half", ["foreground", "background"])
def test_latents_of_another_generator(half, fault, graph):
    stranger = graph.add("LoadGenerator", file=OTHER)
    latents = graph.add("PriorInit", generator=stranger, samples=2)
    composed(graph, **{half: latents})
    said = fault(graph, GeneratorMismatch)
    assert "are of generator" in said or "is of generator" in said
    assert "other" in said


def test_a_missing_file_of_lpips(run, graph):
    composed(graph, backbone="gone.pth")
    with pytest.raises(WorkflowError, match=r"There is no model 'gone\.pth'"):
        run(graph)


def test_an_auxiliary_that_is_no_clip(fault, graph):
    made = graph.steered()
    composed(graph, made=made, auxiliary=made.classifier)
    assert ", not a CLIP" in fault(graph, ConditionMismatch)
