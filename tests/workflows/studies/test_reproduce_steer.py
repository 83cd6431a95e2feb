"""`latentsteer reproduce steer` with its small budget."""

import json

import pytest
from latentsteer.nodes.cli.main import main


@pytest.mark.slow
def test_the_study_steers_and_writes(tmp_path, capsys):
    path, out = tmp_path / "steer.json", tmp_path / "out"
    flags = ["--budget", "ci", "--device", "cpu", "--json", str(path), "--out", str(out)]
    assert main(["reproduce", "steer", *flags]) == 0
    found = json.loads(path.read_text())
    for name in ("examples_draft", "captions_draft"):
        assert 0 < found[f"{name}_satisfied"] <= 1
        assert found[f"{name}_satisfied_low"] <= found[f"{name}_satisfied"]
    assert {picture.name for picture in (out / "steer").glob("*.png")} == {
        "examples_draft.png",
        "captions_draft.png",
    }
