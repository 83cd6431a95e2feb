"""The workflows on official files, with tiny models under the official names."""

import json
import shutil
from pathlib import Path

import pytest
from latentsteer.nodes.cli.author import FOLDER
from latentsteer.nodes.cli.author_krr_official import FOLDER as REAL
from latentsteer.nodes.cli.author_krr_official import krr_official_workflows
from latentsteer.nodes.cli.author_official import (
    BIGGAN,
    BLIP,
    BLIP2,
    CIFAR,
    FILES,
    LAION,
    OPENAI,
    PICTURE,
    STYLEGAN2,
    STYLEGAN_XL,
    official_workflows,
)
from latentsteer.nodes.cli.graph import validate
from latentsteer.nodes.cli.main import main
from latentsteer.nodes.cli.registry import load_nodes
from latentsteer.nodes.cli.standalone import StandaloneHost, use
from PIL import Image

from .core import tiny_folders

SHIPPED = {shipped.name: shipped for shipped in (*official_workflows(), *krr_official_workflows())}
ROWS = ["19", "20", "21", "22", "24", "25", "27", "29", *map(str, range(31, 39))]
"""Of TR0N; t23 and t26 want FuseDream's start and a flow as the translator, t28 is t22."""
KRR_ROWS = ["02", *(f"{number:02}" for number in range(6, 16)), "18", "28"]
CHEAP = {
    "pairs": 64,
    "epochs": 1,
    "steps": 2,
    "views": 1,
    "samples_per_image": 2,
    "components": 2,
    "hidden": 8,
    "frames": 2,
    "samples": 2,
    "samples_per_prompt": 2,
}
PARITY = Path(__file__).parent / "core" / "parity"
GENERATORS = {
    BIGGAN: "biggan_cifar_ajbrock.pth",
    CIFAR: "sg2_tf_configf32.pkl",
    STYLEGAN2: "sg2_tf_configf32.pkl",
    STYLEGAN_XL: "sgxl_superres32.pkl",
}
"""Of official layouts, with random weights."""


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A folder with a tiny model under every official name."""
    root = tmp_path_factory.mktemp("official")
    folder = root / "models" / "latentsteer_generators"
    folder.mkdir(parents=True)
    for name, file in GENERATORS.items():
        shutil.copy(PARITY / file, folder / name)
    clip, blip, blip2 = (
        getattr(tiny_folders, f"{kind}_model")() for kind in ("clip", "blip", "blip2")
    )
    for name, model in ((OPENAI, clip), (LAION, clip), (BLIP, blip), (BLIP2, blip2)):
        folder = root / "models" / "latentsteer_aux" / name
        folder.mkdir(parents=True)
        tiny_folders.saved(model, folder)
    (root / "input").mkdir()
    Image.new("RGB", (20, 20), "red").save(root / "input" / PICTURE)
    (root / "input" / REAL).mkdir()
    for colour in ("red", "green", "blue"):
        Image.new("RGB", (32, 32), colour).save(root / "input" / REAL / f"{colour}.png")
    return root


def test_the_rows_of_the_paper_are_there():
    notes = " ".join(shipped.notes for shipped in SHIPPED.values())
    assert [row for row in ROWS if f"Paper row t{row};" not in notes] == []
    assert [row for row in KRR_ROWS if f"Paper row k{row}." not in notes] == []
    for shipped in SHIPPED.values():
        used = {node["inputs"].get("file") for node in shipped.api.values()} - {None}
        assert used <= set(FILES)
        assert [file for file in used if f"`{file}`: " not in shipped.notes] == []


@pytest.mark.parametrize("name", SHIPPED)
def test_the_graph_holds_where_the_files_are(name, base, tmp_path):
    host = StandaloneHost()
    host.configure(base, tmp_path, "cpu")
    with use(host):
        graph = validate(SHIPPED[name].api, load_nodes())
    assert set(graph.order) == set(SHIPPED[name].api)


def test_without_the_files_it_is_told_which(tmp_path, capsys):
    path = FOLDER / "tr0n_biggan_text.json"
    assert main(["run", str(path), "--base", str(tmp_path), "--device", "cpu"]) == 2
    assert BIGGAN in capsys.readouterr().err


@pytest.mark.parametrize("name", SHIPPED)
def test_it_runs_on_tiny_models(name, base, tmp_path):
    settings: list[str] = []
    for node, raw in SHIPPED[name].api.items():
        inputs = raw["inputs"]
        settings += [f"{node}.{k}={v}" for k, v in CHEAP.items() if inputs.get(k, 0) > v]
        if "prompts" in inputs:
            settings.append(f"{node}.prompts=a red hat")
    flags = [text for setting in settings for text in ("--set", setting)]
    folders = ["--base", str(base), "--out", str(tmp_path), "--device", "cpu"]
    assert main(["run", str(FOLDER / "api" / f"{name}.json"), *folders, *flags]) == 0
    (picture,) = tmp_path.glob("*.png")
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["outputs"] == [str(picture)]
    items = [item for node in report["measures"].values() for item in node["items"]]
    found = {key: value for item in items for key, value in item.items()}
    assert found["refine"]["steps"] == 2
