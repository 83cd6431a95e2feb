"""NVAE's decoder against its authors' code, its latents, and what a file does not say."""

import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.checkpoints.parity import TOLERANCE
from latentsteer.core.errors import CheckpointError, InvalidInput
from latentsteer.core.generators import load_generator
from latentsteer.core.generators.nvae import network as networks
from latentsteer.core.generators.nvae.network import softly_clamped
from latentsteer.core.generators.nvae.official import GENERATOR, nvae_network
from latentsteer.core.generators.nvae.readjusting import readjust, readjust_statistics
from latentsteer.core.identity import options_of
from latentsteer.core.rng import SampleRng

from ..differences import assert_is_gradient
from .drawn_weights import arrays_of, compared_with, drawn, points, told_of, written_of

NAMES = ("nvae_normal", "nvae_mixture")
NORMAL, MIXTURE = NAMES
T = 0.7


@pytest.fixture(scope="module")
def path_of(tmp_path_factory):
    """The file of a reference, written once."""
    folder = tmp_path_factory.mktemp("nvae")

    def find(name):
        path = folder / f"{name}.safetensors"
        return path if path.exists() else written_of(name, path)

    return find


def noise_of(name, batch=1, start="", groups=None):
    shapes = told_of(name)["groups"] if groups is None else groups
    return [drawn(f"{start}eps{i}", (batch, *shape)) for i, shape in enumerate(shapes)]


def shown(generator, z, seed=1):
    with torch.no_grad():
        return generator(z, SampleRng.of(seed, len(z)))


@pytest.mark.parametrize("name", NAMES)
def test_the_outputs_are_the_authors(name, path_of):
    noise = {f"eps{number}": part for number, part in enumerate(noise_of(name))}
    rows = compared_with(path_of(name), name, **noise)
    assert rows.keys() == arrays_of(name).keys() & {"logits", "logits_ell1", "mean_img"}
    assert all(row.holds for row in rows.values()), list(map(str, rows.values()))


def test_a_deviation_without_its_addition_misses(path_of, monkeypatch):
    monkeypatch.setattr(networks, "LEAST_DEVIATION", 0.0)
    noise = {f"eps{number}": part for number, part in enumerate(noise_of(NORMAL))}
    assert compared_with(path_of(NORMAL), NORMAL, **noise)["logits"].error > 100 * TOLERANCE


def test_the_noise_of_all_groups_decides_the_image(path_of):
    name = NORMAL
    generator = load_generator(path_of(name), {"latent": "z+", "psi": T})
    noise = noise_of(name)
    assert [block.shape for block in generator.source.blocks] == [p.shape[1:] for p in noise]
    z = generator.source.join({f"e{number}": part for number, part in enumerate(noise)})
    wanted = arrays_of(name)["mean_img"]
    torch.testing.assert_close(shown(generator, z), wanted, rtol=0, atol=1e-5)
    assert torch.equal(shown(generator, z, seed=1), shown(generator, z, seed=2))
    assert float(points(generator, 50).std()) == pytest.approx(1, abs=0.02)


def test_groups_up_to_l_take_their_means_and_others_are_drawn(path_of):
    path, arrays = path_of(NORMAL), arrays_of(NORMAL)
    count = len(told_of(NORMAL)["groups"]) - 1
    first = noise_of(NORMAL)[0].flatten(1) * (1.01 * T)
    drawn_ones = load_generator(path, {"psi": T, "mean_groups": 0})
    assert not torch.equal(shown(drawn_ones, first, 1), shown(drawn_ones, first, 2))
    assert torch.equal(shown(drawn_ones, first, 1), shown(drawn_ones, first, 1))
    fixed = load_generator(path, {"psi": T, "mean_groups": count})
    assert torch.equal(shown(fixed, first, 1), shown(fixed, first, 2))
    assert float(points(drawn_ones, 200).std()) == pytest.approx(1.01 * T, abs=0.01)
    # With the stream's draws as the noise the image is that of all groups.
    network = nvae_network(checkpoints.read(path))
    one = load_generator(path, {"psi": T, "mean_groups": 1})
    rng = SampleRng.of(3, 1)
    noise = [rng.normal(*shape, like=first) for shape in told_of(NORMAL)["groups"][2:]]
    with torch.no_grad():
        numbers = network(first.view(1, 2, 8, 8), [None, *noise], T)
        torch.testing.assert_close(shown(one, first, 3), network.images(numbers))
        own = network(first.view(1, 2, 8, 8), [None, *noise_of(NORMAL)[2:]], T)
    torch.testing.assert_close(own, arrays["logits_ell1"], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "chosen", "means"),
    [(NORMAL, -1, 5), (NORMAL, 2, 2), (NORMAL, 99, 5), (MIXTURE, -1, 0), (MIXTURE, 1, 1)],
)
def test_the_papers_l_is_taken_by_default(name, chosen, means, path_of):
    options = {} if chosen == -1 else {"mean_groups": chosen}
    generator = load_generator(path_of(name), options)
    assert options_of(generator.id) == {
        "latent": "z",
        "psi": 1.0,
        "pixels": "mean",
        "mean_groups": means,
    }


@pytest.mark.parametrize("name", NAMES)
def test_colours_are_drawn_from_their_law(name, path_of):
    options = {"latent": "z+"}
    mean = load_generator(path_of(name), options)
    sampled = load_generator(path_of(name), {**options, "pixels": "sample"})
    z = points(mean, 1)
    one, again, other = (shown(sampled, z, seed) for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    if name == NORMAL:
        numbers = nvae_network(checkpoints.read(path_of(name)))
        parts = mean.source.split(z)
        e0, *noise = parts.values()
        with torch.no_grad():
            centre, log = numbers(1.01 * e0, noise).chunk(2, dim=1)
        inside = (softly_clamped(centre).abs() < 0.2) & (softly_clamped(log) < -1.2)
        deviation = softly_clamped(log).exp() + 0.01
        drawn_ones = torch.cat([shown(sampled, z, seed) for seed in range(40)])
        scores = ((2 * drawn_ones - 1) - softly_clamped(centre)) / deviation
        found = scores[:, inside[0]]
        assert found.numel() > 400
        assert float(found.mean()) == pytest.approx(0, abs=4 / found.numel() ** 0.5)
        assert float(found.std()) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("options", [{"latent": "z+"}, {"mean_groups": 1, "psi": 0.5}])
def test_gradients_are_finite_differences_also_within_inference_mode(options, path_of):
    with torch.inference_mode(), torch.inference_mode(False):
        generator = load_generator(path_of(NORMAL), options)
        generator.module.double()
        at = 0.3 * points(generator, 1).double()
        along = torch.randn(at.shape, generator=torch.Generator().manual_seed(1)).double()

        def value(z):
            images = generator(z, SampleRng.of(0, 1))
            return (images * torch.linspace(-1, 1, images.shape[-1]).double()).sum()

        leaf = at.clone().requires_grad_()
        (slope,) = torch.autograd.grad(value(leaf), leaf)
        assert_is_gradient(slope, value, at, along)


# Statistics of the batch normalisation


def test_readjusted_statistics_are_the_authors(path_of):
    name = NORMAL
    told, arrays = told_of(name), arrays_of(name)
    network = nvae_network(checkpoints.read(path_of(name)))
    before = {key: network.state_dict()[key].clone() for key in told["statistics"]}
    passes = [noise_of(name, 2, f"pass{number} ") for number in range(3)]
    readjust_statistics(network, passes, T)
    assert not network.training
    for number, key in enumerate(told["statistics"]):
        found = network.state_dict()[key]
        torch.testing.assert_close(found, arrays[f"statistics{number}"], rtol=1e-5, atol=1e-6)
        assert not torch.equal(found, before[key])


def test_a_readjusted_file_records_how_it_was_made(path_of, tmp_path):
    source, target = path_of(MIXTURE), tmp_path / "readjusted.safetensors"
    seen = []
    readjust(source, target, T, passes=2, batch=2, report=lambda *at: seen.append(at))
    assert seen == [(1, 2), (2, 2)]
    made, own = checkpoints.read(target), checkpoints.read(source)
    assert made.config["readjusted"] == {"temperature": T, "passes": 2, "batch": 2, "seed": 0}
    assert made.config["source"]["sha256"] == own.sha256
    assert set(made.tensors) == set(own.tensors)
    changed = {key for key in own.tensors if not torch.equal(own.tensors[key], made.tensors[key])}
    assert changed
    assert all(key.endswith(("running_mean", "running_var", "tracked")) for key in changed)
    assert "temperature 0.7" in GENERATOR.facts(made)["batch normalisation"]
    assert "--readjust" in GENERATOR.facts(own)["batch normalisation"]
    assert load_generator(target).id != load_generator(source).id


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"temperature": 0.0}, "temperature"),
        ({"temperature": 1.5}, "temperature"),
        ({"passes": 0}, "passes"),
        ({"batch": 1}, "1 samples"),
        ({"target": "x.pt"}, r"\.safetensors"),
    ],
)
def test_readjusting_that_cannot_be_is_refused(changes, what, path_of, tmp_path):
    settings = {"target": "x.safetensors", "temperature": T, **changes}
    target = tmp_path / settings.pop("target")
    with pytest.raises(InvalidInput, match=what):
        readjust(path_of(MIXTURE), target, settings.pop("temperature"), **settings)
    assert not target.exists()


def test_a_file_that_is_no_nvae_is_not_readjusted(tmp_path):
    checkpoints.write(tmp_path / "x.safetensors", {"weight": torch.zeros(1)})
    with pytest.raises(CheckpointError, match="no NVAE"):
        readjust(tmp_path / "x.safetensors", tmp_path / "y.safetensors", T)


# Files


def test_facts_say_what_is_assumed(path_of):
    facts = GENERATOR.facts(checkpoints.read(path_of(NORMAL)))
    assert facts["groups of latents"] == "5 after the first, of which the first 5 take means"
    assert "a normal law" in facts["pixels"]
    assert "5 bits" in facts["bits"]
    assert "2 logistics" in GENERATOR.facts(checkpoints.read(path_of(MIXTURE)))["pixels"]


def test_the_encoder_may_be_missing_or_anything(path_of, tmp_path):
    tensors = dict(checkpoints.read(path_of(MIXTURE)).tensors)
    parts = ("prior_ftr0", "dec_", "post_", "image_")
    bare = {key: value for key, value in tensors.items() if key[11:].startswith(parts)}
    assert len(bare) < len(tensors)
    spoilt = {key: value if key in bare else value * torch.nan for key, value in tensors.items()}
    for kept in (bare, spoilt):
        checkpoints.write(tmp_path / "m.safetensors", kept)
        assert load_generator(tmp_path / "m.safetensors").source.dim == 2 * 16 * 16


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"stem_decoder.weight": (4, 2, 1, 1)}, "single group"),
        ({"image_conditional.1.weight": (1, 4, 3, 3)}, "1 numbers per pixel"),
        ({"image_conditional.1.weight": (20, 5, 3, 3)}, "does not fit"),
        ({"prior_ftr0": (8, 16, 15)}, "16 x 15"),
        ({"prior_ftr0": (12, 16, 16)}, "the first map alone has 12"),
        ({"dec_sampler.0.1.weight": (4, 9, 1, 1)}, "does not fit"),
        ({"dec_sampler.7.1.weight": (4, 8, 1, 1)}, "dec_sampler"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes, what, tmp_path):
    shaped = {f"state_dict.{key}": torch.zeros(shape) for key, shape in changes.items()}
    path = written_of(MIXTURE, tmp_path / "m.safetensors", lambda tensors: tensors | shaped)
    with pytest.raises(CheckpointError, match=what):
        load_generator(path)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"latent": "w"}, r"z, z\+"),
        ({"psi": 0.0}, "temperature"),
        ({"psi": 1.5}, "temperature"),
        ({"mean_groups": -2}, "mean_groups"),
        ({"mean_groups": 1.5}, "mean_groups"),
        ({"pixels": "median"}, "mean, sample"),
        ({"eps": 0.1}, "takes no option eps"),
    ],
)
def test_options_that_cannot_be_are_refused(options, what, path_of):
    with pytest.raises(InvalidInput, match=what):
        load_generator(path_of(MIXTURE), options)
