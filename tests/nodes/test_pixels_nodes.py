"""Image Gradient Step, Best Images, Stack Images, Plain and Interpolate Latents on the canvas."""

import torch
from latentsteer.core.errors import DomainMismatch, InvalidInput
from latentsteer.core.rng import SampleRng
from latentsteer.nodes.refine.pixels import ImageGradientStep
from latentsteer.nodes.report.best import BestImages
from latentsteer.nodes.report.stack import StackImages


def pictures(graph, made, samples=3, seed=7):
    """Returns images of the generator."""
    drawn = graph.add("PriorInit", generator=made.generator, samples=samples, seed=seed)
    return graph.add("Decode", generator=made.generator, latents=drawn)


def scores(ran, made, images):
    energy = ran[made.energy]
    return energy(ran[images].movedim(3, 1), SampleRng.of(0, len(ran[images])))


def test_a_change_that_is_hardly_seen_lowers_the_energy(graph, run):
    made = graph.steered("3")
    given = pictures(graph, made)
    changed = graph.add("ImageGradientStep", images=given, energy=made.energy, epsilon=0.05)
    ran = run(graph)
    assert (scores(ran, made, changed) < scores(ran, made, given)).all()
    difference = (ran[changed] - ran[given]).abs()
    assert 0 < difference.max() <= 0.05 + 1e-6
    assert not ran[changed].is_inference()


def test_the_best_images_are_those_of_lowest_energy(graph, run):
    made = graph.steered("3")
    given = pictures(graph, made, samples=6)
    best = graph.add("BestImages", images=given, energy=made.energy, keep=2)
    ran = run(graph)
    order = scores(ran, made, given).argsort()[:2]
    assert torch.equal(ran[best], ran[given][order])
    (text,) = ran.ui(best)["text"]
    assert text.startswith(f"image {int(order[0])}: energy ")


def test_images_of_one_size_stack_and_others_do_not(graph, run, fault):
    made = graph.models()
    few, more = pictures(graph, made, 1), pictures(graph, made, 2, seed=1)
    both = graph.add("StackImages", first=few, second=more)
    ran = run(graph)
    assert torch.equal(ran[both], torch.cat([ran[few], ran[more]]))
    large = graph.add("ImageScaleBy", image=more, upscale_method="bilinear", scale_by=2.0)
    graph.add("StackImages", first=few, second=large)
    assert "28x28 and of 56x56 pixels cannot be stacked" in fault(graph, InvalidInput)


def test_latents_of_two_charts_stack_once_they_are_plain(graph, run, fault):
    made = graph.steered("3, 5")
    prior = graph.from_prior(made)
    over = graph.from_translator(made, mode="basis")
    plain = graph.add("PlainLatents", batch=over)
    way = graph.add("InterpolateLatents", first=prior, second=over, frames=3)
    strip = graph.add("StackLatents", first=prior, second=plain)
    seen = {
        name: graph.add("Decode", generator=made.generator, latents=latents)
        for name, latents in (("over", over), ("plain", plain), ("way", way), ("strip", strip))
    }
    ran = run(graph)
    torch.testing.assert_close(ran[seen["plain"]], ran[seen["over"]])
    assert len(ran[seen["strip"]]) == 4
    ends = ran[seen["way"]][[2, 5]]
    torch.testing.assert_close(ends, ran[seen["over"]], rtol=1e-4, atol=1e-4)
    graph.add("StackLatents", first=prior, second=over)
    assert "first, with Plain Latents" in fault(graph, InvalidInput)


def test_an_energy_of_latents_needs_a_generator(graph, fault):
    made = graph.steered("3")
    energy = graph.add("EnergyPrior", generator=made.generator, energy=made.energy)
    graph.add("ImageGradientStep", images=pictures(graph, made), energy=energy)
    assert "there is no generator here" in fault(graph, DomainMismatch)


def test_what_was_made_in_inference_mode_is_taken(graph, run):
    """As the host's own nodes make it."""
    made = graph.steered("3")
    given = pictures(graph, made)
    ran = run(graph)
    with torch.inference_mode():
        images = ran[given] * 1.0
        (moved,) = ImageGradientStep.execute(images, ran[made.energy], 0, 0.02, 1, "fixed").result
        (best,) = BestImages.execute(images, ran[made.energy], 0, 1, 1, "fixed").result
        (stacked,) = StackImages.execute(images, best).result
    assert [len(batch) for batch in (moved, best, stacked)] == [3, 1, 4]
    assert not any(batch.is_inference() for batch in (moved, best, stacked))
