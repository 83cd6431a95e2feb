"""The record of the kinds of model folders, and what reads it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from latentsteer.core.errors import CheckpointError
from latentsteer.nodes.model_files import find, offered
from latentsteer.nodes.model_folders import MODEL_FOLDERS, ModelFolder
from latentsteer.nodes.model_readmes import README, make_model_folder, readme_of
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


def test_a_folder_is_made_with_a_readme_that_no_loader_lists(tmp_path):
    for folder in MODEL_FOLDERS:
        place = tmp_path / "models" / folder.key
        make_model_folder(folder, place)
        assert [path.name for path in place.iterdir()] == [README]
        assert (place / README).read_text(encoding="utf-8") == readme_of(folder)
    with use(StandaloneHost(tmp_path)):
        assert [offered(folder.key, []) for folder in MODEL_FOLDERS] == [[]] * len(MODEL_FOLDERS)


@pytest.mark.parametrize("folder", MODEL_FOLDERS, ids=lambda folder: folder.key)
def test_a_readme_says_what_belongs_there(folder):
    text = readme_of(folder)
    assert text.startswith(f"# {folder.key}\n\nLatentSteer looks here for {folder.holds}:")
    named = {*(folder.suffixes if folder.files else ()), *folder.marks}
    assert all(name in text for name in named)
    for page in re.findall(r"<\S+/blob/main/(\S+)>", text):
        assert (ROOT / page).is_file()
    assert f"`{folder.key}`" in text


def test_a_file_of_the_user_stays(tmp_path):
    (tmp_path / README).write_text("mine", encoding="utf-8")
    make_model_folder(MODEL_FOLDERS[0], tmp_path)
    assert (tmp_path / README).read_text(encoding="utf-8") == "mine"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_written_does_not_stop_the_host(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    make_model_folder(MODEL_FOLDERS[0], tmp_path / "file" / "below")

    def refused(*arguments, **settings):
        raise OSError(30, "Read-only file system", str(tmp_path))

    monkeypatch.setattr(Path, "touch", refused)
    make_model_folder(MODEL_FOLDERS[0], tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []


def test_two_hosts_that_start_at_once_do_not_disturb_each_other(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "exists", lambda path: False)
    (tmp_path / README).write_text("of the other", encoding="utf-8")
    make_model_folder(MODEL_FOLDERS[0], tmp_path)
    assert (tmp_path / README).read_text(encoding="utf-8") == "of the other"
