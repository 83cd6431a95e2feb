"""BigGANs against outputs of their authors' code, and the effects of folding and options.

`parity/biggan_cifar_ajbrock` is a file written by that code, with outputs. For the other
configurations there are only outputs (of a subset of pixels) of weights that `drawn` makes from
the names and shapes under `checkpoint`.
"""

import json
import zlib
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.checkpoints.architecture import detect, load_detected
from latentsteer.core.checkpoints.parity import TOLERANCE, compared, read_arrays
from latentsteer.core.errors import CheckpointError, InvalidInput
from latentsteer.core.generators import ARCHITECTURES, DISCRIMINATORS, load_generator
from latentsteer.core.generators.biggan import ajbrock as biggan
from latentsteer.core.generators.biggan import deep as biggan_deep
from latentsteer.core.generators.biggan.networks import spectral
from latentsteer.core.generators.biggan.networks.deep_hf import HfNorm
from latentsteer.core.rng import SampleRng
from torch.nn import functional

from ..differences import assert_is_gradient

PARITY = Path(__file__).parents[1] / "parity"
KNOWN = (*ARCHITECTURES, *DISCRIMINATORS)
DRAWN = {
    "biggan32_flat": "biggan",
    "biggan32_standing_tables": "biggan",
    "biggan64_cross_replica": "biggan",
    "biggan32_no_spectral": "biggan",
    "biggan64_two_attentions": "biggan",
    "biggan128_standing": "biggan",
    "biggan256_converted": "biggan",
    "biggan512": "biggan",
    "biggan_deep32_three": "biggan-deep",
    "biggan_deep64": "biggan-deep",
    "biggan_deep128_standing": "biggan-deep",
    "biggan_deep256": "biggan-deep",
    "biggan_deep_hf32": "biggan-deep-hf",
    "biggan_deep_hf64": "biggan-deep-hf",
    "biggan_discriminator32": "biggan-discriminator",
    "biggan_discriminator64_thin": "biggan-discriminator",
    "biggan_deep_discriminator32": "biggan-deep-discriminator",
    "biggan_deep_discriminator64": "biggan-deep-discriminator",
}
GENERATORS = [name for name, family in DRAWN.items() if "discriminator" not in family]
ROUNDED = ("biggan32_no_spectral",)
"""Layouts whose drawn weights, without a norm, magnify rounding: the reference, in float32, is off
by 6e-6 itself, and float32 here by as much again, on any kernels."""
NAN = torch.tensor([torch.nan])
SMALL = ["biggan32_flat", "biggan32_standing_tables", "biggan_deep64", "biggan_deep_hf32"]


def drawn(name, shape):
    """The tensor that the authors' code also used to compute the outputs."""
    stream = np.random.RandomState(zlib.crc32(name.encode()))
    last = name.rpartition(".")[2]
    if last in ("stored_var", "running_var", "running_vars"):
        draws = stream.uniform(0.5, 1.5, shape)
    else:
        draws = stream.standard_normal(shape)
        if last in ("stored_mean", "running_mean", "running_means", "bias"):
            draws = 0.1 * draws
        elif last == "gamma":
            draws = np.full(shape, 0.7)
        elif last in ("accumulation_counter", "num_batches_tracked"):
            draws = np.full(shape, 3.0)
        elif len(shape) == 1:
            draws = 1 + 0.1 * draws
        elif "weight" in last:
            draws = 1.3 * draws / np.sqrt(np.prod(shape[1:]))
    if ".bn.stored_" in name:
        draws = 3 * draws  # sums over the counted passes
    return torch.from_numpy(np.asarray(draws)).float()


def tensors_of(shapes):
    tensors = {name: drawn(name, shape) for name, shape in shapes.items()}
    for name in [name for name in tensors if name.endswith("_orig")]:
        stem = name.removesuffix("_orig")
        u = functional.normalize(tensors[stem + "_u"] - 1, dim=0)
        matrix = tensors[name].flatten(1)
        for _ in range(10):
            v = functional.normalize(u @ matrix, dim=0)
            u = functional.normalize(matrix @ v, dim=0)
        tensors |= {stem + "_u": u, stem + "_v": v}
    return tensors


@pytest.fixture(scope="module")
def path_of(tmp_path_factory):
    """A file by name: written by the authors' code, or made of drawn weights."""
    folder = tmp_path_factory.mktemp("drawn")

    def find(name):
        if name == "biggan_cifar_ajbrock":
            return PARITY / f"{name}.pth"
        path = folder / f"{name}.safetensors"
        if not path.exists():
            told = json.loads(bytes(np.load(PARITY / f"{name}.npz")["checkpoint"]))
            config = {"folder": told["folder"]} if told["folder"] else {}
            checkpoints.write(path, tensors_of(told["shapes"]), config)
        return path

    return find


@cache
def contents_of(path, fingerprint):
    return checkpoints.read(path)


def contents(path):
    """The contents of a file, which several tests read."""
    return contents_of(path, checkpoints.fingerprint(path))


def relative_errors(found, arrays):
    """Largest error of every output, relative to the largest magnitude of its reference."""
    stride = int(arrays.get("stride", torch.tensor(1)))
    errors = {}
    for key, value in found.items():
        kept = value[..., ::stride, ::stride] if value.ndim == 4 else value
        errors[key] = float((kept - arrays[key]).abs().max() / arrays[key].abs().max())
    return errors


def errors_of(path, name, architecture=None, **options):
    checkpoint = replace(contents(path), options=options)
    architecture = architecture or detect(checkpoint, KNOWN)
    arrays = read_arrays(PARITY / f"{name}.npz")
    with torch.no_grad():
        return relative_errors(architecture.parity(checkpoint, arrays), arrays)


def errors_in_float64(path, name, folded):
    """Errors of the images without rounding here: those of the reference's own rounding."""
    generator = load_generator(path, {"folded": folded})
    classes, arrays = generator.prior.classes, read_arrays(PARITY / f"{name}.npz")
    given = {"img": arrays["y"], "img_soft": arrays["soft_y"]}
    with torch.no_grad():
        vectors = {key: classes.vectors(y).double() for key, y in given.items()}
        generator.module.double()
        found = {key: generator.module(arrays["z"].double(), v) for key, v in vectors.items()}
    return relative_errors(found, arrays)


def prior_of(generator, count, seed=0):
    return generator.prior.sample(SampleRng.of(seed, count), torch.empty(0))


@pytest.mark.parametrize("folded", [True, False])
@pytest.mark.parametrize("name", DRAWN)
def test_the_outputs_are_the_authors(name, folded, path_of):
    path = path_of(name)
    arrays = read_arrays(PARITY / f"{name}.npz")
    assert detect(contents(path), KNOWN).id == DRAWN[name]
    errors = errors_of(path, name, folded=folded)
    assert errors.keys() == {key for key in arrays if key.startswith(("img", "D"))}
    if name in ROUNDED:
        own = errors_in_float64(path, name, folded)
        assert max(own.values()) <= TOLERANCE
        assert all(errors[key] <= 4 * own[key] for key in own)
        return
    assert max(errors.values()) <= TOLERANCE


@pytest.mark.parametrize("folded", [True, False])
def test_the_authors_own_file_has_their_outputs(folded, path_of):
    name = "biggan_cifar_ajbrock"
    checkpoint = replace(contents(path_of(name)), options={"folded": folded})
    rows = compared(checkpoint, biggan.GENERATOR, read_arrays(PARITY / f"{name}.npz"))
    assert [(row.name, row.shape) for row in rows] == [("img", (2, 3, 32, 32))]
    assert rows[0].holds


@pytest.mark.parametrize("name", ["biggan_cifar_ajbrock", "biggan64_two_attentions"])
def test_exact_singular_values_would_not_do(name, path_of, monkeypatch):
    def exact(weight, u, eps):
        return torch.linalg.matrix_norm(weight.flatten(1), 2)

    monkeypatch.setattr(spectral, "largest_value", exact)
    assert errors_of(path_of(name), name)["img"] > 100 * TOLERANCE


def test_a_converted_file_has_the_eps_of_its_converter(path_of):
    name = "biggan256_converted"
    path = path_of(name)
    assert errors_of(path, name, eps=1e-4) == errors_of(path, name, eps=0) == errors_of(path, name)
    assert errors_of(path, name, eps=1e-5)["img"] > TOLERANCE
    facts = biggan.GENERATOR.facts(contents(path))
    assert "0.0001" in facts["eps"]
    assert "TF Hub" in facts["eps"]
    assert "1e-05" in biggan.GENERATOR.facts(contents(path_of("biggan32_flat")))["eps"]


def test_statistics_between_two_truncations_are_mixed_the_official_way_round(path_of, monkeypatch):
    def straight(self, truncation):
        step = truncation * (len(self.running_means) - 1)
        first, share = int(step), step - int(step)
        after = min(first + 1, len(self.running_means) - 1)
        return tuple(
            (1 - share) * kept[first] + share * kept[after]
            for kept in (self.running_means, self.running_vars)
        )

    monkeypatch.setattr(HfNorm, "moments", straight)
    errors = errors_of(path_of("biggan_deep_hf32"), "biggan_deep_hf32")
    assert errors["img_t43"] > 100 * TOLERANCE
    assert errors["img_t40"] <= TOLERANCE


def test_statistics_that_were_summed_up_are_divided_by_their_count(path_of, tmp_path):
    name = "biggan128_standing"
    kept = contents(path_of(name)).tensors
    means = {
        key: value / 3 if ".bn.stored_" in key else torch.zeros_like(value)
        for key, value in kept.items()
        if ".bn." in key
    }
    checkpoints.write(tmp_path / "means.safetensors", {**kept, **means})
    assert max(errors_of(tmp_path / "means.safetensors", name).values()) <= TOLERANCE
    undivided = {key: value for key, value in means.items() if key.endswith("counter")}
    checkpoints.write(tmp_path / "sums.safetensors", {**kept, **undivided})
    assert errors_of(tmp_path / "sums.safetensors", name)["img"] > 100 * TOLERANCE


@pytest.mark.parametrize("name", SMALL)
def test_gradients_are_finite_differences(name, path_of):
    generator = load_generator(path_of(name))
    generator.module.double()
    points = prior_of(generator, 2).double().requires_grad_()
    along = torch.randn(points.shape, generator=torch.Generator().manual_seed(1)).double()

    def value(at):
        images = generator(at, SampleRng.of(0, 2))
        return (images * torch.linspace(-1, 1, images.shape[-1], dtype=torch.float64)).sum()

    (slope,) = torch.autograd.grad(value(points), points)
    assert_is_gradient(slope, value, points.detach(), along)


@pytest.mark.parametrize("name", SMALL)
def test_it_loads_and_backpropagates_within_inference_mode(name, path_of):
    with torch.inference_mode(), torch.inference_mode(False):
        generator = load_generator(path_of(name))
        points = prior_of(generator, 2).requires_grad_()
        (slope,) = torch.autograd.grad(generator(points, SampleRng.of(0, 2)).sum(), points)
    assert slope.abs().sum() > 0


@pytest.mark.parametrize("name", SMALL)
def test_a_batch_is_its_members(name, path_of):
    # Small maps of one image use another code path than those of many.
    generator = load_generator(path_of(name))
    points = prior_of(generator, 6)
    together = generator(points, SampleRng.of(0, 6))
    for row in range(6):
        alone = generator(points[row : row + 1], SampleRng.of(0, [row]))
        torch.testing.assert_close(alone[0], together[row], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", GENERATORS)
def test_latents_are_truncated_normals_and_classes(name, path_of):
    generator = load_generator(path_of(name), {"folded": False})
    z, *_ = generator.source.blocks
    assert (z.name, z.low, z.high) == ("z", -2, 2)
    parts = generator.source.split(prior_of(generator, 500))
    assert parts["z"].abs().max() <= 2
    assert float(parts["z"].std()) == pytest.approx(0.88, abs=0.03)
    table = generator.prior.classes.table
    vectors = parts["c"] if table is None else parts["y"]
    rows = torch.eye(7) if table is None else table
    numbers = torch.cdist(vectors, rows).argmin(dim=1)
    torch.testing.assert_close(vectors, rows[numbers])
    counts = numbers.bincount(minlength=len(rows)) / 500
    assert float((counts - 1 / len(rows)).abs().max()) < 0.08
    density = generator.prior.log_density
    points = prior_of(generator, 4)
    found = density(points)
    # Classes are equally likely, so only z matters, with a normal density truncated at 2.
    z = generator.source.split(points)["z"]
    torch.testing.assert_close(found - found[0], (z[0].square().sum() - z.square().sum(dim=1)) / 2)
    outside = generator.source.join({**generator.source.split(points), "z": z + 5})
    assert bool((density(outside) == -torch.inf).all())


def test_a_sample_of_the_prior_does_not_depend_on_its_batch(path_of):
    generator = load_generator(path_of("biggan32_flat"))
    together = prior_of(generator, 4)
    alone = generator.prior.sample(SampleRng.of(0, [2]), torch.empty(0, dtype=torch.float64))
    assert alone.dtype == torch.float64
    torch.testing.assert_close(alone[0].float(), together[2])


def test_psi_scales_the_latents_and_picks_the_statistics(path_of):
    whole = load_generator(path_of("biggan_deep_hf32"))
    half = load_generator(path_of("biggan_deep_hf32"), {"psi": 0.4})
    dim = half.prior.latent
    torch.testing.assert_close(0.4 * prior_of(whole, 3)[:, :dim], prior_of(half, 3)[:, :dim])
    arrays = read_arrays(PARITY / "biggan_deep_hf32.npz")
    points = torch.cat([arrays["z"], half.prior.classes.vectors(arrays["y"])], dim=1)
    with torch.no_grad():
        images = half(points, SampleRng.of(0, 2))[..., ::2, ::2]
        others = whole(points, SampleRng.of(0, 2))[..., ::2, ::2]
    torch.testing.assert_close(images * 2 - 1, arrays["img_t40"], rtol=0, atol=1e-5)
    torch.testing.assert_close(others * 2 - 1, arrays["img_t100"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("options", [{"psi": 0.0}, {"psi": 1.5}, {"psi": "half"}, {"eps": -1.0}])
@pytest.mark.parametrize("name", ["biggan32_flat", "biggan_deep_hf32"])
def test_options_out_of_range_are_refused(name, options, path_of):
    (option,) = options
    with pytest.raises(InvalidInput, match=option):
        load_generator(path_of(name), options)


def test_a_moving_average_is_preferred_and_a_discriminator_beside_it_used(path_of, tmp_path):
    average = contents(path_of("biggan32_flat")).tensors
    discriminator = contents(path_of("biggan_discriminator32")).tensors
    together = {f"G.{key}": torch.zeros_like(value) for key, value in average.items()}
    together |= {f"D.{key}": value for key, value in discriminator.items()}
    together |= {f"G_ema.{key}": value for key, value in average.items()}
    path = tmp_path / "all.safetensors"
    checkpoints.write(path, together)
    assert max(errors_of(path, "biggan32_flat").values()) <= TOLERANCE
    assert errors_of(path, "biggan_discriminator32")["D"] <= TOLERANCE
    generator = load_generator(path)
    images = generator(prior_of(generator, 2), SampleRng.of(0, 2))
    logits = generator.discriminator.logits(images)
    alone = load_detected(contents(path_of("biggan_discriminator32")), KNOWN)
    torch.testing.assert_close(logits, alone.logits(images))
    torch.testing.assert_close(
        generator.discriminator.module(images * 2 - 1, torch.tensor([1, 2]))[:, 0],
        logits + (alone.module.embed.weight[[1, 2]] * alone.features(images)).sum(dim=1),
    )


@pytest.mark.parametrize("name", ["biggan32_flat", "biggan_discriminator32", "biggan_deep64"])
def test_singular_values_that_were_logged_may_be_anything(name, path_of, tmp_path):
    tensors = dict(contents(path_of(name)).tensors)
    logged = [key for key in tensors if key.rpartition(".")[2] == "sv0"]
    assert logged
    checkpoints.write(tmp_path / "m.safetensors", tensors | dict.fromkeys(logged, NAN))
    assert max(errors_of(tmp_path / "m.safetensors", name).values()) <= TOLERANCE
    checkpoints.write(
        tmp_path / "m.safetensors", tensors | {"linear.u0": tensors["linear.u0"] * NAN}
    )
    with pytest.raises(CheckpointError, match=r"not finite in `linear\.u0`"):
        load_detected(checkpoints.read(tmp_path / "m.safetensors"), KNOWN)


def test_a_folder_whose_configuration_is_of_other_weights_is_refused(path_of, tmp_path):
    checkpoint = contents(path_of("biggan_deep_hf32"))
    folder = dict(checkpoint.config["folder"])
    for wrong in ({"layers": folder["layers"][1:]}, {"z_dim": 13}, {"num_classes": 1000}):
        checkpoints.write(
            tmp_path / "x.safetensors", checkpoint.tensors, {"folder": {**folder, **wrong}}
        )
        with pytest.raises(CheckpointError, match=r"config\.json"):
            load_generator(tmp_path / "x.safetensors")


def test_without_a_configuration_every_second_block_doubles_the_side(path_of, tmp_path):
    name = "biggan_deep_hf64"
    checkpoints.write(tmp_path / "x.safetensors", contents(path_of(name)).tensors)
    errors = errors_of(tmp_path / "x.safetensors", name)
    assert max(errors.values()) <= TOLERANCE
    architecture = detect(checkpoints.read(tmp_path / "x.safetensors"), ARCHITECTURES)
    assert "config.json" in architecture.facts(checkpoints.read(tmp_path / "x.safetensors"))["eps"]


def test_assumptions_are_reported(path_of):
    facts = biggan.GENERATOR.facts(contents(path_of("biggan64_cross_replica")))
    assert "cross-replica" in facts["gains"]
    facts = biggan_deep.GENERATOR.facts(contents(path_of("biggan_deep64")))
    assert "1, 3, 5, 7" in facts["doubling of the side"]


def test_a_latent_that_is_not_split_evenly_is_refused(path_of, tmp_path):
    tensors = dict(contents(path_of("biggan64_two_attentions")).tensors)
    tensors["linear.weight"] = tensors["linear.weight"][:, :3]
    checkpoints.write(tmp_path / "x.safetensors", tensors)
    with pytest.raises(CheckpointError, match="splits z evenly"):
        load_generator(tmp_path / "x.safetensors")
