"""The workflows on official files, with tiny models under the official names."""

import json
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from latentsteer.core.checkpoints.checkpoint import write
from latentsteer.core.generators.biggan.networks.ajbrock import BigGanGenerator, GeneratorLayout
from latentsteer.core.generators.d2c.official import GENERATOR as D2C
from latentsteer.core.generators.d2c.settings import d2c_configuration
from latentsteer.nodes.cli.main import main
from latentsteer.nodes.standalone.graph import validate
from latentsteer.nodes.standalone.host import StandaloneHost, use
from latentsteer.nodes.standalone.registry import load_nodes
from latentsteer.workflows.recipes.files import (
    ALEXNET,
    AUTOGAN,
    BIGGAN,
    BIGGAN_256,
    BLIP,
    BLIP2,
    CIFAR,
    CLIP_FILE,
    D2C_BEARD,
    D2C_BLOND,
    D2C_CELEBA_64,
    D2C_CELEBA_HQ,
    D2C_CIFAR_10,
    D2C_CIFAR_100,
    D2C_FFHQ,
    D2C_LIPSTICK,
    FILES,
    LABELLED,
    LAION,
    MMD_GAN,
    NVAE_CIFAR,
    NVAE_FFHQ,
    OPENAI,
    PICTURE,
    PICTURES,
    REAL_IMAGES,
    RESNET50,
    SN_GAN,
    STYLEGAN2,
    STYLEGAN_XL,
    TRANSGAN,
    UPSCALER,
    WGAN_GP,
)
from latentsteer.workflows.recipes.notes import note
from latentsteer.workflows.recipes.rows import ROWS
from latentsteer.workflows.recipes.table import RECIPES
from latentsteer.workflows.recipes.write import FOLDER, api_path
from PIL import Image
from torchvision.models.resnet import Bottleneck

from . import given_files
from .core import tiny_folders
from .core.auxiliaries.classifier_files import resnet
from .core.example_files import randomised
from .core.generators.drawn_weights import drawn_tensors, told_of, written_of
from .covering import covering
from .workflow_settings import REFINERS, kinds_of, unpadded

OFFICIAL = {name: recipe for name, recipe in RECIPES.items() if recipe.files and not recipe.hosted}
"""Those of ComfyUI's own models run in tests/host/test_host_models.py."""
CHOSEN = covering({name: recipe.api for name, recipe in OFFICIAL.items()})
"""Others repeat what these do, with other numbers and texts or fewer nodes; they are slow."""
CHEAP = {
    "pairs": 16,
    "epochs": 1,
    "steps": 2,
    "views": 1,
    "samples_per_image": 2,
    "components": 2,
    "hidden": 8,
    "frames": 2,
    "samples_per_prompt": 1,
    "samples": 2,
    "candidates": 2,
    "population": 4,
    "inner_steps": 1,
}
FEW = {
    "SynthesisePairs": {"count": 16},
    "BasisInit": {"keep": 2},
    "Steer": {"quality": "draft", "samples": 1},
    "BestLatents": {"keep": 1, "groups": 1},
    "BestImages": {"keep": 1},
    "RejectionSample": {"bound": 0.05},
    "EditByCondition": {"grid": 1, "strength": 2.0},
    "ComposeFuse": {"places": "centre", "scales": "0.5", "backbone": "none"},
}
"""Further settings with two candidates and one prompt; no LPIPS, because it needs large images."""
PARITY = Path(__file__).parent / "core" / "parity"
GENERATORS = {
    BIGGAN: "biggan_cifar_ajbrock.pth",
    CIFAR: "sg2_tf_configf32.pkl",
    STYLEGAN2: "sg2_tf_configf32.pkl",
    STYLEGAN_XL: "sgxl_superres32.pkl",
}
"""Files of official layouts, with random weights."""
SIDES = {SN_GAN: 8, WGAN_GP: 16, MMD_GAN: 16, TRANSGAN: 8}
"""Pixels a side of tiny generators whose workflows load real images of their size."""


@pytest.fixture(scope="module")
def base(tmp_path_factory, unchanged):
    """A folder with a tiny model under every official name."""
    root = tmp_path_factory.mktemp("official")
    unchanged.append(root)
    folder = root / "models" / "latentsteer_generators"
    folder.mkdir(parents=True)
    for name, file in GENERATORS.items():
        shutil.copy(PARITY / file, folder / name)
    # With embeddings of classes, as the official one has.
    layout = GeneratorLayout((8, 8, 8), 4, 3, 8, 4, 5, frozenset({1}))
    write(folder / BIGGAN_256, BigGanGenerator(layout).state_dict(), {})
    _write_d2c(folder)
    _write_class_models(folder)
    given_files.written(folder)
    clip, blip, blip2 = (
        getattr(tiny_folders, f"{kind}_model")() for kind in ("clip", "blip", "blip2")
    )
    clips = ((name, clip) for name in (OPENAI, LAION, CLIP_FILE))
    for name, model in (*clips, (BLIP, blip), (BLIP2, blip2)):
        folder = root / "models" / "latentsteer_aux" / name
        folder.mkdir(parents=True)
        tiny_folders.saved(model, folder)
    (root / "models" / "upscale_models").mkdir()
    for path in (f"upscale_models/{UPSCALER}", f"latentsteer_aux/{ALEXNET}"):
        torch.save({"params_ema": {"weight": torch.ones(1)}}, root / "models" / path)
    (root / "input").mkdir()
    Image.new("RGB", (20, 20), "red").save(root / "input" / PICTURE)
    (root / "input" / REAL_IMAGES).mkdir()
    for folder in PICTURES:
        (root / "input" / folder).mkdir(parents=True)
        for shade in (0, 80, 160):
            picture = Image.new("RGB", (40, 40), (shade, 255 - shade, 90))
            picture.save(root / "input" / folder / f"{shade}.png")
    for folder, blue in zip(LABELLED, (255, 0, 100), strict=True):
        (root / "input" / folder).mkdir(parents=True)
        for shade in range(0, 240, 20):
            colour = (shade, 240 - shade, blue)
            Image.new("RGB", (16, 16), colour).save(root / "input" / folder / f"{shade}.png")
    for colour in ("red", "green", "blue"):
        Image.new("RGB", (32, 32), colour).save(root / "input" / REAL_IMAGES / f"{colour}.png")
    return root


def _write_d2c(folder):
    """D2C models of 4 x 4 latents with as many noise levels as the official ones."""
    (make,) = D2C.examples
    (network,) = randomised(make()).networks.values()
    config = {"architecture": "d2c", **d2c_configuration(side=4, bits=5)}
    for name in (D2C_FFHQ, D2C_CELEBA_HQ, D2C_CELEBA_64, D2C_CIFAR_10, D2C_CIFAR_100):
        write(folder / name, network.state_dict(), config)
    boundary = torch.randn(1, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    for name in (D2C_LIPSTICK, D2C_BEARD, D2C_BLOND):
        write(folder / name, {"boundary": boundary})


def _write_class_models(folder):
    """NVAEs and an AutoGAN of the official layouts, and a ResNet50 of ten classes."""
    written_of("nvae_mixture", folder / NVAE_CIFAR)
    written_of("nvae_normal", folder / NVAE_FFHQ)
    torch.save(drawn_tensors(told_of("autogan_a")["shapes"]), folder / AUTOGAN)
    for name, file in (("dcgan_chainer_sn", SN_GAN), ("dcgan_chainer_wgan", WGAN_GP)):
        drawn = drawn_tensors(told_of(name)["shapes"])
        for part in "GD":
            own = {key: t.numpy() for key, t in drawn.items() if _is_critics(key) == (part == "D")}
            np.savez(folder / file.replace("_G_", f"_{part}_"), **own)
    critic = {key: torch.from_numpy(array) for key, array in own.items()}
    torch.save(critic, folder / MMD_GAN.replace(".", "_DRC."))
    for name, file in (("dgflow_mmdgan", MMD_GAN), ("transgan_cifar", TRANSGAN)):
        torch.save(drawn_tensors(told_of(name)["shapes"]), folder / file)
    narrow = {"width_per_group": 4}
    model = resnet(Bottleneck, [1, 1, 1, 1], 10, cifar="none", **narrow)
    auxiliaries = folder.parent / "latentsteer_aux"
    auxiliaries.mkdir()
    torch.save(model.state_dict(), auxiliaries / RESNET50)


def _is_critics(name):
    return name.startswith(("c0", "c1", "c2", "c3", "l4"))


@pytest.fixture(autouse=True)
def spandrel(monkeypatch):
    """Replacement of the package that opens upscale models."""

    class Doubling:
        def eval(self):
            return self

        def to(self, device):
            return self

        def __call__(self, image):
            return image.repeat_interleave(2, 2).repeat_interleave(2, 3)

    loader = SimpleNamespace(load_from_state_dict=lambda tensors: Doubling())
    package = SimpleNamespace(ModelLoader=lambda: loader)
    monkeypatch.setitem(sys.modules, "spandrel", package)


def test_every_row_of_the_papers_is_there():
    assert {row for recipe in OFFICIAL.values() for row in recipe.rows} == set(ROWS)
    for recipe in OFFICIAL.values():
        used = {
            node["inputs"][key]
            for node in recipe.api.values()
            for key in ("file", "model_name", "backbone")
            if key in node["inputs"]
        } - {"none"}
        assert used <= set(FILES)
        assert [file for file in used if f"* `{file}`" not in note(recipe)] == []


def test_fusedreams_rows_differ_as_the_paper_says():
    def inputs(name, kind):
        api = OFFICIAL[f"fusedream_biggan_{name}"].api
        return [n["inputs"] for n in api.values() if n["class_type"].endswith(kind)]

    sizes = {"256_k5": 5, "256_k10": 10, "512_k5": 5, "512_k10": 10}
    for name, keep in sizes.items():
        (start,), (adam,) = inputs(name, "BasisInit"), inputs(name, "AdamRefine")
        assert (start["candidates"], start["keep"], start["weights"]) == (10_000, keep, "scalar")
        assert (adam["steps"], adam["learning_rate"], adam["latent_noise"]) == (1000, 5e-3, 0)
        (generator,) = inputs(name, "LoadGenerator")
        assert generator["file"] == f"biggan-{name[:3]}.pth"
    (start,), (adam,) = inputs("released_code", "BasisInit"), inputs("released_code", "AdamRefine")
    assert (start["weights"], start["weights_start"]) == ("softmax", "random")
    assert (adam["latent_noise"], adam["returned"]) == (0.01, "last but one")
    plain = OFFICIAL["fusedream_biggan_released_code"].api[start["energy"][0]]
    assert plain["inputs"]["views"] == 0, "the code chooses by the plain score"
    operations = ("color", "translation", "resize", "cutout")
    for only in (*operations, "all"):
        (energy,) = inputs(f"views_{only}", "EnergyCLIP")
        assert [energy[o] for o in operations] == [only in (o, "all") for o in operations]
    assert inputs("gaussian_classes", "BasisInit")[0]["classes"] == "gaussian"
    methods = {
        "": "bi-level",
        "_no_perceptual": "primary only",
        "_inverse": "inverse bi-level",
        "_linear": "linear",
    }
    for name, method in methods.items():
        fused = inputs(f"composition{name}", "ComposeFuse")
        assert {node["method"] for node in fused} == {method}
        assert {node["places"] for node in fused} == {"all nine"}
    weights = [node["linear_weight"] for node in inputs("composition_linear", "ComposeFuse")]
    assert weights == pytest.approx([tenth / 10 for tenth in range(1, 10)])
    assert inputs("composition_seeds", "BestImages")[0]["keep"] == 36
    assert inputs("composition_seeds", "TextCondition")[0]["samples_per_prompt"] == 50


@pytest.mark.parametrize("name", OFFICIAL)
def test_the_graph_holds_where_the_files_are(name, base, tmp_path):
    host = StandaloneHost()
    host.configure(base, tmp_path, "cpu")
    with use(host):
        graph = validate(OFFICIAL[name].api, load_nodes())
    assert set(graph.order) == set(OFFICIAL[name].api)


def test_without_the_files_it_is_told_which(tmp_path, capsys):
    path = FOLDER / "tr0n" / "tr0n_biggan_text.json"
    assert main(["run", str(path), "--base", str(tmp_path), "--device", "cpu"]) == 2
    assert BIGGAN in capsys.readouterr().err


@pytest.mark.usefixtures("curves_drawn_once", "files_read_once", "short_plans")
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in CHOSEN else [pytest.mark.slow]) for name in OFFICIAL],
)
def test_it_runs_on_tiny_models(name, base, tmp_path):
    if "basin_cma" in name:
        pytest.importorskip("cmaes", reason="cmaes is not installed")
    if name == "tr0n_biggan_text_flow" and find_spec("zuko") is None:
        pytest.skip("the extra `flow` is not installed")
    settings = list(unpadded(OFFICIAL[name].api))
    for node, raw in OFFICIAL[name].api.items():
        inputs = raw["inputs"]
        numbers = {k: v for k, v in inputs.items() if isinstance(v, int | float)}
        settings += [f"{node}.{k}={v}" for k, v in CHEAP.items() if numbers.get(k, 0) > v]
        settings += given_files.smaller(OFFICIAL[name], node)
        for file in SIDES.keys() & set(OFFICIAL[name].files):
            sides = {"width", "height"} & inputs.keys()
            settings += [f"{node}.{key}={SIDES[file]}" for key in sides]
        kind = raw["class_type"].removeprefix("LatentSteer_")
        few = FEW.get(kind, {})
        if kind == "ClassCondition" and inputs["classes"] == "all":
            few = few | {"classes": "0, 1"}
        settings += [f"{node}.{key}={value}" for key, value in few.items()]
        if "prompts" in inputs:
            colour = "blue" if any(".prompts=" in one for one in settings) else "red"
            settings.append(f"{node}.prompts=a {colour} hat")
    flags = [text for setting in settings for text in ("--set", setting)]
    folders = ["--base", str(base), "--out", str(tmp_path), "--device", "cpu"]
    assert main(["run", str(api_path(OFFICIAL[name])), *folders, *flags]) == 0
    (picture,) = tmp_path.glob("*.png")
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["outputs"] == [str(picture)]
    items = [item for node in report["measures"].values() for item in node["items"]]
    found = {key: value for item in items for key, value in item.items()}
    if kinds_of(OFFICIAL[name].api).isdisjoint(REFINERS):
        assert "refine" not in found
    else:
        # The released code drops its last step.
        assert found["refine"]["steps"] == (1 if name.endswith("released_code") else 2)
