"""Load Generator on official layouts: effects of the widgets, and options without effect."""

import shutil
from pathlib import Path

import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.generators.d2c import official as d2c
from latentsteer.core.rng import SampleRng
from latentsteer.nodes.load.generator import LoadGenerator, chosen_options
from latentsteer.nodes.standalone.errors import NodeError

from ..core.example_files import randomised, written

PARITY = Path(__file__).parents[1] / "core" / "parity"
pytestmark = pytest.mark.usefixtures("files_read_once")

STYLEGAN, BIGGAN = "sg3t_32.pkl", "biggan_cifar_ajbrock.pth"


@pytest.fixture
def loaded(tmp_path, new_host, run, new_graph):
    """Loads a file as the node does; returns the generator."""
    folder = tmp_path / "own" / "models" / "latentsteer_generators"
    folder.mkdir(parents=True)

    def load(name, **inputs):
        path = shutil.copy(PARITY / name, folder)  # a path as it is, a name from there
        graph = new_graph()
        link = graph.add("LoadGenerator", file=Path(path).name, **inputs)
        return run(graph, new_host(tmp_path / "own"))[link]

    return load


@pytest.mark.parametrize(
    ("latent", "blocks"), [("auto", ["z"]), ("z", ["z"]), ("w", ["w"]), ("w+", ["w"])]
)
def test_the_space_that_is_steered_is_chosen(latent, blocks, loaded):
    generator = loaded(STYLEGAN, latent=latent)
    assert [block.name for block in generator.source.blocks] == blocks
    assert (generator.prior.log_density is None) == (latent in ("w", "w+"))
    assert len(generator.source.blocks[0].shape) == (2 if latent == "w+" else 1)


def test_truncation_makes_images_more_alike(loaded):
    def spread(**inputs):
        generator = loaded(STYLEGAN, **inputs)
        rng = SampleRng.of(0, 16)
        z = generator.prior.sample(rng, next(generator.module.parameters()))
        return float(generator(z, rng).std(dim=0).mean())

    whole, half = spread(), spread(truncation=0.5)
    assert half < 0.8 * whole
    assert spread(truncation=1.0) == whole
    assert half < spread(truncation=0.5, cutoff=2) < whole


def test_eps_changes_what_a_biggan_draws(loaded):
    def image(**inputs):
        generator = loaded(BIGGAN, **inputs)
        rng = SampleRng.of(0, 2)
        return generator(generator.prior.sample(rng, next(generator.module.parameters())), rng)

    plain = image()
    assert (image(eps=1e-5) - plain).abs().max() == 0
    assert (image(eps=0.05) - plain).abs().max() > 1e-3


@pytest.fixture
def official(tmp_path):
    """A small file in the layout of official D2C models."""
    return written(randomised(d2c.GENERATOR.examples[0]()), tmp_path / "d2c.safetensors")


def test_d2c_is_steered_by_noise_or_by_clean_latents(loaded, official):
    noise, clean = (loaded(official, latent=name, steps=2) for name in ("auto", "clean"))
    assert [b.name for b in (*noise.source.blocks, *clean.source.blocks)] == ["noise", "z"]
    assert noise.encode is None
    rng = SampleRng.of(0, 2)
    images = clean(clean.prior.sample(rng, torch.empty(0)), rng)
    assert clean.encode(images).shape == (2, clean.source.dim)
    assert [one.image_size for one in (noise, clean)] == [(8, 8)] * 2
    assert loaded(official, image_size=16).image_size == (16, 16)


def test_the_diffusion_of_a_d2c_file_is_a_prior_of_its_clean_latents(
    official, tmp_path, new_host, run, new_graph
):
    folder = tmp_path / "own" / "models" / "latentsteer_generators"
    folder.mkdir(parents=True)
    shutil.copy(official, folder)

    def ran(latent):
        graph = new_graph()
        generator = graph.add("LoadGenerator", file=official.name, latent=latent, steps=3)
        prior = graph.add("GeneratorPrior", generator=generator)
        made = graph.add("PriorGenerator", generator=generator, prior=prior, steps=3)
        starts = [
            graph.add("PriorInit", generator=one, samples=2, seed=1) for one in (generator, made)
        ]
        links = [
            graph.add("Decode", generator=one, latents=start)
            for one, start in zip((generator, made), starts, strict=True)
        ]
        found = run(graph, new_host(tmp_path / "own"))
        return [found[link] for link in (prior, *links)]

    prior, own, other = ran("clean")
    assert prior.space.dim == 32
    torch.testing.assert_close(own, other)
    with pytest.raises(NodeError, match="latent clean"):
        ran("noise")


def test_a_released_boundary_edits_images(official, tmp_path, new_host, run, new_graph):
    folder = tmp_path / "own" / "models" / "latentsteer_generators"
    folder.mkdir(parents=True)
    shutil.copy(official, folder)
    boundary = torch.randn(1, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    checkpoints.write(folder / "beard.safetensors", {"boundary": boundary})
    graph = new_graph()
    generator = graph.add("LoadGenerator", file=official.name, latent="clean")
    start = graph.add("PriorInit", generator=generator, samples=1, seed=1)
    images = graph.add("Decode", generator=generator, latents=start)
    condition = graph.add("LoadBoundary", file="beard.safetensors", generator=generator)
    given = {"generator": generator, "images": images, "condition": condition}
    kind = {"move": "vector", "mode": "same", "strength": 2.0}
    edited = graph.add("EditByCondition", **given, **kind)
    found = run(graph, new_host(tmp_path / "own"))
    network = found[generator].module
    length = float((boundary / network.latent_mod.std).norm())
    assert found.ui(condition)["text"][0] == f"beard: a step is a strength of {length:.4g}"
    with torch.no_grad():
        z = found[generator].encode(found[images].permute(0, 3, 1, 2)).unflatten(1, (2, 4, 4))
        # As the authors' code does, in the latents of the encoder.
        moved = network.latent_mod.restored(z) - 2 / length * boundary
        wanted = network.latent_mod(moved).flatten(1)
        again = found[generator](wanted, SampleRng.of(0, 1)).permute(0, 2, 3, 1)
    torch.testing.assert_close(found[edited], again, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("file", "name", "value"), [(STYLEGAN, "noise", "random"), (BIGGAN, "latent", "w")]
)
def test_what_a_file_does_not_take_is_told(file, name, value, loaded):
    with pytest.raises(NodeError, match=f"takes no option {name}"):
        loaded(file, **{name: value})


def test_widgets_keep_the_places_that_saved_graphs_have():
    """A canvas keeps values by place. A new option comes last; this list only grows."""
    _, *widgets = LoadGenerator.GET_SCHEMA().inputs
    latent, truncation, cutoff, noise, eps, steps, eta, pixels, image_size, bits, *later = widgets
    names = ["latent", "truncation", "cutoff", "noise", "eps"]
    names += ["denoising_steps", "denoising_eta", "pixels", "image_size", "bits"]
    names += ["dropout", "variant", "mean_groups"]
    assert [w.id for w in widgets] == names
    defaults = ["auto", 0.0, 0, "auto", 0.0, 0, 0.0, "auto", 0, 0]
    assert [w.default for w in widgets][: len(defaults)] == defaults
    assert latent.options == ["auto", "z", "w", "w+", "noise", "clean", "z+"]
    means = later[-1]
    assert (means.min, means.max, means.default) == (-1, 100, -1)
    assert pixels.options == ["auto", "mean", "sample"]
    assert (steps.min, steps.max, eta.min, eta.max) == (0, 1000, 0, 1)
    assert (image_size.min, image_size.max, bits.min, bits.max) == (0, 1024, 0, 8)
    assert noise.options == ["auto", "const", "random", "none"]
    assert (truncation.min, truncation.max, truncation.step) == (0, 1, 0.05)
    assert truncation.round is None
    assert (cutoff.min, cutoff.max) == (0, 64)
    assert (eps.min, eps.max, eps.step, eps.round) == (0, 0.1, 1e-6, False)
    assert all(w.optional and w.advanced for w in widgets)


def test_what_is_left_at_auto_is_no_option():
    assert chosen_options() == {}
    assert chosen_options(noise="none", truncation=0.7) == {"noise": "none", "psi": 0.7}
