"""The record of the kinds of model folders, and what reads it."""

import subprocess
import sys
from pathlib import Path

import pytest
from latentsteer.core.errors import CheckpointError
from latentsteer.nodes.model_files import find, offered
from latentsteer.nodes.model_folders import MODEL_FOLDERS, ModelFolder
from latentsteer.nodes.standalone.host import StandaloneHost, use

ROOT = Path(__file__).parents[2]
WHOLE = ModelFolder("latentsteer_whole", "folders", "Make it.", marks={"mark.txt"}, files=False)
LOOSE = ModelFolder("latentsteer_loose", "files", "Make it.", suffixes={".one"})


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A host with two more kinds of folders, each with a file and a marked folder."""
    monkeypatch.setattr(
        "latentsteer.nodes.model_folders.MODEL_FOLDERS", (*MODEL_FOLDERS, WHOLE, LOOSE)
    )
    for folder in (WHOLE, LOOSE):
        inner = tmp_path / "models" / folder.key / "inner"
        inner.mkdir(parents=True)
        (inner / "mark.txt").touch()
        (inner.parent / "a.one").touch()
        (inner.parent / "a.two").touch()
    with use(StandaloneHost(tmp_path)) as host:
        yield host


def test_keys_are_those_of_every_saved_graph_and_extra_model_paths():
    assert [folder.key for folder in MODEL_FOLDERS][:4] == [
        "latentsteer_generators",
        "latentsteer_translators",
        "latentsteer_aux",
        "latentsteer_pairs",
    ]


def test_a_record_decides_what_a_loader_offers_and_finds(host):
    assert offered(WHOLE.key, ["shipped"]) == ["shipped", "inner"]
    assert offered(LOOSE.key, []) == ["a.one"]
    assert find(WHOLE.key, "inner").name == "inner"
    with pytest.raises(CheckpointError, match=r"no model 'a\.one'.*there is inner\. Make it\."):
        find(WHOLE.key, "a.one")
    with pytest.raises(CheckpointError, match=r"no model 'inner'.*there is a\.one\. Make it\."):
        find(LOOSE.key, "inner")


def test_an_unknown_kind_is_refused_with_the_list(host):
    with pytest.raises(ValueError, match=r"'other'; known: latentsteer_generators, .*_loose$"):
        host.model_folder("other")


def test_the_record_is_read_without_torch():
    code = "import sys, latentsteer.nodes.model_folders as m; print('torch' in sys.modules)"
    found = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert found.strip() == "False"


def test_every_folder_has_its_row_in_the_installation_guide():
    text = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `models/latentsteer")]
    assert rows == [f"| `models/{f.key}` | `{f.key}` | {f.holds} |" for f in MODEL_FOLDERS]
