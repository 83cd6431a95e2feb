"""AutoGAN, SN-GAN, WGAN-GP and the GANs of DOT and DGflow against their authors' code."""

import numpy as np
import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.checkpoints.architecture import detect
from latentsteer.core.errors import CheckpointError, InvalidInput
from latentsteer.core.generators import load_generator
from latentsteer.core.generators.unconditional import chainer, critics, deconvolutional, mmd
from latentsteer.core.generators.unconditional.critics import critic_network
from latentsteer.core.generators.unconditional.vectors import with_vectors
from latentsteer.core.identity import options_of
from latentsteer.core.rng import SampleRng

from ..differences import assert_is_gradient
from .drawn_weights import (
    KNOWN,
    arrays_of,
    compared_with,
    drawn_tensors,
    points,
    told_of,
    written_of,
)

FAMILIES = {
    "autogan_a": "autogan",
    "autogan_b": "autogan",
    "autogan_c": "autogan",
    "mimicry_sngan48": "residual-gan",
    "mimicry_wgan_gp48": "residual-gan",
    "mimicry_sngan128": "residual-gan",
    "mimicry_ssgan32": "residual-gan",
    "resnet_chainer": "residual-gan",
    "dcgan_chainer_sn": "deconvolutional-gan",
    "dcgan_chainer_wgan": "deconvolutional-gan",
    "dgflow_corrector": "convolutional-discriminator",
    "dgflow_mmdgan": "mmd-gan",
    "dgflow_mmdgan_stl": "mmd-gan",
    "dgflow_vae": "mmd-gan",
    "transgan_cifar": "transgan",
    "transgan_stl": "transgan",
}
TRANSGAN = "avg_gen_state_dict.module."
GENERATORS = [name for name, family in FAMILIES.items() if not family.endswith("discriminator")]
SMALL = (
    *("autogan_b", "mimicry_ssgan32", "resnet_chainer", "dcgan_chainer_sn", "dgflow_mmdgan"),
    "transgan_cifar",
)
"""One of each family."""


@pytest.fixture(scope="module")
def path_of(tmp_path_factory):
    """The file of a reference, written once."""
    folder = tmp_path_factory.mktemp("drawn")

    def find(name):
        path = folder / f"{name}.safetensors"
        return path if path.exists() else written_of(name, path, in_parts)

    return find


def in_parts(tensors):
    """The tensors of chainer's two files in one, which then have prefixes."""
    if "c3_0/W" not in tensors:
        return tensors
    return {
        ("D/" if name[0] == "c" or name.startswith("l4") else "G/") + name: tensor
        for name, tensor in tensors.items()
    }


def rewritten(name, change, path):
    return written_of(name, path, lambda tensors: in_parts(change(tensors)))


@pytest.mark.parametrize("name", FAMILIES)
def test_the_outputs_are_the_authors(name, path_of):
    path = path_of(name)
    rows = compared_with(path, name)
    assert rows.keys() == arrays_of(name).keys() & {"img", "D"}
    assert all(row.holds for row in rows.values()), list(map(str, rows.values()))
    assert detect(checkpoints.read(path), KNOWN).id == FAMILIES[name]


@pytest.mark.parametrize("name", SMALL)
def test_gradients_are_finite_differences_also_within_inference_mode(name, path_of):
    with torch.inference_mode(), torch.inference_mode(False):
        generator = load_generator(path_of(name))
        generator.module.double()
        at = points(generator).double()
        along = torch.randn(at.shape, generator=torch.Generator().manual_seed(1)).double()

        def value(z):
            images = generator(z, SampleRng.of(0, 2))
            return (images * torch.linspace(-1, 1, images.shape[-1]).double()).sum()

        leaf = at.clone().requires_grad_()
        (slope,) = torch.autograd.grad(value(leaf), leaf)
        assert_is_gradient(slope, value, at, along)


@pytest.mark.parametrize("name", ["autogan_b", "mimicry_ssgan32", "dcgan_chainer_sn"])
def test_a_discriminator_sees_images_between_0_and_1(name, path_of):
    generator = load_generator(path_of(name))
    critic = generator.discriminator
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    if name == "dcgan_chainer_sn":
        images = images[:, :, :8, :8]
    critic.module.double()
    logits = critic.logits(images.double())
    torch.testing.assert_close(logits[:, None], critic.module(images.double() * 2 - 1))
    last = [m for m in critic.module.children() if not hasattr(m, "c1")][-1]
    torch.testing.assert_close(last(critic.features(images.double()))[:, 0], logits)


# What a file does not say


def test_an_average_is_taken_before_the_trained_weights(path_of, tmp_path):
    def both(tensors):
        trained = {
            name.replace("avg_gen", "gen"): torch.zeros_like(tensor)
            for name, tensor in tensors.items()
            if name.startswith("avg_gen")
        }
        return trained | tensors

    path = rewritten("autogan_b", both, tmp_path / "both.safetensors")
    assert all(row.holds for row in compared_with(path, "autogan_b").values())
    facts = detect(checkpoints.read(path), KNOWN).facts(checkpoints.read(path))
    assert facts["network"].startswith("`avg_gen_state_dict`")
    assert "variant b" in facts["doubling of the side"]


def test_another_doubling_of_the_side_misses(path_of, monkeypatch):
    """The parity of variant a sees the interpolation, which no file says."""
    from latentsteer.core.generators.unconditional.networks import autogan

    monkeypatch.setattr(
        autogan, "doubled", lambda x, how, side=0, own=autogan.doubled: own(x, "nearest", side)
    )
    assert compared_with(path_of("autogan_a"), "autogan_a")["img"].error > 1e-3


def test_the_last_block_of_48_pixels_keeps_the_side(path_of):
    file, x = checkpoints.read(path_of("mimicry_wgan_gp48")), arrays_of("mimicry_wgan_gp48")["x"]
    known, unknown = (critic_network(file, "D.model_state_dict.", side) for side in (48, None))
    assert not known.layout.blocks[-1].halves
    assert unknown.layout.blocks[-1].halves
    with torch.no_grad():
        assert float((known(x) - unknown(x)).abs().max()) > 1e-3


def test_a_discriminator_beside_the_generator_is_found(path_of, tmp_path):
    tensors = dict(checkpoints.read(path_of("mimicry_sngan48")).tensors)
    for part in "GD":
        own = {
            name.removeprefix(f"{part}."): tensor
            for name, tensor in tensors.items()
            if name.startswith(f"{part}.")
        }
        checkpoints.write(tmp_path / f"net{part}_100_steps.safetensors", own)
    path = tmp_path / "netG_100_steps.safetensors"
    assert load_generator(path).discriminator is not None
    rows = compared_with(path, "mimicry_sngan48")
    assert rows["D"].holds
    rows = compared_with(tmp_path / "netD_100_steps.safetensors", "mimicry_sngan48")
    assert [*rows] == ["D"]
    assert rows["D"].holds
    (tmp_path / "netD_100_steps.safetensors").unlink()
    assert load_generator(path).discriminator is None


def test_a_damaged_discriminator_beside_the_generator_is_reported(path_of, tmp_path):
    tensors = dict(checkpoints.read(path_of("mimicry_ssgan32")).tensors)
    own = {name[2:]: tensor for name, tensor in tensors.items() if name.startswith("G.")}
    checkpoints.write(tmp_path / "netG.safetensors", own)
    (tmp_path / "netD.safetensors").write_bytes(b"truncated")
    with pytest.raises(CheckpointError, match=r"netD\.safetensors"):
        load_generator(tmp_path / "netG.safetensors")


def test_chainer_files_are_read_as_npz(path_of, tmp_path):
    for name, parts in (("dcgan_chainer_sn", "GD"), ("resnet_chainer", "G")):
        tensors = drawn_tensors(told_of(name)["shapes"])
        for part in parts:
            own = {
                key: tensor.numpy()
                for key, tensor in tensors.items()
                if (key[:2] in ("c0", "c1", "c2", "c3", "l4")) == (part == "D") or parts == "G"
            }
            np.savez(tmp_path / f"{name}_{part}_.npz", **own)
        rows = compared_with(tmp_path / f"{name}_G_.npz", name)
        assert all(row.holds for row in rows.values())
        assert ("D" in rows) == (parts == "GD")


def test_a_stored_vector_is_where_the_power_iteration_goes_on(path_of):
    file = chainer.torch_named(checkpoints.read(path_of("dcgan_chainer_sn")))
    weight = file.tensors["D.c1_0.weight"]
    u = torch.randn(1, len(weight), generator=torch.Generator().manual_seed(0))
    held = with_vectors({"c1_0.weight": weight, "c1_0.u": u})
    matrix = weight.flatten(1)
    v = torch.nn.functional.normalize((u @ matrix)[0], dim=0)
    sigma = (matrix @ v).norm()
    torch.testing.assert_close(held["c1_0.weight_u"] @ matrix @ held["c1_0.weight_v"], sigma)
    assert float(sigma) < 0.98 * float(torch.linalg.matrix_norm(matrix, 2))
    facts = deconvolutional.DISCRIMINATOR.facts(checkpoints.read(path_of("dcgan_chainer_sn")))
    assert "largest singular values" in facts["spectral normalisation"]
    assert deconvolutional.DISCRIMINATOR.facts(checkpoints.read(path_of("dgflow_corrector"))) == {}


def test_latents_of_chainers_dcgan_are_uniform(path_of):
    generator = load_generator(path_of("dcgan_chainer_sn"))
    (block,) = generator.source.blocks
    assert (block.low, block.high) == (-1, 1)
    z = points(generator, 500)
    assert float(z.abs().max()) <= 1
    assert float(z.std()) == pytest.approx(3**-0.5, abs=0.02)
    density = generator.prior.log_density
    torch.testing.assert_close(density(z), torch.full((500,), -6 * np.log(2)).float())
    assert bool((density(z + 2) == -torch.inf).all())


def test_images_of_stl_10_are_enlarged_if_asked(path_of):
    path = path_of("dgflow_mmdgan_stl")
    assert load_generator(path).image_size == (16, 16)
    generator = load_generator(path, {"image_size": 24})
    assert generator.image_size == (24, 24)
    assert options_of(generator.id) == {"image_size": 24}
    arrays = arrays_of("dgflow_mmdgan_stl")
    with torch.no_grad():
        images = generator(arrays["z"], SampleRng.of(0, 2))
    torch.testing.assert_close(images * 2 - 1, arrays["img"], rtol=0, atol=1e-6)
    for wrong in (-1, 2000, "large"):
        with pytest.raises(InvalidInput, match="image_size"):
            load_generator(path, {"image_size": wrong})
    assert "sigmoid" in mmd.GENERATOR.facts(checkpoints.read(path_of("dgflow_vae")))["pixels"]


def test_relative_positions_of_the_file_are_not_needed(path_of, tmp_path):
    """Files have them in megabytes; they follow from the sides."""

    def with_index(tensors):
        return tensors | {f"{TRANSGAN}blocks.block.0.attn.relative_position_index": torch.ones(4)}

    path = rewritten("transgan_cifar", with_index, tmp_path / "m.safetensors")
    assert compared_with(path, "transgan_cifar")["img"].holds


# Files


@pytest.mark.parametrize(
    ("name", "changes", "what"),
    [
        ("autogan_b", {"avg_gen_state_dict.l1.weight": (9, 6)}, "no square map"),
        ("autogan_b", {"dis_state_dict.block2.c1.weight_orig": (5, 6, 3, 3)}, "does not fit"),
        ("autogan_b", {"dis_state_dict.l6.weight_orig": (1, 6)}, "2 last layers"),
        ("mimicry_ssgan32", {"G.model_state_dict.block3.c1.weight": (8, 7, 3, 3)}, "not fit"),
        ("mimicry_ssgan32", {"G.model_state_dict.l1.weight": (3, 6)}, "no square map"),
        ("dcgan_chainer_sn", {"dc4/W": (2, 1, 3, 3)}, "1 channels"),
        ("dcgan_chainer_sn", {"l4/W": (1, 33)}, "no square map"),
        ("transgan_cifar", {f"{TRANSGAN}pos_embed_1": (1, 9, 64)}, "places of 9"),
        (
            "transgan_cifar",
            {f"{TRANSGAN}upsample_blocks.0.block.0.attn.qkv.weight": (6, 2)},
            "fit",
        ),
        ("dgflow_mmdgan", {"main.pyramid-99-16-convt.weight": (99, 16, 4, 4)}, "no layer takes"),
    ],
)
def test_parts_that_do_not_fit_are_refused(name, changes, what, tmp_path):
    shaped = {key: torch.zeros(shape) for key, shape in changes.items()}
    path = rewritten(name, lambda tensors: tensors | shaped, tmp_path / "m.safetensors")
    with pytest.raises(CheckpointError, match=what):
        load_generator(path)


@pytest.mark.parametrize("name", ["autogan_b", "dcgan_chainer_sn", "dgflow_mmdgan"])
def test_a_truncated_file_is_refused(name, path_of, tmp_path):
    content = path_of(name).read_bytes()
    path = tmp_path / "half.safetensors"
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError, match=r"truncated|damaged"):
        load_generator(path)


def test_a_diverged_discriminator_is_left_out(tmp_path):
    def spoilt(tensors):
        key = next(key for key in tensors if key.startswith("dis_state_dict"))
        return tensors | {key: torch.full_like(tensors[key], torch.nan)}

    path = rewritten("autogan_b", spoilt, tmp_path / "m.safetensors")
    assert load_generator(path).discriminator is None
    assert critics.DISCRIMINATOR.recognises(checkpoints.read(path))
