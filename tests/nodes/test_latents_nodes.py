"""Latents that nodes save, load, decode and stack."""

import pytest
import torch
from latentsteer.core.errors import GeneratorMismatch, InvalidInput
from latentsteer.core.latents import Latents
from latentsteer.core.rng import SampleRng

from .clip_graphs import by_clip

OTHER = "other.safetensors"


def test_kept_latents_come_back_as_they_were(new_graph, run, out):
    first = new_graph()
    made = first.steered("2, 7")
    basis = first.from_translator(made, mode="basis", weights="softmax")
    picked = first.add("SelectLatents", batch=basis, rows="1")
    saved = first.add("SaveLatents", latents=picked, name="mine")
    ran = run(first)
    file = out / "latents" / "mine_00001.safetensors"
    assert ran.ui(saved)["text"] == (f"saved as {file}",)
    assert ran[saved] is ran[picked]
    second = new_graph()
    loaded = second.add("LoadLatents", file="latents/mine_00001.safetensors")
    back = run(second)[loaded]
    assert isinstance(back, Latents)
    assert torch.equal(back.values, ran[picked].values)
    assert back.chart == ran[picked].chart
    assert back.samples == (1,)
    assert (back.generator, back.interrupted) == (ran[picked].generator, None)
    run(first)
    assert sorted(p.name for p in file.parent.iterdir()) == [
        "mine_00001.safetensors",
        "mine_00002.safetensors",
    ]


def test_load_latents_offers_the_newest_first(new_graph, run, new_host, out):
    import os

    from latentsteer.nodes.latents.load import LoadLatents
    from latentsteer.nodes.standalone.host import use

    graph = new_graph()
    made = graph.steered()
    start = graph.from_prior(made)
    for name in ("older", "newer"):
        graph.add("SaveLatents", latents=start, name=name)
    run(graph)
    folder = out / "latents"
    os.utime(folder / "older_00001.safetensors", (1, 1))
    with use(new_host()):
        (widget,) = LoadLatents.define_schema().inputs
    assert widget.options == ["latents/newer_00001.safetensors", "latents/older_00001.safetensors"]


def test_decode_shows_grey_digits_in_three_equal_channels(graph, run):
    made = graph.steered("0-9")
    start = graph.from_prior(made)
    fixed = graph.add("Decode", generator=made.generator, latents=start)
    fast = graph.add("Decode", generator=made.generator, latents=start, chunk="fast")
    ran = run(graph)
    images = ran[fixed]
    assert images.shape == (10, 28, 28, 3)
    assert images.dtype == torch.float32
    assert 0 <= images.min() < images.max() <= 1
    assert torch.equal(images[..., 0], images[..., 1])
    assert torch.equal(images[..., 0], images[..., 2])
    torch.testing.assert_close(ran[fast], images, rtol=0, atol=1e-5)
    own = ran[made.generator](ran[start].values[:8], SampleRng.of(0, 8))
    assert torch.equal(own.movedim(1, 3), images[:8])


def test_a_grid_has_a_row_per_class(graph, run):
    made = graph.steered("1, 4", each=3)
    images = graph.add("Decode", generator=made.generator, latents=graph.from_prior(made))
    rows = graph.add("ImageGrid", images=images, columns=3)
    square = graph.add("ImageGrid", images=images)
    four = graph.add("ImageGrid", images=images, columns=4)
    large = graph.add("ImageGrid", images=images, columns=3, enlarge=4)
    ran = run(graph)
    assert ran[rows].shape == (1, 2 * 29 - 1, 3 * 29 - 1, 3)
    assert torch.equal(ran.result.outputs[rows[0]][1], ran[images])
    assert ran[square].shape == ran[rows].shape
    assert ran[four].shape == (1, 2 * 29 - 1, 4 * 29 - 1, 3)
    assert ran[large].shape == (1, 4 * (2 * 29 - 1), 4 * (3 * 29 - 1), 3)
    assert torch.equal(ran.result.outputs[large[0]][1], ran[images])
    less = ran[large].unflatten(2, (-1, 4)).unflatten(1, (-1, 4)).mean(dim=(2, 4))
    assert (less - ran[rows]).abs().mean() < 0.05
    seen = ran[rows][0, 29:, 29:57]
    torch.testing.assert_close(seen, ran[images][4], rtol=0, atol=1 / 255)


@pytest.mark.usefixtures("toy")
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
