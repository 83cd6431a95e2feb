"""Quality of the shipped avatars' models, on avatars that none was trained on."""

import json

import pytest
import torch
from latentsteer.core.auxiliaries import load_auxiliary
from latentsteer.core.chunking import Chunking
from latentsteer.core.conditions.prompts import text_condition
from latentsteer.core.energies.similarity import similarity
from latentsteer.core.generators import load_generator
from latentsteer.core.latents import Latents
from latentsteer.core.metrics.attributes import evaluate_attributes
from latentsteer.core.refine.first_order import FirstOrder
from latentsteer.core.refine.refinement import Refinement, refine
from latentsteer.core.refine.rules import Adam
from latentsteer.core.rng import SampleRng
from latentsteer.core.starts.candidates import from_prior
from latentsteer.core.zoo import avatar_captions
from latentsteer.core.zoo.avatar_words import UNSAID, worded
from latentsteer.core.zoo.avatars import ATTRIBUTES, visible
from latentsteer.core.zoo.shipped import HERE, embedded, reference_images
from numpy.random import default_rng

CPU = torch.device("cpu")
COUNT, SOME = 200, 100
CHUNKING = Chunking.of("fixed", (64, 64))


@pytest.fixture(scope="module")
def generator():
    return load_generator(embedded("avatars (embedded)"))


@pytest.fixture(scope="module")
def clip():
    return load_auxiliary(embedded("avatars CLIP (embedded)"))


@pytest.fixture(scope="module")
def judge():
    return load_auxiliary(embedded("avatars judge (embedded)"))


@pytest.fixture(scope="module")
def held():
    """Images, and their attributes."""
    images, values = reference_images("avatars held out (embedded)")
    shown = [
        {name: choices[n] for (name, choices), n in zip(ATTRIBUTES.items(), row, strict=True)}
        for row in values[:COUNT].tolist()
    ]
    return images[:COUNT], shown


@pytest.fixture(scope="module")
def encoded(generator, held):
    """Latents of the images."""
    with torch.no_grad():
        return generator.encode(held[0])


def shares(judge, images, shown):
    """Returns the accuracy of the judge for every attribute."""
    hits = judge.satisfied(images, [visible(avatar) for avatar in shown])
    return {
        name: sum(flags) / len(flags)
        for name in ATTRIBUTES
        if (flags := [hit[name] for hit in hits if name in hit])
    }


def test_the_judge_sees_what_is_there(judge, held):
    assert min(shares(judge, *held).values()) > 0.9


@torch.no_grad()
def test_the_generator_draws_again_what_its_encoder_saw(generator, judge, held, encoded):
    images, shown = (every[:SOME] for every in held)
    assert encoded.shape == (COUNT, generator.source.dim)
    drawn = generator(encoded[:SOME], SampleRng.of(0, SOME))
    assert float((drawn - images).abs().mean()) < 0.02
    assert min(shares(judge, drawn, shown).values()) > 0.8


def test_the_encoder_gives_latents_of_the_prior(encoded):
    """Mean and covariance of encoded images are those of N(0, I), up to their spread."""
    z = encoded.double()
    standard_error = COUNT**-0.5
    assert float(z.mean(dim=0).abs().max()) < 5 * standard_error
    assert 0.8 < float(z.std(dim=0).mean()) < 1.1


def test_captions_find_their_avatars(clip, held):
    images, shown = held
    rng = default_rng(0)
    texts = [
        worded({n: v for n, v in visible(a).items() if UNSAID.get(n) != v}, a, rng).text
        for a in shown
    ]
    with torch.no_grad():
        seen = torch.nn.functional.normalize(clip.embed(images), dim=1)
    said = torch.nn.functional.normalize(clip.texts(texts).embeddings, dim=1)
    right = torch.arange(COUNT)
    similarity_matrix = seen @ said.mT
    assert float((similarity_matrix.argmax(dim=1) == right).double().mean()) > 0.9
    assert float((similarity_matrix.argmax(dim=0) == right).double().mean()) > 0.9


def test_the_captions_are_as_their_script_makes_them():
    kept = json.loads((HERE / "avatar_captions.json").read_text(encoding="utf-8"))
    assert json.loads(json.dumps(avatar_captions.make_captions())) == kept
    can = avatar_captions.drawable()
    assert len(avatar_captions.captions()) == 48
    assert len(avatar_captions.colour_pairs()) == 30
    for prompt in avatar_captions.captions():
        assert len(prompt.constraints) >= 3
        assert all(value in can[name] for name, value in prompt.constraints.items())


def test_what_is_drawable_was_measured(judge):
    content = json.loads((HERE / "avatars_drawable.json").read_text(encoding="utf-8"))
    assert set(content["shares"]) == set(ATTRIBUTES)
    for name, found in content["shares"].items():
        assert tuple(found) == ATTRIBUTES[name]
        able = [value for value, share in found.items() if share >= content["threshold"]]
        assert able == content["drawable"][name]


def steered(generator, clip, texts, candidates, steps):
    """Refines the best of some samples of the prior by Adam; returns starts, results and trace."""
    energy = similarity(clip, text_condition(clip, "\n".join(texts)).condition)

    def drawn(candidates):
        rng = SampleRng.of(3, len(texts), "prior")
        settings = {"energy": energy, "chunking": CHUNKING, "device": CPU}
        start = from_prior(generator, rng, candidates=candidates, **settings)
        return Latents(start.values, start.chart, generator.id, generator.name, rng.rows)

    job = Refinement(
        title="words",
        generator=generator,
        energy=energy,
        refiner=FirstOrder(Adam(learning_rate=0.1)),
        steps=steps,
        seed=0,
        chunking=CHUNKING,
        device=CPU,
    )
    ended, trace = refine(job, drawn(candidates))
    return ended, drawn(1), trace


def test_a_text_pulls_avatars_towards_itself(generator, clip):
    _, _, trace = steered(generator, clip, avatar_captions.PROMPTS[:4], candidates=4, steps=8)
    assert trace.energies[-1].mean() < trace.energies[0].mean() - 0.05


@pytest.mark.slow
def test_words_steer_avatars(generator, clip, judge):
    """Best of 30 samples of the prior, then Adam, by a CLIP independent of the judge."""
    texts = [text for text in avatar_captions.PROMPTS for _ in range(2)]
    ended, unsteered, trace = steered(generator, clip, texts, candidates=30, steps=25)
    assert trace.energies[-1].mean() < trace.energies[0].mean() - 0.05

    @torch.no_grad()
    def satisfied(latents):
        images = generator(latents.values, SampleRng.of(0, len(latents)))
        found = evaluate_attributes(judge, images, texts=texts, chunking=CHUNKING, device=CPU)
        return found.satisfied

    # The intervals, of 95 per cent each, must not touch.
    assert satisfied(ended).low > satisfied(unsteered).high
