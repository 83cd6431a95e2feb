"""Halves of generators that do not belong together, and inputs that a generator cannot take."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.checkpoints.architecture import Example
from latentsteer.core.errors import CheckpointError, InvalidInput
from latentsteer.core.generators import ARCHITECTURES, load_generator, open_generator
from latentsteer.core.generators.dfgan.networks.discriminators import EarlyJudge
from latentsteer.core.generators.starganv2.networks.domains import DomainDiscriminator
from latentsteer.core.generators.unconditional.networks.critics import ConvolutionalDiscriminator

from ..example_files import randomised, some_inputs, tensors_of, written, written_plainly

NAMES = ("c0_0", "c0_1", "c1_0", "c1_1", "c2_0", "c2_1", "c3_0")
NEEDS = {
    "co-mod-gan": ("image", "mask"),
    "df-gan": ("sentence",),
    "df-gan-2021": ("sentence",),
    "stargan-v2": ("image", "domain"),
}
"""Families that need inputs, and which."""


def example_of(family):
    return next(one.examples[0] for one in ARCHITECTURES if one.id == family)()


def convolutional(base):
    return ConvolutionalDiscriminator(NAMES, (3, *[4] * 7), base, spectral=True)


OTHERS = {
    "df-gan-2021, larger": (
        "df-gan-2021",
        lambda: {"netD.": EarlyJudge((3, 4, 4, 4, 4), 4, 2)},
        r"takes images of 64 pixels a side, but the generator makes 8\. Take both from the same",
    ),
    "df-gan-2021, longer sentences": (
        "df-gan-2021",
        lambda: {"netD.": EarlyJudge((3, 4), 5, 2)},
        r"sentences of 5 numbers, but the generator 4\. Take both from the same",
    ),
    "stargan-v2": (
        "stargan-v2",
        lambda: {"discriminator.": DomainDiscriminator((3, 3), 3)},
        r"takes images of 8 pixels a side, but the generator makes 32\. Take both",
    ),
    "deconvolutional-gan": (
        "deconvolutional-gan",
        lambda: {"D.": convolutional(2)},
        r"takes images of 16 pixels a side, but the generator makes 8\. Take both",
    ),
}
"""Per case the family, a discriminator of another training, and what is said."""


@pytest.mark.parametrize("case", OTHERS)
def test_a_discriminator_of_another_size_is_refused(case, tmp_path):
    family, make, says = OTHERS[case]
    example, networks = example_of(family), make()
    (prefix,) = networks
    kept = {key: t for key, t in tensors_of(example).items() if not key.startswith(prefix)}
    path = tmp_path / "model.safetensors"
    written_plainly(path, kept | tensors_of(Example(networks, {})), example.config)
    with pytest.raises(CheckpointError, match=says):
        open_generator(path)


def test_a_density_ratio_of_another_size_names_the_option(tmp_path):
    """MMD-GAN's images of STL-10 are enlarged; DGflow's ratio beside the file is of these."""
    path = written(randomised(example_of("mmd-gan")), tmp_path / "MMDGAN.safetensors")
    beside = tmp_path / "MMDGAN_DRC.safetensors"
    written_plainly(beside, convolutional(3).state_dict(), {})
    with pytest.raises(
        CheckpointError, match=r"of 24 pixels .* makes 16\. .* choose image_size 24"
    ):
        load_generator(path)
    generator = load_generator(path, {"image_size": 24})
    images = torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    assert generator.discriminator.logits(images).shape == (2,)
    written_plainly(beside, {"strange": torch.zeros(1)}, {})
    with pytest.raises(CheckpointError, match=r"MMDGAN_DRC\.safetensors is no discriminator of"):
        load_generator(path)


# Inputs


@pytest.fixture(scope="module")
def needy(tmp_path_factory):
    """The generators that need inputs, by family."""
    folder = tmp_path_factory.mktemp("needy")
    return {
        family: open_generator(written(example_of(family), folder / f"{family}.safetensors"))
        for family in NEEDS
    }


WRONG = {
    "image of another size": ("image", lambda image: image[..., 1:], "pixels"),
    "two images": ("image", lambda image: image.repeat(2, 1, 1, 1), "a single one"),
    "image out of range": ("image", lambda image: image + 2, r"outside \[0, 1\]"),
    "image not finite": ("image", lambda image: image / 0, r"outside \[0, 1\]"),
    "mask all known": ("mask", torch.zeros_like, "all known"),
    "mask all unknown": ("mask", torch.ones_like, "all unknown"),
    "mask of another size": ("mask", lambda mask: mask[:, 1:], "pixels"),
    "no image": ("image", lambda image: None, "Missing: an image"),
    "no mask": ("mask", lambda mask: None, "Missing: a mask"),
    "no known word": ("sentence", lambda text: "zyx 42 ?", "no word that the text encoder knows"),
    "no sentence": ("sentence", lambda text: None, "Missing: a sentence"),
    "empty sentence": ("sentence", lambda text: "  ", "empty"),
    "unknown domain": ("domain", lambda name: "fish", r"no domain 'fish'\. There are: cat, dog"),
    "domain out of range": ("domain", lambda name: "7", r"no domain '7'\. There are: cat, dog"),
    "no domain": ("domain", lambda name: None, "Missing: a domain"),
}
"""Per case the input, its change, and what is said."""


@pytest.mark.parametrize(
    ("family", "wrong"),
    [
        (f, wrong)
        for f, needs in NEEDS.items()
        for wrong, case in WRONG.items()
        if case[0] in needs
    ],
)
def test_inputs_that_do_not_fit_are_refused(family, wrong, needy):
    need, change, says = WRONG[wrong]
    assert needy[family].needs == NEEDS[family]
    inputs = some_inputs(needy[family])
    with pytest.raises(InvalidInput, match=says) as caught:
        needy[family].given(replace(inputs, **{need: change(getattr(inputs, need))}))
    said = str(caught.value)
    assert family in said or ("in the mask. Paint" in said) or ("knows 4 words" in said)


@pytest.mark.parametrize(
    ("family", "beyond"),
    [
        (family, beyond)
        for family, needs in NEEDS.items()
        for beyond in ("image", "mask", "sentence", "domain", "style")
        if beyond not in needs
    ],
)
def test_an_input_that_is_not_taken_is_named(family, beyond, needy):
    """A mask for a generator without a mask input, and so on."""
    given = {"sentence": "a", "domain": "a", "mask": torch.zeros(1, 8, 8)}
    other = given.get(beyond, torch.zeros(1, 3, 8, 8))
    with pytest.raises(
        InvalidInput, match=rf"{family} needs .*no other input: leave out {beyond}"
    ):
        needy[family].given(replace(some_inputs(needy[family]), **{beyond: other}))
