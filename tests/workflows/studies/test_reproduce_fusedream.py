"""`latentsteer reproduce fusedream` with its small budget, and the judging of two persons."""

import json
from dataclasses import replace

import pytest
import torch
from latentsteer.core.composition.paste import Paste
from latentsteer.core.composition.placement import placements
from latentsteer.core.rng import SampleRng
from latentsteer.core.zoo.avatar_captions import AvatarPrompt, captions
from latentsteer.core.zoo.avatar_pairs import Pair, person_pairs
from latentsteer.core.zoo.shipped import reference_images
from latentsteer.nodes.cli.main import main
from latentsteer.workflows.studies.fusedream import report, scenes, text
from latentsteer.workflows.studies.fusedream.cases import SWITCHES
from latentsteer.workflows.studies.fusedream.report import BUDGETS
from latentsteer.workflows.studies.fusedream.scenes import Judging
from latentsteer.workflows.studies.fusedream.study import Basis, FuseDreamStudy
from latentsteer.workflows.studies.fusedream.table import Row, ablations, rows

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def study():
    return FuseDreamStudy(7, CPU, lambda what: None)


TINY = replace(
    BUDGETS["ci"],
    every=32,
    best=replace(BUDGETS["ci"].best, candidates=3, steps=1),
    candidates=(2,),
    few=3,
    views=1,
    attacked=2,
    compared=8,
    attack_views=1,
    measured=1,
    starts=1,
    wrong_candidates=2,
    wrong_steps=1,
    wrong_views=1,
    pairs=1,
    pair_candidates=2,
    composed=1,
    stored=8,
    places=placements((0.5,), "centre"),
)


def reproduced(tmp_path, switches):
    """The figures of the small budget, with the properties that hold for any values."""
    path = tmp_path / "fusedream.json"
    flags = ["--budget", "ci", "--device", "cpu", "--json", str(path)]
    assert main(["reproduce", "fusedream", *flags]) == 0
    found = json.loads(path.read_text())
    assert all(isinstance(value, (int, float)) for value in found.values())
    assert found["seeds"] == 1
    shares = [key for key in found if key.endswith(("_satisfied", "_both", "_reached"))]
    assert len(shares) > 15
    assert all(0 <= found[key] <= 1 for key in shares)
    for key in ("attack_on_plain_plain_more", "pairs_whole_more", "wrong_start_augclip_more"):
        assert found[f"{key}_low"] <= found[key] <= found[f"{key}_high"]
    for one in switches:
        assert 0 <= found[f"wrong_start_{one.name}_plain"] <= 1
    return found


def test_a_tiny_budget_writes_flat_keys(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(BUDGETS, "ci", TINY)
    # Two boxes instead of eighteen: in each, the energy and the judge see the image again.
    monkeypatch.setattr(scenes, "placements", lambda: placements((0.5,), "bottom right")[:2])
    for module in (report, text):
        monkeypatch.setattr(module, "SWITCHES", SWITCHES[:2])
    found = reproduced(tmp_path, SWITCHES[:2])
    assert found["captions"] == len(captions()[::32])
    # A gradient step raises the plain score, even of two images.
    assert found["attack_on_plain_raises_plain"] > 0
    said = capsys.readouterr().out
    assert "two persons, composed, somewhere" in said
    assert "augclip_both" in said


@pytest.mark.slow
def test_the_small_budget_writes_flat_keys(tmp_path):
    found = reproduced(tmp_path, SWITCHES)
    # A gradient step raises the plain score, even of six images.
    assert found["attack_on_plain_raises_plain"] > 0


def test_there_is_a_row_for_each_form_of_the_weights_and_the_papers_is_the_whole():
    best = BUDGETS["full"].best
    alone = replace(best, basis=Basis(1))
    table = ablations(best, alone, candidates=(10,), keeps=(2,), few=5, views=2, rate=0.01)
    forms = {name: table[name].basis.weights for name in ("full", "linear", "softmax")}
    assert forms == {"full": "scalar", "linear": "linear", "softmax": "softmax"}
    alike = [replace(table[n], basis=best.basis, rate=best.rate, curved=True) for n in forms]
    assert alike == [best] * 3
    assert [table[name].rate for name in forms] == [best.rate, 0.01, 0.01]
    assert {table[name].basis.weights for name in ("k_2", "m_10", "augclip_refined")} == {"scalar"}


def test_searching_and_refining_help_and_smaller_bases_are_heads_of_larger_ones(study):
    prompts = [
        AvatarPrompt("dark skin, blue background", {"skin": "dark", "background": "blue"})
    ] * 2
    best = Row(Basis(2), candidates=12, steps=6, rate=0.03, curved=True)
    alone = replace(best, basis=Basis(1))
    every = ablations(best, alone, candidates=(3,), keeps=(4,), few=3, views=2, rate=0.03)
    table = {name: every[name] for name in ("search_only", "naive", "full", "no_basis")}
    found = {name: figures for name, figures, _ in rows(study, prompts, table, scored=4)}
    assert found["full"]["similarity"] > found["naive"]["similarity"]
    assert found["no_basis"]["similarity"] > found["search_only"]["similarity"]
    assert {"after_0", "after_5", "after_5_seconds"} < found["full"].keys()
    assert found["full"]["search_seconds"] == found["no_basis"]["search_seconds"]
    condition = study.condition([prompt.text for prompt in prompts])
    few, many = (study.search(condition, 12, keep) for keep in (2, 4))
    assert torch.equal(few.points, many.points[:, :2])


def test_a_basis_of_pairs_is_the_nearest_pairs(study):
    best = Row(Basis(3), candidates=12, steps=2, rate=0.03, curved=True)
    table = ablations(best, best, candidates=(), keeps=(), few=3, views=1, rate=0.01, pairs=20)
    assert {n: (r.basis.keep, r.pairs, r.curved) for n, r in table.items() if r.pairs} == {
        "stored_k_2": (2, 20, False),
        "stored_k_3": (3, 20, False),
    }
    texts = ["dark skin, blue background", "red hat"]
    condition = study.condition(texts)
    points = study.nearest(condition, 20, 3)
    pairs = study.pool.first(20)
    near = torch.cosine_similarity(condition.embedding[:, None], pairs.conditions[None], dim=2)
    assert torch.equal(points, pairs.latents[near.topk(3, dim=1).indices])
    prompts = [AvatarPrompt(text, {"background": "blue"}) for text in texts]
    own = {n: replace(r, steps=n.endswith("3") * r.steps) for n, r in table.items() if r.pairs}
    found = {name: figures for name, figures, _ in rows(study, prompts, own, scored=1)}
    assert found["stored_k_3"]["similarity"] > found["stored_k_2"]["similarity"]
    assert found["stored_k_3"]["search_seconds"] == found["stored_k_2"]["search_seconds"]


def test_both_persons_are_found_where_they_were_pasted_and_not_in_one_face(study):
    pair = Pair(AvatarPrompt("", {"top": "hat"}), AvatarPrompt("", {"top": "afro"}))
    images, values = reference_images("avatars held out (embedded)")
    tops = study.judge.attributes["top"]
    hat = images[(values[:, 0] == tops.index("hat")).nonzero()[0]]
    afro = images[(values[:, 0] == tops.index("afro")).nonzero()[0]]
    place = placements((0.5,), "bottom right")
    pasted = Paste((64, 64), place).fused(hat, afro, SampleRng.of(0, 1))
    figures, both = Judging(study, [pair, pair]).figures("two", torch.cat([pasted, afro]))
    assert both == [True, False]
    assert figures["pairs_two_both"] == 0.5
    assert figures["pairs_two_person"] == 0.75


def test_two_persons_are_asked_for_by_one_prompt():
    pair = person_pairs()[0]
    assert pair.text == f"{pair.first.text} | {pair.second.text}"
