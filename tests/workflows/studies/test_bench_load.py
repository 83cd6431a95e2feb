"""`latentsteer bench load` with small settings, and its checks."""

import contextlib
import json

import pytest
import torch
from latentsteer.core.generators.dalle.networks import DvaeDecoder, DvaeLayout
from latentsteer.nodes.cli.main import main
from latentsteer.workflows.studies.bench import load as bench_load
from latentsteer.workflows.studies.bench.harness import added_memory


@pytest.fixture
def here(monkeypatch):
    """What the bench runs in a process of its own runs in this one."""

    class Done:
        def __init__(self, result):
            self.result = lambda: result

    class Pool:
        def submit(self, function, *arguments):
            return Done(function(*arguments))

    @contextlib.contextmanager
    def pool(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        yield Pool()

    monkeypatch.setattr(bench_load, "frugal_process", pool)
    monkeypatch.delenv(bench_load.FOLDER, raising=False)


@pytest.mark.usefixtures("here")
def test_the_bench_prints_its_table_and_writes_its_numbers(monkeypatch, tmp_path, capsys):
    made = {"decoder.pth": lambda: DvaeDecoder(DvaeLayout(6, 4, 1, 5))}
    monkeypatch.setattr(bench_load, "QUICK", bench_load.Plan(1, most=1, released=made))
    path = tmp_path / "load.json"
    assert main(["bench", "load", "--quick", "--json", str(path)]) == 0
    assert "digits-generator.safetensors" in capsys.readouterr().out
    flat = json.loads(path.read_text())
    assert set(flat["files"]) == {"digits-generator.safetensors", "decoder.pth"}
    for one in flat["files"].values():
        for kind in ("seconds", "bytes"):
            assert one[f"{kind}_ratio"] == pytest.approx(
                one[f"load_{kind}"] / max(one[f"read_{kind}"], 1e-9)
            )
    assert flat["checks"] == {}


def test_the_models_of_a_folder_are_found_and_outputs_are_not(monkeypatch, tmp_path):
    for name in ("a.pth", "a.npz", "b.npz", "b_ref.npz", "README.md"):
        (tmp_path / name).touch()
    (tmp_path / "hf").mkdir()
    (tmp_path / "hf" / "config.json").touch()
    (tmp_path / "other").mkdir()
    monkeypatch.setenv(bench_load.FOLDER, str(tmp_path))
    found = {path.name for path in bench_load.model_files() if path.parent == tmp_path}
    assert found == {"a.pth", "b.npz", "hf"}


def test_added_memory_is_that_of_the_step():
    kept = []
    added = added_memory(lambda: kept.append(torch.ones(100 << 18)))  # 100 MiB
    assert 90 < added / 2**20 < 120


def test_only_files_of_a_megabyte_are_required_to_load_within_one_and_a_half_times():
    ratios = {"seconds_ratio": 1.4, "bytes_ratio": 1.6}
    found = {"large": {"size": 1 << 20, **ratios}, "small": {"size": 1000, **ratios}}
    checks = list(bench_load.checks_of(found))
    assert [check.holds for check in checks] == [True, False]
    assert all(check.what.startswith("large") for check in checks)
    with torch.device("meta"):
        made = [make() for make in bench_load.FULL.released.values()]
    sizes = [sum(one.numel() for one in network.parameters()) for network in made]
    assert min(sizes) > 7_000_000
