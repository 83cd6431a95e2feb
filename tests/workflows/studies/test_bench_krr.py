"""`latentsteer bench krr` with small settings, and its checks."""

import json

import pytest
from latentsteer.core.refine.refinement import refine
from latentsteer.nodes.cli.main import main
from latentsteer.workflows.studies.bench import krr as bench_krr
from latentsteer.workflows.studies.bench.harness import allocating, peak_memory

MEGABYTES = {("fixed", False): 1, ("fixed", True): 5, ("fast", False): 3, ("fast", True): 7}
"""By kind of chunks, and whether of the whole process."""


def test_the_bench_prints_its_rows_and_writes_its_numbers(monkeypatch, tmp_path, capsys):
    def measured(prepare, whole):
        """Separate processes take seconds to start; this checks the assignment of readings."""
        assert prepare.func is bench_krr.prepared
        particles, mode = prepare.args
        assert particles == bench_krr.QUICK.particles
        return MEGABYTES[mode, whole] << 20

    monkeypatch.setattr(bench_krr, "peak_memory", measured)
    path = tmp_path / "krr.json"
    assert main(["bench", "krr", "--quick", "--json", str(path)]) == 0
    out = capsys.readouterr().out
    assert "kernel: n = 32" in out
    flat = json.loads(path.read_text())
    for (mode, whole), size in MEGABYTES.items():
        what = "process" if whole else "added"
        assert flat[f"memory_{mode}_{what}_bytes"] == size << 20
        assert f"4 particles, {mode} chunks, {what}: {size} MB" in out
    for name in ("features_4", "kernel_64", "weights_64"):
        assert flat[f"{name}_seconds"] > 0
    assert flat["checks"] == {}


def test_what_is_measured_is_a_step_of_all_particles(monkeypatch):
    moved = []

    def watched(job, start):
        ended, trace = refine(job, start)
        moved.append((job.steps, (ended.values != start.values).any(dim=1).tolist()))
        return ended, trace

    monkeypatch.setattr(bench_krr, "refine", watched)
    warm, step = bench_krr.prepared(3, "fixed")
    assert moved == []
    warm()
    step()
    assert moved == [(1, [True] * 2), (1, [True] * 3)]


def test_growth_is_the_power():
    assert bench_krr.growth((10, 20, 40), (3.0, 24.0, 192.0)) == pytest.approx(3)


def test_it_asks_for_four_gigabytes_and_for_the_powers():
    flat = {"particles": 512, "memory_fixed_process_bytes": 1 << 30}
    flat |= {"memory_fast_process_bytes": 5 << 30}
    flat |= {"features_growth": 1.1, "kernel_growth": 1.7, "weights_growth": 2.2}
    checks = list(bench_krr.checks_of(flat))
    assert [check.holds for check in checks] == [True, False, True, True, False]


@pytest.mark.slow
def test_the_memory_of_a_whole_process_holds_its_libraries():
    """By default tests/workflows/studies/test_bench_pairs.py starts such a process."""
    found = peak_memory(bench_krr.partial(allocating, 64), whole=True)
    assert found > 160 << 20
