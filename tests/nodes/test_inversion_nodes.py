"""Image to Latents."""

import pytest
import torch
from latentsteer.core.errors import InvalidInput, ResumeMismatch
from latentsteer.nodes.images import shaped
from latentsteer.nodes.standalone.errors import NodeError, RunInterrupted

from .clip_graphs import inverted

pytestmark = pytest.mark.usefixtures("toy")


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


def test_an_inversion_with_nothing_to_compare_by(graph, fault):
    inverted(graph, perceptual_weight=0.0, pixel_weight=0.0)
    assert "Nothing to compare images by" in fault(graph, InvalidInput)


def test_an_encoder_that_is_not_there(graph, fault):
    inverted(graph, begin="encoder")
    assert "'digits-generator' has no encoder" in fault(graph, InvalidInput)


def test_images_of_another_shape_are_cropped_padded_or_stretched(graph, run):
    made = graph.models()
    generator = run(graph)[made.generator]
    height, width = generator.image_size
    tall = torch.rand(1, 2 * height, width, 3, generator=torch.Generator().manual_seed(0))
    kept = tall.movedim(3, 1)
    middle = kept[:, :, height // 2 : height // 2 + height]
    assert torch.equal(shaped(tall, generator, "stretch"), kept)
    assert torch.equal(shaped(tall, generator, "crop"), middle)
    padded = shaped(tall, generator, "pad")
    assert padded.shape[2:] == (height, width)
    # The columns left and right of it repeat its own outermost ones.
    assert torch.allclose(padded[..., 0], padded[..., 1], atol=1e-6)


def test_an_inversion_takes_the_image_that_the_fit_makes(graph, run):
    plain = inverted(graph, steps=0, begin="mean", candidates=1)
    cropped = inverted(graph, steps=0, begin="mean", candidates=1, fit="crop")
    ran = run(graph)
    # Images of the generator's shape are the same in every way.
    assert (
        ran.trace(plain.latents)
        .before["energy"]
        .equal(ran.trace(cropped.latents).before["energy"])
    )
