"""DF-GAN: the authors' outputs, its text encoder and vocabulary, and what is missing or wrong."""

import json
import pickle

import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.checkpoints.architecture import detect
from latentsteer.core.checkpoints.parity import compared
from latentsteer.core.errors import CheckpointError, GeneratorMismatch, InvalidInput
from latentsteer.core.generator import Given
from latentsteer.core.generators import PARTS, open_generator
from latentsteer.core.generators.dfgan.official import EARLY_GENERATOR, GENERATOR
from latentsteer.core.generators.dfgan.text import TEXT_ENCODER
from latentsteer.core.identity import options_of
from latentsteer.core.latents import Latents
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import Identity

from ..example_files import randomised, tensors_of
from .drawn_files import arrays_of, assert_outputs_agree, written

WORDS = {"<end>": 0, "a": 1, "small": 2, "red": 3, "bird": 4}
FAMILIES = {"2022": GENERATOR, "2021": EARLY_GENERATOR}


def captions(path, words=WORDS):
    """A pickle of captions in the authors' form."""
    listed = [[[1, 4], [2, 4]], [[1]], {n: word for word, n in words.items()}, words]
    path.write_bytes(pickle.dumps(listed, protocol=2))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A generator's file without its text encoder, which lies beside it with the captions."""
    monkeypatch.setenv("LATENTSTEER_CACHE", str(tmp_path / "cache"))
    encoder = randomised(TEXT_ENCODER.examples[0]())
    for form, architecture in FAMILIES.items():
        whole = tensors_of(randomised(architecture.examples[0]()))
        own = {n: t for n, t in whole.items() if not n.startswith(("text_encoder.", "netD."))}
        (tmp_path / form).mkdir()
        checkpoints.write(tmp_path / form / "netG_9.safetensors", own)
        checkpoints.write(tmp_path / form / "text_encoder200.safetensors", tensors_of(encoder))
        captions(tmp_path / form / "captions_DAMSM.pickle")
        judge = {n.removeprefix("netD."): t for n, t in whole.items() if n.startswith("netD.")}
        if judge:
            checkpoints.write(tmp_path / form / "netD_9.safetensors", judge)
    return tmp_path


def opened(folder, form="2022", sentence="a small red bird", **options):
    found = open_generator(folder / form / "netG_9.safetensors", options)
    return found.given(Given(sentence=sentence))


def images_of(generator, count=2):
    z = generator.prior.sample(SampleRng.of(0, count), torch.empty(0))
    with torch.no_grad():
        return generator(z, SampleRng.of(0, count))


@pytest.mark.parametrize(("name", "outputs"), [("dfgan_2022", "img D"), ("dfgan_2021", "img")])
def test_the_outputs_are_those_of_the_authors_code(name, outputs, tmp_path):
    assert_outputs_agree(written(name, tmp_path / "file.safetensors"), name, outputs.split())


def test_the_text_encoder_is_that_of_the_authors_code(tmp_path):
    checkpoint = checkpoints.read(written("dfgan_text", tmp_path / "file.safetensors"))
    architecture = detect(checkpoint, PARTS)
    assert architecture is TEXT_ENCODER
    found = compared(checkpoint, architecture, arrays_of("dfgan_text"))
    assert [c.name for c in found if c.holds] == ["words", "sent"]


@pytest.mark.parametrize("form", FAMILIES)
def test_a_sentence_gives_a_plain_generator_of_its_images(form, folder):
    one, same, other = (opened(folder, form, s) for s in ("a red bird", "A red bird!", "a bird"))
    assert torch.equal(images_of(one), images_of(same))
    assert not torch.equal(images_of(one), images_of(other))
    options = options_of(one.id)
    assert options["sentence"] == "a red bird"
    assert {"text_encoder", "vocabulary"} <= options.keys()
    z = one.prior.sample(SampleRng.of(0, 2), torch.empty(0))
    latents = Latents(z, Identity(one.source), one.id, one.name, (0, 1))
    latents.check_generator(one)
    with pytest.raises(GeneratorMismatch, match="a red bird"):
        latents.check_generator(other)


@pytest.mark.parametrize("form", FAMILIES)
def test_the_discriminator_compares_an_image_with_the_sentence(form, folder):
    one, other = (opened(folder, form, sentence) for sentence in ("a red bird", "a bird"))
    images = images_of(one)
    assert not torch.equal(one.discriminator.logits(images), other.discriminator.logits(images))


def test_unknown_words_are_left_out(folder):
    known, beyond = (opened(folder, sentence=s) for s in ("a bird", "a zebra-striped bird"))
    assert torch.equal(images_of(known), images_of(beyond))
    with pytest.raises(InvalidInput, match=r"no word that .* knows 5 words, such as a, small"):
        opened(folder, sentence="Zebras, 42 ...")


def test_truncation_scales_the_prior(folder):
    drawn = {
        psi: opened(folder, psi=psi).prior.sample(SampleRng.of(0, 99), torch.empty(0))
        for psi in (0.5, 1.0)
    }
    assert torch.equal(2 * drawn[0.5], drawn[1.0])
    assert 1.9 < drawn[1.0].abs().max() <= 2
    assert str(opened(folder).prior) == "z ~ 0.88 x truncnorm[-2, 2]"
    with pytest.raises(InvalidInput, match=r"psi is 1\.5"):
        opened(folder, psi=1.5)


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("text_encoder200.safetensors", r"text encoder is missing\. Put .* the same folder"),
        ("captions_DAMSM.pickle", r"text encoder without its vocabulary"),
    ],
)
def test_a_missing_half_is_named_once_a_sentence_is_given(missing, message, folder):
    (folder / "2022" / missing).unlink()
    found = open_generator(folder / "2022" / "netG_9.safetensors")
    with pytest.raises(CheckpointError, match=message):
        found.given(Given(sentence="a bird"))
    checkpoint = checkpoints.read(folder / "2022" / "netG_9.safetensors")
    assert "missing: put it into the same folder" in GENERATOR.facts(checkpoint).values()


def test_words_come_from_json_as_well(folder):
    expected = images_of(opened(folder))
    (folder / "2022" / "captions_DAMSM.pickle").unlink()
    (folder / "2022" / "vocabulary.json").write_text(json.dumps({"words": list(WORDS)}))
    assert torch.equal(images_of(opened(folder)), expected)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "captions_DAMSM"),
        (lambda path: path.write_bytes(pickle.dumps([[], [], {}])), "not a pickle of captions"),
        (lambda path: path.write_bytes(b"cos\nsystem\n(S'true'\ntR."), "captions_DAMSM"),
        (lambda path: captions(path, {"bird": -1}), r"the entry 'bird': -1"),
        (lambda path: captions(path, {}), "has no vocabulary"),
        (lambda path: captions(path, {"bird": 5}), r"up to 5, but its text encoder has .* of 5"),
    ],
    ids=["truncated", "short", "hostile", "negative", "empty", "too many"],
)
def test_a_wrong_vocabulary_is_refused(spoil, message, folder):
    spoil(folder / "2022" / "captions_DAMSM.pickle")
    with pytest.raises(CheckpointError, match=message):
        opened(folder)


def test_a_wrong_text_encoder_is_refused(folder):
    path = folder / "2022" / "text_encoder200.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match="text_encoder200"):
        opened(folder)
    tensors = tensors_of(TEXT_ENCODER.examples[0]())
    checkpoints.write(path, {n: t for n, t in tensors.items() if not n.endswith("reverse")})
    with pytest.raises(CheckpointError, match=r"makes vectors of 2 numbers, .* takes 4"):
        opened(folder)
    checkpoints.write(path, {"strange": torch.zeros(1)})
    with pytest.raises(CheckpointError, match="not a text encoder of DF-GAN"):
        opened(folder)


def test_of_two_text_encoders_the_one_with_the_generators_first_word_is_taken(folder):
    place = folder / "2022"
    other = place / "bird_text_encoder.safetensors"
    other.write_bytes((place / "text_encoder200.safetensors").read_bytes())
    with pytest.raises(CheckpointError, match=r"several files .* a folder of its own"):
        opened(folder)
    (place / "bird_G.safetensors").write_bytes((place / "netG_9.safetensors").read_bytes())
    assert open_generator(place / "bird_G.safetensors").given(Given(sentence="a bird"))
