"""Give Inputs: a generator that needs an image and a mask, from the file to its images."""

import numpy as np
import pytest
import torch
from latentsteer.core import generators
from latentsteer.core.identity import options_of
from latentsteer.nodes.standalone.errors import NodeError
from PIL import Image

from ..core.conditional_toy import FILLER, SIDE
from ..core.example_files import randomised, written

HALF = SIDE // 2


@pytest.fixture
def host(tmp_path, new_host, monkeypatch):
    """A host with a file of the toy family, and pictures whose holes are transparent."""
    monkeypatch.setattr(generators, "ARCHITECTURES", (FILLER, *generators.ARCHITECTURES))
    base = tmp_path / "own"
    folder = base / "models" / "latentsteer_generators"
    written(randomised(FILLER.examples[0]()), folder / "filler.safetensors")
    (base / "input").mkdir()
    for name, hole, height in (("half", HALF, SIDE), ("whole", 0, SIDE), ("high", HALF, 2 * SIDE)):
        pixels = np.full((height, SIDE, 4), 255, dtype=np.uint8)
        pixels[..., :3] = 51
        pixels[:, :hole, 3] = 0
        Image.fromarray(pixels).save(base / "input" / f"{name}.png")
    return new_host(base)


@pytest.fixture
def filler(graph):
    return graph.add("LoadGenerator", file="filler.safetensors")


def given(graph, generator, picture="half", **others):
    """Gives a generator a picture and its hole."""
    number, _ = graph.add("LoadImage", image=f"{picture}.png")
    inputs = {"image": [number, 0], "mask": [number, 1], **others}
    kept = {name: link for name, link in inputs.items() if link is not None}
    return graph.add("GiveInputs", generator=generator, **kept)


def test_the_result_is_sampled_and_decoded_as_any_generator(host, filler, run, graph):
    generator = given(graph, filler)
    start = graph.add("PriorInit", generator=generator, samples=2)
    decoded = graph.add("Decode", generator=generator, latents=start)
    ran = run(graph, host)
    assert ran[decoded].shape == (2, SIDE, SIDE, 3)
    assert torch.equal(ran[decoded][:, :, HALF:], torch.full((2, SIDE, HALF, 3), 51 / 255))
    assert ran[decoded][:, :, :HALF].std() > 0.01
    assert set(options_of(ran[generator].id)) == {"image", "mask"}


@pytest.mark.parametrize("kind", ["PriorInit", "Decode"])
def test_other_nodes_name_the_inputs_and_the_cure(kind, host, filler, run, graph):
    inputs = {}
    if kind == "Decode":
        inputs["latents"] = graph.add("PriorInit", generator=given(graph, filler))
    graph.add(kind, generator=filler, **inputs)
    with pytest.raises(NodeError, match=r"needs an image and a mask\. .* with Give Inputs"):
        run(graph, host)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"mask": None}, "Missing: a mask"),
        ({"sentence": "a cat"}, "leave out sentence"),
        ({"picture": "whole"}, "all known"),
        ({"picture": "high"}, "8 x 8 pixels"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(changed, message, host, filler, run, graph):
    given(graph, filler, **changed)
    with pytest.raises(NodeError, match=message):
        run(graph, host)


def test_a_plain_generator_needs_no_inputs(host, run, graph):
    given(graph, graph.add("LoadGenerator", file="digits (embedded)"))
    with pytest.raises(NodeError, match="needs no inputs"):
        run(graph, host)
