"""Steering by images: conditions and the perceptual energy."""

import shutil
from dataclasses import replace

import pytest
import torch
from latentsteer.core.energies.example import toy_clip
from latentsteer.core.errors import CheckpointError, ConditionMismatch
from latentsteer.core.rng import SampleRng
from latentsteer.nodes.standalone.errors import NodeError, WorkflowError
from latentsteer.nodes.standalone.host import use

from .clip_graphs import CLIP, pictures

pytestmark = pytest.mark.usefixtures("toy")


def executed(node, *args, **kwargs):
    """A node outside of a graph, in inference mode as hosts run it."""
    with torch.inference_mode():
        return node.execute(*args, **kwargs)


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


def test_a_clip_without_feature_maps_leaves_the_pixels(graph, run, swapped):
    swapped(replace(toy_clip(), stages=None))
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


def test_references_that_do_not_fit_the_samples(graph, fault):
    made = graph.models()
    made.energy = graph.add("EnergyPerceptual", images=pictures(graph, made, samples=2))
    start = graph.add("PriorInit", generator=made.generator, samples=3)
    graph.refined(made, start)
    said = fault(graph, ConditionMismatch)
    assert "The condition has 2 reference images and the batch 3 samples" in said
