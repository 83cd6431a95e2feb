"""Generators that need inputs: their errors, and the plain generators that they become."""

import pytest
import torch
from latentsteer.core import generators
from latentsteer.core.errors import GeneratorMismatch, InvalidInput
from latentsteer.core.generator import ConditionalGenerator, Generator, Given
from latentsteer.core.identity import options_of
from latentsteer.core.latents import Latents
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import Identity

from .conditional_toy import DIM, FILLER, SIDE, Filler, grey_image, inputs, left_half
from .example_files import opened, randomised, written


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(generators, "ARCHITECTURES", (FILLER,))
    return written(randomised(FILLER.examples[0]()), tmp_path / "filler.safetensors")


@pytest.fixture
def filler(path):
    return generators.open_generator(path)


@pytest.fixture
def talker(filler):
    """A generator that needs the other three inputs, and paints like the filler."""
    needs = ("sentence", "domain", "style")

    def bind(given):
        return filler.bind(inputs(image=given.style))

    return ConditionalGenerator("talker", "toy", needs, (SIDE, SIDE), bind, ("cat", "dog"))


def said(**changed):
    return Given(**{"sentence": "a cat", "domain": "cat", "style": grey_image(), **changed})


def latents(generator):
    z = generator.prior.sample(SampleRng.of(0, 2), torch.empty(0))
    return Latents(z, Identity(generator.source), generator.id, generator.name, (0, 1))


def test_given_its_inputs_it_is_a_plain_generator_of_images_for_them(filler):
    generator = filler.given(inputs())
    assert isinstance(generator, Generator)
    z = generator.prior.sample(SampleRng.of(0, 3), torch.empty(0))
    images = generator(z, SampleRng.of(0, 3))
    assert images.shape == (3, 3, SIDE, SIDE)
    half = SIDE // 2
    assert (images[..., half:] == 0.25).all()
    weights = Filler()
    weights.load_state_dict(generator.module.state_dict())
    painted = weights.paint(z).sigmoid().unflatten(1, (3, SIDE, SIDE))
    assert torch.equal(images[..., :half], painted[..., :half])


def test_grey_in_the_mask_is_unknown(filler):
    soft, hard = (filler.given(inputs(mask=left_half() * level)) for level in (0.3, 1.0))
    assert options_of(soft.id) == options_of(hard.id)
    z = torch.ones(1, DIM)
    assert torch.equal(soft(z, SampleRng.of(0, 1)), hard(z, SampleRng.of(0, 1)))


@pytest.mark.parametrize(
    "other", [{"image": grey_image(0.5)}, {"mask": left_half().flip(2)}], ids=["image", "mask"]
)
def test_latents_of_other_inputs_are_refused(other, filler):
    one, same, another = (filler.given(inputs(**i)) for i in ({}, {}, other))
    kept = latents(one)
    kept.check_generator(same)
    with pytest.raises(GeneratorMismatch, match=next(iter(other))):
        kept.check_generator(another)


def test_texts_stand_in_the_identity_as_they_are(talker):
    options = options_of(talker.given(said()).id)
    assert (options["sentence"], options["domain"]) == ("a cat", "cat")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Given(), r"needs an image and a mask\. Missing: an image and a mask"),
        (Given(image=grey_image()), r"Missing: a mask"),
        (inputs(sentence="a cat"), r"no other input: leave out sentence"),
        (inputs(image=torch.zeros(1, 3, SIDE, 2 * SIDE)), r"\[1, 3, 8, 16\].* 8 x 8 pixels"),
        (inputs(image=torch.zeros(2, 3, SIDE, SIDE)), r"\[2, 3, 8, 8\].* a single one"),
        (inputs(mask=torch.ones(1, 3, SIDE)), r"mask has the shape \[1, 3, 8\]"),
        (inputs(image=grey_image(1.5)), r"image has values outside \[0, 1\]"),
        (inputs(image=grey_image(float("nan"))), r"image has values outside \[0, 1\]"),
        (inputs(mask=torch.zeros(1, SIDE, SIDE)), r"all known"),
        (inputs(mask=torch.ones(1, SIDE, SIDE)), r"all unknown"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(given, message, filler):
    with pytest.raises(InvalidInput, match=message):
        filler.given(given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (said(domain="bird"), r"no domain 'bird'\. There are: cat, dog"),
        (said(sentence=" "), r"sentence is empty"),
        (said(style=None), r"a sentence, a domain and a style image\. Missing: a style image"),
        (said(mask=left_half()), r"leave out mask"),
    ],
)
def test_texts_and_styles_that_do_not_fit_are_refused(given, message, talker):
    with pytest.raises(InvalidInput, match=message):
        talker.given(given)


def test_the_contract_tests_open_such_families(path):
    generator = opened(FILLER, path)
    z = torch.zeros(1, DIM)
    images = generator(z, SampleRng.of(0, 1))
    ramp = torch.linspace(0, 1, SIDE)
    assert torch.equal(images[..., SIDE // 2 :], ramp[SIDE // 2 :].expand(1, 3, SIDE, -1))


def test_who_wants_a_plain_generator_is_told_what_it_needs(path):
    with pytest.raises(InvalidInput, match="filler needs an image and a mask"):
        generators.load_generator(path)
