"""`latentsteer bench clip` with small settings, and its parts."""

import json
from dataclasses import replace
from functools import partial

import pytest
import torch
from latentsteer.nodes.cli.main import main
from latentsteer.workflows.studies.bench import clip as bench_clip
from latentsteer.workflows.studies.bench.harness import Check, allocating, medians, peak_memory
from latentsteer.workflows.studies.bench.networks import biggan_512, numbers, stylegan2_1024

SMALL = replace(bench_clip.QUICK, memory_sides=())


def test_the_bench_prints_its_tables_and_writes_its_numbers(monkeypatch, tmp_path, capsys):
    pytest.importorskip("open_clip")
    monkeypatch.setattr(bench_clip, "QUICK", SMALL)
    path = tmp_path / "clip.json"
    assert main(["bench", "clip", "--quick", "--json", str(path)]) == 0
    out = capsys.readouterr().out
    assert "6 views, tiny of 0." in out
    assert "tiny-32, bf16" in out
    flat = json.loads(path.read_text())
    assert "   G of 0.0 M: " in out
    assert flat["threads"] == torch.get_num_threads()
    for row in ("energy_32", "energy_64", "step_tiny-32"):
        for case in ("ours_fp32", "ours_bf16", "bare_fp32", "bare_bf16", "straightforward_fp32"):
            assert flat[f"{row}_{case}_seconds"] > 0
    assert 0 < flat["step_tiny-32_generator_fp32_seconds"] < flat["step_tiny-32_ours_fp32_seconds"]
    assert flat["checks"] == {}


def test_the_full_plan_checks_what_the_release_promises():
    names = [
        f"energy_{side}_{case}"
        for side in (256, 512, 1024)
        for case in bench_clip.energy_cases(bench_clip.FULL, side)
    ]
    flat = {f"{name}_seconds": 1.0 for name in names} | {f"{name}_bytes": 6 for name in names}
    flat |= {f"energy_512_ours_fp32_{views}_views_bytes": 6 for views in (20, 200)}
    checks = list(bench_clip.checks_of(bench_clip.FULL, flat))
    assert len(checks) == 6 + 5 + 4 + 1
    assert [check.what for check in checks if check.holds] == [
        "256 px, fp32: LatentSteer over the bare CLIP in fp32",
        "256 px, fp32: faster than the straightforward form in fp32",
        "256 px, bf16: LatentSteer over the bare CLIP in bf16",
        "512 px, fp32: LatentSteer over the bare CLIP in fp32",
        "512 px, bf16: LatentSteer over the bare CLIP in bf16",
        "1024 px, fp32: LatentSteer over the bare CLIP in fp32",
        "1024 px, bf16: LatentSteer over the bare CLIP in bf16",
        "memory of 200 views over that of 20",
    ]
    assert str(checks[0]).startswith("ok     256 px")
    assert str(Check("x", 2.0, 1.0, most=True)) == "MISSED x: 2.000 (required <= 1.00)"


def test_rounds_are_interleaved_after_what_is_warmed_up():
    order = []
    steps = {"a": lambda: order.append("a"), "b": lambda: order.append("b")}
    found = medians(steps, 2, warm=("b",))
    assert order == ["b", *["a", "b"] * 2]
    assert set(found) == {"a", "b"}


def test_cases_that_are_seldom_wanted_take_every_third_round():
    order = []
    steps = {"a": lambda: order.append("a"), "b": lambda: order.append("b")}
    medians(steps, 5, seldom=("b",))
    assert "".join(order) == "abaaaba"


def test_peak_memory_is_what_a_step_adds():
    found = peak_memory(partial(allocating, 200)) >> 20
    assert 190 <= found <= 240


def test_the_stand_ins_have_the_papers_sizes():
    for make, millions in ((biggan_512, 82), (stylegan2_1024, 30)):
        with torch.device("meta"):
            assert numbers(make()) / 1e6 == pytest.approx(millions, rel=0.05)
