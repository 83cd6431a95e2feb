"""StarGAN v2: the authors' outputs, its given inputs and latents, and what does not fit."""

import numpy as np
import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.checkpoints.architecture import Example
from latentsteer.core.errors import CheckpointError, GeneratorMismatch, InvalidInput
from latentsteer.core.generator import Given
from latentsteer.core.generators import open_generator
from latentsteer.core.generators.starganv2.model import StarGan
from latentsteer.core.generators.starganv2.networks.domains import (
    StyleEncoder,
    StyleMap,
    StyleMapLayout,
)
from latentsteer.core.generators.starganv2.networks.landmarks import Landmarks, face_masks
from latentsteer.core.generators.starganv2.networks.translation import (
    StarGanLayout,
    StyleGenerator,
)
from latentsteer.core.generators.starganv2.official import DISCRIMINATOR, GENERATOR
from latentsteer.core.identity import options_of
from latentsteer.core.latents import Latents
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import Identity

from ..example_files import drawn, randomised, tensors_of
from .drawn_files import arrays_of, assert_outputs_agree, drawn_tensors, told_of, written

OUTPUTS = {
    "stargan_plain": ("s", "s_ref", "img", "img_ref", "D"),
    "stargan_masked": ("s", "img", "D"),
}


@pytest.fixture
def folder(tmp_path):
    """The authors' two files: what translates, and the discriminator."""
    tensors = tensors_of(randomised(GENERATOR.examples[0]()))
    judge = {n: t for n, t in tensors.items() if n.startswith("discriminator.")}
    own = {n: t for n, t in tensors.items() if n not in judge}
    checkpoints.write(tmp_path / "9_nets_ema.safetensors", own)
    checkpoints.write(tmp_path / "9_nets.safetensors", judge)
    return tmp_path


def picture(seed=0, size=32):
    stream = torch.Generator().manual_seed(seed)
    return torch.rand(1, 3, size, size, generator=stream)


def opened(folder, domain="dog", image=None, **options):
    found = open_generator(folder / "9_nets_ema.safetensors", options)
    return found.given(Given(image=picture() if image is None else image, domain=domain))


def images_of(generator, z):
    with torch.no_grad():
        return generator(z, SampleRng.of(0, len(z)))


@pytest.mark.parametrize("name", OUTPUTS)
def test_the_outputs_are_those_of_the_authors_code(name, tmp_path):
    assert_outputs_agree(written(name, tmp_path / "file.safetensors"), name, OUTPUTS[name])


def test_masks_of_heat_maps_are_those_of_the_authors_code():
    draws = np.random.RandomState(0).rand(1, 99, 64, 64)
    heat = torch.from_numpy(np.where(draws > 0.996, (draws - 0.996) * 250, 0)).float()
    arrays = arrays_of("stargan_landmarks")
    network = Landmarks(8)
    network.forward = lambda images: heat
    masks = face_masks(network, torch.zeros(1, 3, 100, 100))
    for mask, name in zip(masks, ("mask_all", "mask_inner"), strict=True):
        assert mask.shape == (1, 1, 256, 256)
        torch.testing.assert_close(mask[..., ::8, ::8], arrays[name], atol=1e-5, rtol=0)
    assert not torch.equal(*masks)


@pytest.mark.slow
def test_heat_maps_are_those_of_the_authors_code():
    arrays = arrays_of("stargan_landmarks")
    network = Landmarks().eval()
    network.load_state_dict(drawn_tensors(told_of("stargan_landmarks")["shapes"]), strict=False)
    with torch.no_grad():
        heat = network(arrays["x"])[:, ::33, ::4, ::4]
    error = (heat - arrays["heat"]).abs().max() / arrays["heat"].abs().max()
    assert error <= 1e-5


def test_an_image_and_a_domain_give_a_plain_generator(folder):
    dog, cat, other = opened(folder), opened(folder, "cat"), opened(folder, image=picture(1))
    z = drawn(dog, 2)
    assert not torch.equal(images_of(dog, z), images_of(cat, z))
    assert not torch.equal(images_of(dog, z), images_of(other, z))
    assert options_of(dog.id).keys() == {"latent", "image", "domain"}
    latents = Latents(z, Identity(dog.source), dog.id, dog.name, (0, 1))
    for wrong, what in ((cat, "domain"), (other, "image")):
        with pytest.raises(GeneratorMismatch, match=what):
            latents.check_generator(wrong)


def test_styles_and_features_are_latents_as_well(folder):
    plain, style, both = opened(folder), opened(folder, latent="w"), opened(folder, latent="w+")
    z = drawn(plain, 3)
    s, whole = drawn(style, 3), drawn(both, 3)
    assert str(both.source) == "s[3] + f[3, 16, 16]"
    # The prior of styles maps the same draws.
    torch.testing.assert_close(images_of(style, s), images_of(plain, z), atol=1e-5, rtol=0)
    torch.testing.assert_close(images_of(both, whole), images_of(plain, z), atol=1e-5, rtol=0)
    assert style.prior.log_density is None
    noise = torch.randn(whole.shape[1], generator=torch.Generator().manual_seed(0))
    moved = whole + noise * (torch.arange(whole.shape[1]) >= 3)
    assert not torch.allclose(images_of(both, moved), images_of(both, whole), atol=1e-3)


def test_images_are_encoded_to_their_styles_in_the_domain(folder):
    style, both = opened(folder, latent="w"), opened(folder, latent="w+")
    references = torch.cat([picture(3), picture(4)])
    with torch.no_grad():
        s, whole = style.encode(references), both.encode(references)
        expected = style.encoder(references * 2 - 1, 1)
    assert torch.equal(s, expected)
    assert torch.equal(whole[:, :3], s)
    assert torch.equal(whole[:, 3:], drawn(both, 2)[:, 3:])
    assert opened(folder).encode is None


def test_the_discriminator_is_that_of_the_domain(folder):
    images = torch.cat([picture(3), picture(4)])
    each = [opened(folder, domain).discriminator for domain in ("cat", "dog", "wild")]
    logits = torch.stack([judge.logits(images) for judge in each], dim=1)
    torch.testing.assert_close(logits, each[0].module(images * 2 - 1))
    (folder / "9_nets.safetensors").unlink()
    assert opened(folder).discriminator is None


def test_domains_without_a_name_are_numbered(folder, tmp_path):
    example = randomised(GENERATOR.examples[1]())
    path = tmp_path / "faces.safetensors"
    checkpoints.write(path, tensors_of(example))
    assert open_generator(path).domains == ("female", "male")
    checkpoints.write(path, tensors_of(example), {"domains": ["young", "old"]})
    assert open_generator(path).domains == ("young", "old")


def test_details_of_a_face_stay_where_the_landmarks_say(tmp_path):
    """Of 32 pixels, the smallest side with details; without landmarks there are none."""
    network = StarGan(
        StyleGenerator(StarGanLayout((4, 3, 3, 3, 3), 3, high_pass=True)),
        StyleMap(StyleMapLayout(4, 5, 3, 2)),
        StyleEncoder((3,) * 4, 3, 2),
        Landmarks(8),
    )
    tensors = tensors_of(randomised(Example({"": network}, {})))
    bare = {n: t for n, t in tensors.items() if not n.startswith("fan.")}
    made = {}
    for name, held in (("whole", tensors), ("bare", bare)):
        checkpoints.write(tmp_path / f"{name}.safetensors", held)
        found = open_generator(tmp_path / f"{name}.safetensors")
        made[name] = found.given(Given(image=picture(), domain="male"))
    z = drawn(made["bare"], 1)
    assert not torch.allclose(images_of(made["bare"], z), images_of(made["whole"], z), atol=1e-3)
    facts = GENERATOR.facts(checkpoints.read(tmp_path / "bare.safetensors"))
    assert "no landmark network" in facts["masks"]
    wrong = {n: t for n, t in tensors.items() if n != "fan.m0.b2_plus_1.conv2.weight"}
    checkpoints.write(tmp_path / "wrong.safetensors", wrong)
    with pytest.raises(CheckpointError, match="b2_plus_1"):
        open_generator(tmp_path / "wrong.safetensors")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Given(image=picture(), domain="fish"), r"no domain 'fish'\. There are: cat, dog, wild"),
        (Given(image=picture(size=64), domain="dog"), r"32 x 32 pixels"),
        (Given(domain="dog"), r"Missing: an image"),
        (Given(image=picture()), r"Missing: a domain"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(given, message, folder):
    with pytest.raises(InvalidInput, match=message):
        open_generator(folder / "9_nets_ema.safetensors").given(given)


@pytest.mark.parametrize("part", ["mapping_network", "style_encoder"])
def test_a_missing_part_is_named(part, folder):
    path = folder / "9_nets_ema.safetensors"
    tensors = dict(checkpoints.read(path).tensors)
    checkpoints.write(path, {n: t for n, t in tensors.items() if not n.startswith(part)})
    with pytest.raises(CheckpointError, match=rf"a generator without `{part}\.\*`"):
        open_generator(path)


def test_a_discriminator_of_other_domains_is_refused(folder):
    other = DISCRIMINATOR.examples[0]()
    checkpoints.write(folder / "9_nets.safetensors", tensors_of(other))
    with pytest.raises(CheckpointError, match="has 2 domains, the mapping network 3"):
        open_generator(folder / "9_nets_ema.safetensors")


def test_training_on_several_devices_adds_a_part_to_names(folder):
    path = folder / "9_nets_ema.safetensors"
    tensors = {
        ".module.".join(name.split(".", 1)): tensor
        for name, tensor in checkpoints.read(path).tensors.items()
    }
    expected = images_of(opened(folder), torch.ones(1, 4))
    checkpoints.write(path, tensors)
    assert torch.equal(images_of(opened(folder), torch.ones(1, 4)), expected)
