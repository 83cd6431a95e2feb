"""The console script: exit codes, messages, and the report."""

import json
import sys
import types

import pytest
import torch
from latentsteer.nodes.cli import commands, report
from latentsteer.nodes.cli import main as script
from latentsteer.nodes.cli.main import main
from latentsteer.nodes.standalone.canvas.formats import ui_from_api
from latentsteer.nodes.standalone.version import version


@pytest.fixture(autouse=True)
def toys(monkeypatch, nodes):
    import latentsteer.nodes.cli.run as run

    monkeypatch.setattr(run, "load_nodes", lambda: nodes)


@pytest.fixture
def call(tmp_path):
    """Runs a graph with the script; returns the exit code."""

    def go(graph, *arguments):
        path = tmp_path / "toys.json"
        path.write_text(json.dumps(graph), encoding="utf-8")
        return main(["run", str(path), "--base", str(tmp_path), "--device", "cpu", *arguments])

    return go


def test_a_run_and_its_report(call, api, tmp_path, capsys):
    assert call(api, "--set", "1.seed=11", "--out", str(tmp_path / "res")) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "node 5 (ToyMeasure): seen"
    assert [line.rsplit("toy_")[-1] for line in out[1:3]] == ["00001_.png", "00002_.png"]
    content = json.loads((tmp_path / "res" / "report.json").read_text())
    assert content["workflow"]["file"] == "toys.json"
    assert content["workflow"]["graph"]["1"]["inputs"]["seed"] == 11
    assert content["versions"]["latentsteer"] == version()
    assert content["versions"]["torch"] == torch.__version__
    assert set(content["versions"]) == {"latentsteer", "python", "torch", "platform"}
    assert content["threads"] == torch.get_num_threads()
    assert content["device"] == "cpu"
    assert content["server"] is None
    assert content["seeds"] == {"1.seed": 11, "2.seed": 8}
    assert content["chunks"] == {"1.chunk": "fixed", "2.chunk": "fixed"}
    assert set(content["seconds"]["nodes"]) == set(api)
    assert content["seconds"]["total"] > 0
    assert content["outputs"] == out[1:3]
    item = content["measures"]["5"]["items"][0]
    assert content["measures"]["5"]["class_type"] == "ToyMeasure"
    assert item["energy"]["before"] == 2.0
    assert 0 < item["energy"]["after"] < 1


def test_a_canvas_workflow_runs_too(call, api, schemas, tmp_path):
    ui = ui_from_api(api, schemas, title="Toys", notes="text")
    assert call(ui) == 0
    content = json.loads((tmp_path / "out" / "report.json").read_text())
    assert content["workflow"]["graph"] == api


@pytest.mark.parametrize(
    ("change", "arguments", "says"),
    [
        (lambda api: api["1"].update(class_type="Toy"), [], "which is not available here"),
        (lambda api: None, ["--set", "77.seed=1"], "there is no node '77'"),
        (lambda api: None, ["--server", "127.0.0.1:9"], "no ComfyUI answers at http://127.0.0.1"),
        (lambda api: api.update(x=3), ["--set", "1.seed=1"], "entry 'x' is not a node"),
    ],
)
def test_faults_are_one_clean_message(call, api, capsys, change, arguments, says):
    change(api)
    assert call(api, *arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith("latentsteer: ")
    assert says in err
    assert "Traceback" not in err


def test_unknown_inputs_are_noted(call, api, capsys):
    api["1"]["inputs"].update(sede=1)
    api["4"]["inputs"].update(upload="image")
    assert call(api) == 0
    notes = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: ")]
    assert len(notes) == 1
    assert "has no input 'sede', so it is ignored" in notes[0]
    assert "did you mean 'seed'?" in notes[0]


def test_library_errors_in_nodes_are_clean_and_bugs_are_not(call, capsys):
    graph = {"7": {"class_type": "ToyFail", "inputs": {"how": "library"}}}
    assert call(graph) == 2
    message = "latentsteer: node 7 (ToyFail): steps is 0; expected 1 or more\n"
    assert capsys.readouterr().err == message
    assert call(graph, "--traceback") == 2
    err = capsys.readouterr().err
    assert err.startswith("Traceback")
    assert "InvalidInput" in err
    graph["7"]["inputs"]["how"] = "bug"
    assert call(graph) == 1
    err = capsys.readouterr().err
    assert "RuntimeError: a bug" in err
    assert "node 7 (ToyFail): a bug" in err


@pytest.mark.parametrize("presses", [1, 2])
def test_interrupts_exit_with_130(call, api, capsys, presses):
    inputs = {"image": ["3", 0], "stop_at": 1, "presses": presses}
    api["6"] = {"class_type": "ToyLoop", "inputs": inputs}
    assert call(api) == 130
    err = capsys.readouterr().err
    if presses == 1:
        assert "interrupted in node 6 (ToyLoop)" in err
        assert "partial.txt" in err
    else:
        assert "aborted" in err


def test_a_missing_base(call, api, tmp_path, capsys):
    assert call(api, "--base", str(tmp_path / "nowhere")) == 2
    assert "nowhere does not exist; it should hold models/ and input/" in capsys.readouterr().err


def test_threads(call, api, tmp_path):
    before = torch.get_num_threads()
    try:
        assert call(api, "--threads", "1") == 0
    finally:
        torch.set_num_threads(before)
    assert json.loads((tmp_path / "out" / "report.json").read_text())["threads"] == 1


@pytest.mark.parametrize("arguments", [[], ["run"], ["fly"], ["run", "x.json", "--threads", "0"]])
def test_bad_command_lines_exit_with_2(arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["reproduce", "--help"]])
def test_help_tells_the_exit_codes(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 0
    assert "130  interrupted with Ctrl-C" in capsys.readouterr().out


def test_version(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"latentsteer {version()}\n"


def test_names_are_dispatched(monkeypatch, tmp_path, capsys):
    module = types.ModuleType(f"{script.__package__}.toy_bench")
    module.run = lambda args: 5 if args.json is None else len(args.json.name)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(commands.BENCHES, "toy", ".toy_bench:run")
    monkeypatch.setitem(commands.REPRODUCTIONS, "toy", ".toy_bench:run")
    module.run.__defaults__ = None
    assert main(["bench", "toy"]) == 5
    assert main(["reproduce", "toy", "--json", "abc", "--budget", "ci"]) == 3
    assert main(["bench", "none"]) == 2
    assert "bench: there is no 'none'; known: toy" in capsys.readouterr().err.replace(
        ", ".join(sorted(commands.BENCHES)), "toy"
    )
    assert main(["reproduce", "none"]) == 2
    assert "digits" in capsys.readouterr().err


def test_the_report_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "sub" / "report.json"
    report.write_report(path, {"a": torch.tensor([1.0, 2.0]), "b": tmp_path})
    assert json.loads(path.read_text()) == {"a": [1.0, 2.0], "b": str(tmp_path)}
    with pytest.raises(TypeError, match="the report cannot hold a object"):
        report.write_report(path, {"a": object()})
    assert json.loads(path.read_text())["a"] == [1.0, 2.0]
    assert [p.name for p in path.parent.iterdir()] == ["report.json"]
