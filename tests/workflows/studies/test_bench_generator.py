"""`latentsteer bench generator` with small settings, and its checks."""

import json

import torch
from latentsteer.nodes.cli.main import main
from latentsteer.workflows.studies.bench import generator as bench_generator


def test_the_bench_prints_its_table_and_writes_its_numbers(tmp_path, capsys):
    path = tmp_path / "generator.json"
    assert main(["bench", "generator", "--quick", "--json", str(path)]) == 0
    out = capsys.readouterr().out
    assert f"batch 1, {torch.get_num_threads()} threads" in out
    assert "unfolded, forward and gradient: " in out
    flat = json.loads(path.read_text())
    for form in ("folded", "unfolded"):
        assert flat[f"{form}_forward_seconds"] > 0
        assert flat[f"{form}_gradient_seconds"] > 0
        assert 0 < sum(flat["profile"][form].values()) <= 1
    assert 0 < flat["largest_difference"] < 1e-5
    assert flat["checks"] == {}


def test_it_asks_for_a_form_that_is_faster_forward_and_back():
    flat = {f"unfolded_{kind}_seconds": 1.2 for kind in ("forward", "gradient")}
    flat |= {"folded_forward_seconds": 1.0, "folded_gradient_seconds": 1.1}
    forward, gradient = bench_generator.checks_of(flat)
    assert forward.holds
    assert not gradient.holds
    assert (forward.bound, forward.found) == (1.15, 1.2)


def test_the_full_plan_is_the_papers_network():
    layout = bench_generator.FULL.layout
    assert layout.channels == (1536, 1536, 768, 384, 192, 96)
    assert (layout.latent, layout.blocks, layout.attention) == (120, 5, {3})
