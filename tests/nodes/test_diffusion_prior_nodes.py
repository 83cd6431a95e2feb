"""The nodes of diffusion priors: training, files, and the generator with a prior."""

import pytest
import torch
from latentsteer.core.errors import GeneratorMismatch, InvalidInput
from latentsteer.core.identity import options_of
from latentsteer.nodes.standalone.errors import RunInterrupted

TITLE = "Train Diffusion Prior"
SMALL = {"steps": 12, "batch_size": 16, "width": 8, "depth": 1, "seed": 5}


@pytest.fixture
def training(new_graph):
    """Returns a graph that trains a prior of the digits' latents, its generator and its link."""

    def go(**changes):
        graph = new_graph()
        generator = graph.add("LoadGenerator", file="digits (embedded)")
        classifier = graph.add("LoadAuxModel", file="digits classifier (embedded)")
        models = {"generator": generator, "auxiliary": classifier}
        pairs = graph.add("SynthesisePairs", **models, count=100)
        given = {"generator": generator, "pairs": pairs, **SMALL, **changes}
        return graph, generator, graph.add("TrainDiffusionPrior", **given)

    return go


def equal(one, other):
    own, theirs = one.network.state_dict(), other.network.state_dict()
    return all(torch.equal(own[name], theirs[name]) for name in own)


def test_a_prior_is_trained_saved_loaded_and_sampled(training, run, new_graph):
    graph, generator, trained = training()
    saved = graph.add("SaveDiffusionPrior", prior=trained, name="tiny prior")
    ran = run(graph)
    prior = ran[trained]
    prior.check(ran[generator])
    text = ran.ui(trained)["text"][0]
    assert text.startswith("12 steps on 95 latents, loss ")
    assert "on 5 held-out latents (a normal law" in text
    assert ran.ui(saved)["text"][0].endswith("tiny prior.safetensors")

    graph = new_graph()
    generator = graph.add("LoadGenerator", file="digits (embedded)")
    loaded = graph.add("LoadDiffusionPrior", file="tiny prior.safetensors")
    links = {}
    for latents in ("noise", "clean"):
        settings = {"generator": generator, "prior": loaded, "steps": 4, "latents": latents}
        made = graph.add("PriorGenerator", **settings)
        start = graph.add("PriorInit", generator=made, samples=3, seed=1)
        links[latents] = made, start, graph.add("Decode", generator=made, latents=start)
    ran = run(graph)
    assert equal(ran[loaded], prior)
    assert ran[loaded].id == prior.id
    assert "latents of digits" in ran.ui(loaded)["text"][0]
    noisy, clean = (ran[links[latents][0]] for latents in ("noise", "clean"))
    assert clean.id == ran[generator].id
    assert (noisy.id, options_of(noisy.id)) == (prior.id, {"steps": 4, "eta": 0.0})
    # The same streams draw the noise of both.
    torch.testing.assert_close(ran[links["noise"][2]], ran[links["clean"][2]])
    assert not torch.equal(ran[links["noise"][1]].values, ran[links["clean"][1]].values)


def test_images_are_encoded_by_the_generator(new_graph, run):
    graph = new_graph()
    generator = graph.add("LoadGenerator", file="avatars (embedded)")
    start = graph.add("PriorInit", generator=generator, samples=10)
    images = graph.add("Decode", generator=generator, latents=start)
    given = {"generator": generator, "images": images, **SMALL}
    trained = graph.add("TrainDiffusionPrior", **given, whitening="none", held_out=0.5)
    ran = run(graph)
    assert ran.ui(trained)["text"][0].startswith("12 steps on 5 latents")
    assert ran[trained].base == ran[generator].id
    assert ran[trained].space == ran[generator].source


@pytest.mark.bits
def test_an_interrupted_training_goes_on(training, run, new_host, at_step, out):
    graph, _, link = training()
    whole = run(graph)[link]
    at_step(TITLE, 7, lambda host: host.request_interrupt())
    host = new_host()
    with pytest.raises(RunInterrupted, match="TrainDiffusionPrior") as caught:
        run(training()[0], host)
    (path,) = (out / "interrupted" / "trainings").iterdir()
    assert list(caught.value.files) == [path]
    graph, _, link = training()
    ran = run(graph)
    assert "resumed after 7" in ran.ui(link)["text"][0]
    assert equal(ran[link], whole)
    assert list(path.parent.iterdir()) == []


def test_training_needs_images_or_pairs(new_graph, fault):
    graph = new_graph()
    generator = graph.add("LoadGenerator", file="digits (embedded)")
    graph.add("TrainDiffusionPrior", generator=generator, **SMALL)
    assert "takes `images` or `pairs`; neither is connected" in fault(graph, InvalidInput)


def test_images_need_an_encoder(new_graph, fault):
    graph = new_graph()
    generator = graph.add("LoadGenerator", file="digits (embedded)")
    images = graph.add("ReferenceImages", reference="digits held out (embedded)", count=2)
    graph.add("TrainDiffusionPrior", generator=generator, images=images, **SMALL)
    message = fault(graph, InvalidInput)
    assert "has no encoder" in message
    assert "`avatars (embedded)`" in message


def test_pairs_of_another_generator_are_refused(new_graph, fault):
    graph = new_graph()
    generator = graph.add("LoadGenerator", file="avatars (embedded)")
    pairs = graph.add("LoadPairs", file="digits pairs (embedded)")
    graph.add("TrainDiffusionPrior", generator=generator, pairs=pairs, **SMALL)
    assert "The pairs are of another generator" in fault(graph, GeneratorMismatch)


def test_a_prior_of_another_generator_is_refused(training, fault):
    graph, _, trained = training(steps=1)
    avatars = graph.add("LoadGenerator", file="avatars (embedded)")
    graph.add("PriorGenerator", generator=avatars, prior=trained)
    assert "models the latents of 'digits" in fault(graph, GeneratorMismatch)
