"""The shipped files, and that all lists of them agree."""

import asyncio
import hashlib
import json
import re
import subprocess
import sys
import types
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path, PurePosixPath

import latentsteer
import pytest
from latentsteer.core.zoo import shipped as catalogue
from latentsteer.core.zoo.avatars import ATTRIBUTES
from latentsteer.nodes.catalogue import ALL_NODES
from latentsteer.workflows.studies.training.avatars_data import SPLITS
from PIL import Image

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    tomllib = None

ROOT = Path(__file__).parent.parent
ZOO = ROOT / "core" / "zoo"
SHIPPED = ("core", "nodes", "workflows", "web", "locales")
LARGE = (
    "avatars-clip.safetensors",
    "avatars-codes.safetensors",
    "avatars-generator.safetensors",
    "avatars-judge.safetensors",
    "avatars-one-step.safetensors",
    "avatars-prior.safetensors",
    "avatars-pairs/0000000000-0000032768.safetensors",
    "avatars_held_out.png",
    "digits-generator.safetensors",
    "../../workflows/studies/results/contrast_encoders.safetensors",
)
"""Files of more than a megabyte, from core/zoo/."""
TOP = {
    *("nodes", "core", "workflows", "tests", "web", "locales", "docs"),
    *("__init__.py", "pyproject.toml", "requirements.txt", "Makefile"),
    *("README.md", "LICENSE", "NOTICE", "SECURITY.md"),
}


@pytest.fixture(scope="module")
def project():
    if tomllib is None:
        pytest.skip("needs tomllib, Python 3.11")
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def files():
    """Returns the files that git tracks, or would add."""
    if not (ROOT / ".git").exists():
        pytest.skip("no checkout")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    names = {PurePosixPath(name) for name in listed.split("\0") if name}
    return {name for name in names if (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def manifest():
    return json.loads((ZOO / "manifest.json").read_text(encoding="utf-8"))


def test_every_package_is_listed(project):
    found = {"latentsteer"}
    for top in ("core", "nodes", "workflows"):
        for marker in (ROOT / top).rglob("__init__.py"):
            found.add(".".join(("latentsteer", *marker.parent.relative_to(ROOT).parts)))
    listed = project["tool"]["setuptools"]["packages"]
    assert sorted(listed) == sorted(found)


def test_no_module_lies_outside_a_package(files):
    modules = {name for name in files if name.suffix == ".py" and name.parts[0] in SHIPPED}
    assert len(modules) > 50
    assert {name for name in modules if not (ROOT / name.parent / "__init__.py").exists()} == set()


def test_all_data_that_the_library_needs_is_shipped(project, files):
    covered = set()
    for package, patterns in project["tool"]["setuptools"]["package-data"].items():
        folder = ROOT.joinpath(*package.split(".")[1:])
        covered |= {p.relative_to(ROOT) for pattern in patterns for p in folder.glob(pattern)}
    data = {Path(name) for name in files if name.parts[0] in SHIPPED and name.suffix != ".py"}
    assert len(data) > 15
    assert data - covered == set()


def test_the_versions_agree(project):
    assert project["project"]["version"] == latentsteer.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", latentsteer.__version__)


def test_the_hosts_requirements_are_the_packages(project):
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").split("\n")
    assert [line for line in lines if line] == project["project"]["dependencies"]


def test_what_the_host_brings_is_asked_for_without_a_host_alone(project):
    """A custom node must not replace the host's PyTorch."""

    def names(requirements):
        return {re.split(r"[^\w-]", text)[0].lower() for text in requirements}

    own = names(project["project"]["dependencies"])
    standalone = names(project["project"]["optional-dependencies"]["standalone"])
    assert {"torch", "torchvision", "scipy", "pillow", "tqdm"} <= standalone
    assert own & standalone == set()


def test_the_host_and_its_registry_find_what_they_need(project):
    comfy = project["tool"]["comfy"]
    assert comfy["DisplayName"] == "LatentSteer"
    assert comfy["requires-comfyui"].startswith(">=0.3.64")
    assert comfy["PublisherId"]
    assert project["project"]["name"] == "latentsteer"
    assert callable(latentsteer.comfy_entrypoint)
    assert not hasattr(latentsteer, "NODE_CLASS_MAPPINGS")


@pytest.fixture
def entered(monkeypatch):
    """Returns a function that gets the list of nodes as ComfyUI does."""
    latest = types.ModuleType("comfy_api.latest")
    latest.ComfyExtension = object
    monkeypatch.setitem(sys.modules, "comfy_api", types.ModuleType("comfy_api"))
    monkeypatch.setitem(sys.modules, latest.__name__, latest)

    async def enter():
        return await (await latentsteer.comfy_entrypoint()).get_node_list()

    return lambda: asyncio.run(enter())


def test_the_host_gets_every_node(entered):
    assert entered() == ALL_NODES


def test_why_the_nodes_cannot_be_loaded_is_logged_with_its_place(entered, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "latentsteer.nodes.catalogue", None)
    with pytest.raises(ModuleNotFoundError):
        entered()
    (record,) = [one for one in caplog.records if one.name == "latentsteer"]
    assert record.getMessage() == "LatentSteer cannot be loaded"
    assert record.exc_info[0] is ModuleNotFoundError
    assert "latentsteer.nodes.catalogue" in str(record.exc_info[1])


def test_the_icon_is_one_that_the_registry_takes(project):
    """A square of at most 400 pixels, at an address of the repository's main branch."""
    address = project["tool"]["comfy"]["Icon"]
    home = project["project"]["urls"]["Repository"].replace(
        "github.com", "raw.githubusercontent.com"
    )
    branch, name = address.removeprefix(f"{home}/").split("/", 1)
    assert branch == "main"
    with Image.open(ROOT / name) as icon:
        assert icon.format == "PNG"
        assert icon.width == icon.height <= 400


def test_what_nodes_need_is_required(project):
    """CMA-ES Refine and the backbones of LPIPS: a graph must not fail for a small package."""
    names = {re.split(r"[^\w-]", text)[0] for text in project["project"]["dependencies"]}
    assert {"cmaes", "lpips"} <= names


def test_the_console_script_is_there(project):
    from importlib import import_module

    module, _, function = project["project"]["scripts"]["latentsteer"].partition(":")
    assert callable(getattr(import_module(module), function))


def test_every_file_of_the_zoo_is_in_its_manifest(manifest):
    listed = [entry["file"] for entry in manifest]
    assert len(set(listed)) == len(listed)
    there = {path.relative_to(ZOO).as_posix() for path in ZOO.rglob("*") if path.is_file()}
    assert {name for name in there if name.endswith(".safetensors")} <= set(listed)
    assert set(listed) <= there


def test_the_manifest_tells_the_files_as_they_are(manifest):
    for entry in manifest:
        content = (ZOO / entry["file"]).read_bytes()
        assert entry["bytes"] == len(content), entry["file"]
        assert entry["sha256"] == hashlib.sha256(content).hexdigest(), entry["file"]
        for key in ("what", "source", "licence", "script"):
            assert entry[key], (entry["file"], key)
        python, flag, module = entry["script"].split()[:3]
        assert (python, flag) == ("python", "-m")
        assert find_spec(module), entry["script"]


def test_the_catalogue_offers_what_the_manifest_lists(manifest):
    kinds = (
        catalogue.GENERATORS,
        catalogue.AUXILIARIES,
        catalogue.TRANSLATORS,
        catalogue.PAIRS,
        catalogue.PRIORS,
    )
    named = {file for kind in kinds for file in kind.values()}
    # Of the files of a folder, the folder is offered.
    listed = {PurePosixPath(entry["file"]).parts[0] for entry in manifest}
    assert named == {name for name in listed if not name.endswith(".npz")}
    assert all((ZOO / name).is_file() for name in catalogue.REFERENCES.values())


def test_the_weights_are_small():
    def size(*names):
        return sum((ZOO / name).stat().st_size for name in names)

    digits = [path.name for path in ZOO.glob("digits-*.safetensors")]
    assert 0 < size(*digits) <= 2_500_000
    assert size("avatars-generator.safetensors", "avatars-clip.safetensors") <= 12_000_000
    assert size("avatars-judge.safetensors") <= 3_000_000
    assert size("avatars-prior.safetensors") <= 3_500_000
    assert size("avatars-one-step.safetensors") <= 5_000_000
    assert size("avatars_held_out.png") <= 6_000_000


def test_the_splits_are_disjoint_and_of_the_promised_sizes(manifest):
    content = json.loads((ZOO / "digits_splits.json").read_text(encoding="utf-8"))
    names = ("generator", "classifier", "judge", "held_out")
    splits = {name: set(content[name]) for name in names}
    assert [len(content[name]) for name in names] == [6000, 1500, 1500, 1000]
    assert [len(splits[name]) for name in names] == [6000, 1500, 1500, 1000]
    for one, other in combinations(names, 2):
        assert splits[one] & splits[other] == set(), (one, other)
    assert {type(n) for split in splits.values() for n in split} == {int}
    assert min(min(split) for split in splits.values()) >= 0
    for entry in manifest:
        trained = entry.get("trained_on", {})
        if "split" not in trained:
            continue  # pairs, and translators, which are trained on them
        if entry["file"].startswith("digits"):
            assert trained["count"] == len(splits[trained["split"]])
        else:
            assert trained["count"] == SPLITS[trained["split"]][1]


def test_the_held_out_images_are_all_there():
    images, labels = catalogue.reference_images("digits held out (embedded)")
    assert images.shape == (1000, 3, 28, 28)
    assert 0 <= images.min() < images.max() <= 1
    assert labels.bincount(minlength=10).min() >= 50
    images, values = catalogue.reference_images("avatars held out (embedded)")
    assert images.shape == (SPLITS["held_out"][1], 3, 64, 64)
    assert 0 <= images.min() < images.max() <= 1
    assert values.shape == (len(images), len(ATTRIBUTES))
    for column, choices in enumerate(ATTRIBUTES.values()):
        assert values[:, column].unique().tolist() == list(range(len(choices)))


def test_the_top_folder_holds_the_agreed_names_alone(files):
    top = {name.parts[0] for name in files}
    assert {name for name in top if not name.startswith(".")} - TOP == set()
    needed = {name for name in TOP if name not in ("web", "locales")}
    assert needed - top == set()
    assert {".ci", ".gitignore"} <= top


def test_nothing_large_is_committed(files):
    sizes = {str(name): (ROOT / name).stat().st_size for name in files}
    large = {name for name, size in sizes.items() if size > 1_000_000}
    assert large <= {str((ZOO / name).resolve().relative_to(ROOT)) for name in LARGE}
    assert sum(size for name, size in sizes.items() if name not in large) < 18_000_000
