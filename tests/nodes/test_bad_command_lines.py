"""Bad input on the command line: the same messages, without a traceback."""

import json

import pytest
from latentsteer.nodes.cli.main import main


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("77.seed=1", "there is no node '77'; the graph has node 1 (LatentSteer_LoadGenerator"),
        ("LatentSteer_LangevinRefine.sede=1", "input 'sede' of node"),
        ("LatentSteer_ClassCondition.classes=12", "'digits-classifier' has no class '12'"),
        ("LatentSteer_LoadGenerator.file=gone", "There is no model 'gone'"),
        ("LatentSteer_LangevinRefine.steps=x", "got 'x', expected a whole number from 1 to 1000"),
    ],
)
def test_the_command_line_says_it_without_a_traceback(
    setting, says, graph, tmp_path, base, out, capsys
):
    made = graph.steered()
    graph.add("SaveLatents", latents=graph.refined(made, graph.from_prior(made)))
    path = tmp_path / "graph.json"
    path.write_text(json.dumps(graph.api), encoding="utf-8")
    folders = ["--base", str(base), "--out", str(out)]
    assert main(["run", str(path), *folders, "--device", "cpu", "--set", setting]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert err.splitlines()[-1].startswith("latentsteer: ")
    assert "Traceback" not in err
    assert not out.exists()


def test_a_workflow_that_is_no_json_or_no_graph(tmp_path, capsys):
    path = tmp_path / "w.json"
    for content, says in (("{", "is not JSON"), (json.dumps([1]), "holds a list, not an object")):
        path.write_text(content)
        assert main(["run", str(path), "--base", str(tmp_path)]) == 2
        assert says in capsys.readouterr().err
