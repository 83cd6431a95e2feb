"""Co-Mod-GAN: the authors' outputs, both layouts, its inputs and variants, and what is refused."""

import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.checkpoints.architecture import Example
from latentsteer.core.errors import CheckpointError, GeneratorMismatch, InvalidInput
from latentsteer.core.generator import Given
from latentsteer.core.generators import open_generator
from latentsteer.core.generators.comodgan.layouts import TENSORFLOW
from latentsteer.core.generators.comodgan.networks import CoModGan, CoModLayout
from latentsteer.core.generators.comodgan.official import GENERATOR, PORT_DISCRIMINATOR
from latentsteer.core.generators.comodgan.reading import co_mod_file, fit_layout
from latentsteer.core.identity import options_of
from latentsteer.core.latents import Latents
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import Identity

from ..example_files import drawn, randomised, some_inputs, tensors_of
from .drawn_files import assert_outputs_agree, written

SIDE = 16
OUTPUTS = ("out", "raw", "out_tfskip", "raw_tfskip")
FORMS = {"tf": 0, "port": 1}


@pytest.fixture(params=FORMS)
def path(request, tmp_path):
    example = randomised(GENERATOR.examples[FORMS[request.param]]())
    checkpoints.write(tmp_path / "comod.safetensors", tensors_of(example), example.config)
    return tmp_path / "comod.safetensors"


def opened(path, image=None, mask=None, **options):
    found = open_generator(path, options)
    inputs = some_inputs(found)
    return found.given(
        Given(image=inputs.image if image is None else image, mask=mask or inputs.mask)
    )


def images_of(generator, z, seed=0):
    with torch.no_grad():
        return generator(z, SampleRng.of(seed, len(z)))


def test_the_outputs_are_those_of_the_port(tmp_path):
    assert_outputs_agree(written("comod_port", tmp_path / "f.safetensors"), "comod_port", OUTPUTS)


def test_the_ports_discriminator_is_that_of_its_code(tmp_path):
    path = written("comod_port_judge", tmp_path / "f.safetensors")
    assert_outputs_agree(path, "comod_port_judge", ["D"])


def test_the_ports_discriminator_lies_beside_its_generator(tmp_path):
    example = randomised(GENERATOR.examples[1]())
    judge = randomised(PORT_DISCRIMINATOR.examples[0]()).networks[""]
    checkpoints.write(tmp_path / "x_net_G_ema.safetensors", tensors_of(example))
    assert opened(tmp_path / "x_net_G_ema.safetensors").discriminator is None
    checkpoints.write(tmp_path / "x_net_D.safetensors", judge.state_dict())
    generator = opened(tmp_path / "x_net_G_ema.safetensors")
    images = images_of(generator, drawn(generator, 2))
    hole = some_inputs(open_generator(tmp_path / "x_net_G_ema.safetensors")).mask[None]
    each = [judge(torch.cat([0.5 - hole, x * 2 - 1], dim=1)) for x in images.split(1)]
    torch.testing.assert_close(generator.discriminator.logits(images), torch.cat(each))
    with pytest.raises(CheckpointError, match="No known architecture recognises x_net_D"):
        open_generator(tmp_path / "x_net_D.safetensors")


def test_the_variables_of_tensorflow_are_the_tensors_of_the_port_in_another_form(tmp_path):
    """NVIDIA's correspondence: kernels transposed, upsampling ones flipped, styles without 1."""
    port = randomised(GENERATOR.examples[1]()).networks[""]
    held = {n: t for n, t in port.state_dict().items() if not n.endswith("kernel")}
    usual = torch.tensor([1.0, 3.0, 3.0, 1.0])
    usual = torch.outer(usual, usual) / 64
    kernels = {
        n: usual if n.endswith("Conv1_down.0.kernel") else 4 * usual
        for n in port.state_dict()
        if n.endswith("kernel")
    }
    checkpoints.write(tmp_path / "port.safetensors", held | kernels)
    renamed = {}
    for name, tensor in held.items():
        short = name.replace("G_mapping.G_mapping.", "2.G_mapping.")
        short = short.replace("G_synthesis.E.", "2.G_synthesis.E_")
        short = short.replace("G_synthesis.G_", "2.G_synthesis.G_").replace(
            "_0.FromRGB", ".FromRGB"
        )
        for old, new in (
            ("conv.modulation.weight", "mod_weight"),
            ("conv.modulation.bias", "mod_bias"),
            ("conv.weight", "weight"),
            ("noise.weight", "noise_strength"),
            ("activate.bias", "bias"),
        ):
            short = short.replace(old, new)
        parts = [part for part in short.removeprefix("2.").split(".") if not part.isdigit()]
        value = tensor
        if parts[-1] == "mod_bias":
            value = tensor - 1
        elif parts[-1] == "noise_strength":
            value = tensor.reshape(())
        elif parts[-1] == "bias":
            value = tensor.flatten()
        elif tensor.ndim == 2:
            value = tensor.T
        elif parts[-1] == "weight":
            own = tensor.reshape(tensor.shape[-4:]).permute(2, 3, 1, 0)
            value = own.flip((0, 1)) if "Conv0_up" in parts else own
        renamed["2." + "/".join(parts)] = value.contiguous()
    renamed["2.dlatent_avg"] = torch.zeros(4)
    checkpoints.write(tmp_path / "tf.safetensors", renamed)
    z = torch.randn(2, 5, generator=torch.Generator().manual_seed(0))
    made = [images_of(opened(tmp_path / f"{form}.safetensors"), z) for form in ("port", "tf")]
    torch.testing.assert_close(*made, atol=1e-5, rtol=0)
    assert made[0].std() > 0


def test_what_is_known_stays_and_the_hole_follows_the_latents(path):
    generator = opened(path)
    inputs = some_inputs(open_generator(path))
    made = images_of(generator, drawn(generator, 2))
    known = (inputs.mask[0] == 0).expand(2, 3, -1, -1)
    assert torch.equal(made[known], inputs.image.expand(2, -1, -1, -1)[known])
    assert not torch.allclose(made[0], made[1])


def test_the_hole_is_not_seen(path):
    inputs = some_inputs(open_generator(path))
    other = torch.where(inputs.mask[None] > 0, 1 - inputs.image, inputs.image)
    one, two = opened(path), opened(path, image=other)
    z = drawn(one, 1)
    hole = inputs.mask[0] > 0
    torch.testing.assert_close(images_of(one, z)[..., hole], images_of(two, z)[..., hole])
    latents = Latents(z, Identity(one.source), one.id, one.name, (0,))
    with pytest.raises(GeneratorMismatch, match="image"):
        latents.check_generator(two)


def test_dropout_is_drawn_from_the_samples_streams(path):
    still, moving = opened(path), opened(path, dropout="on")
    z = drawn(still, 1).expand(2, -1)
    assert torch.equal(images_of(still, z, 0), images_of(still, z, 1))
    assert torch.equal(images_of(moving, z, 3), images_of(moving, z, 3))
    first = images_of(moving, z, 3)
    assert not torch.equal(first, images_of(moving, z, 4))
    assert not torch.equal(first[0], first[1])
    assert options_of(moving.id)["dropout"] == "on"


def test_the_port_leaves_out_the_smallest_maps(path):
    one, other = opened(path), opened(path, variant="port")
    z = drawn(one, 1)
    assert not torch.allclose(images_of(one, z), images_of(other, z), atol=1e-3)
    assert co_mod_file(checkpoints.read(path)).network.adds
    assert options_of(one.id)["variant"] == "tf"
    with pytest.raises(InvalidInput, match="variant is 'jax'"):
        opened(path, variant="jax")


def test_the_files_noise_is_the_constant_one(tmp_path):
    tensors = tensors_of(randomised(GENERATOR.examples[0]()))
    stream = torch.Generator().manual_seed(0)
    sides = [4, 8, 8, 16, 16]
    noises = {
        f"2.synthesis/noise{n}": torch.randn(1, 1, side, side, generator=stream)
        for n, side in enumerate(sides)
    }
    checkpoints.write(tmp_path / "own.safetensors", tensors | noises)
    checkpoints.write(tmp_path / "none.safetensors", tensors)
    own, none = (
        co_mod_file(checkpoints.read(tmp_path / f"{n}.safetensors")) for n in ("own", "none")
    )
    assert (own.drawn, none.drawn) == (False, True)
    assert all(torch.equal(a, b) for a, b in zip(own.noises, noises.values(), strict=True))
    z = torch.ones(1, 5)
    kinds = {
        n: images_of(opened(tmp_path / "own.safetensors", noise=n), z) for n in ("const", "none")
    }
    assert not torch.equal(*kinds.values())
    wrong = tensors | noises | {"2.synthesis/noise1": torch.zeros(1, 1, 4, 4)}
    checkpoints.write(tmp_path / "wrong.safetensors", wrong)
    with pytest.raises(CheckpointError, match=r"noise of the shape \[1, 1, 4, 4\]"):
        open_generator(tmp_path / "wrong.safetensors")


def test_the_discriminator_sees_the_mask(tmp_path):
    example = randomised(GENERATOR.examples[0]())
    checkpoints.write(tmp_path / "tf.safetensors", tensors_of(example))
    generator = opened(tmp_path / "tf.safetensors")
    images = images_of(generator, drawn(generator, 3))
    inputs = some_inputs(open_generator(tmp_path / "tf.safetensors"))
    known = (0.5 - inputs.mask[None]).expand(3, -1, -1, -1)
    judge = example.networks["1."]
    each = [judge(torch.cat([known, images * 2 - 1], dim=1)[n : n + 1]) for n in range(3)]
    torch.testing.assert_close(generator.discriminator.logits(images), torch.cat(each))


def test_truncation_needs_the_mean_of_w(tmp_path):
    for form, number in FORMS.items():
        example = randomised(GENERATOR.examples[number]())
        checkpoints.write(tmp_path / f"{form}.safetensors", tensors_of(example), example.config)
    z = torch.ones(1, 5)
    whole, half = (opened(tmp_path / "tf.safetensors", psi=psi) for psi in (1.0, 0.5))
    assert not torch.equal(images_of(whole, z), images_of(half, z))
    with pytest.raises(InvalidInput, match="no mean of w"):
        opened(tmp_path / "port.safetensors", psi=0.5)


def test_a_model_without_a_mask_needs_the_image_alone(tmp_path):
    layout = CoModLayout({4: 4, 8: 3}, 5, 4, (5,), 6, masked=False, averaged=True)
    network = CoModGan(layout)
    fit_layout(network, TENSORFLOW, (1.0, 3.0, 3.0, 1.0))
    example = randomised(Example({"2.": network}, {}))
    checkpoints.write(tmp_path / "edges.safetensors", tensors_of(example))
    found = open_generator(tmp_path / "edges.safetensors")
    assert found.needs == ("image",)
    one, other = (
        found.given(Given(image=torch.full((1, 3, 8, 8), level))) for level in (0.2, 0.8)
    )
    z = drawn(one, 1)
    assert not torch.allclose(images_of(one, z), images_of(other, z), atol=1e-3)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mask": torch.zeros(1, SIDE, SIDE)}, "all known"),
        ({"mask": torch.ones(1, SIDE, SIDE)}, "all unknown"),
        ({"image": torch.zeros(1, 3, 8, 8)}, "16 x 16 pixels"),
        ({"mask": None}, "Missing: a mask"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(given, message, tmp_path):
    checkpoints.write(tmp_path / "tf.safetensors", tensors_of(GENERATOR.examples[0]()))
    found = open_generator(tmp_path / "tf.safetensors")
    inputs = {"image": some_inputs(found).image, "mask": some_inputs(found).mask}
    with pytest.raises(InvalidInput, match=message):
        found.given(Given(**inputs | given))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"architecture": "resnet"}, "architecture = 'resnet'"), ({"label_size": 3}, "classes")],
)
def test_other_forms_are_refused(arguments, message, tmp_path):
    config = {"modules": {"2": {"arguments": {"kwargs": arguments}}}}
    checkpoints.write(tmp_path / "tf.safetensors", tensors_of(GENERATOR.examples[0]()), config)
    with pytest.raises(CheckpointError, match=message):
        open_generator(tmp_path / "tf.safetensors")
