"""`latentsteer reproduce translator`: equal budgets of G, and the orderings' verdicts."""

import json
from dataclasses import replace
from importlib.util import find_spec

import pytest
import torch
from latentsteer.core.chunking import Chunking
from latentsteer.core.errors import InvalidInput
from latentsteer.core.rng import SampleRng
from latentsteer.core.translators.training import Training
from latentsteer.core.zoo import shipped
from latentsteer.nodes.cli.main import main
from latentsteer.workflows.studies.results.page import HERE, PLACE
from latentsteer.workflows.studies.tr0n import translator as report
from latentsteer.workflows.studies.tr0n.orderings import (
    ORDERINGS,
    Ordering,
    Verdict,
    flat_verdicts,
    verdict,
)
from latentsteer.workflows.studies.tr0n.translator_problems import avatars, digits
from latentsteer.workflows.studies.tr0n.translator_rows import (
    ROWS,
    Counted,
    Scale,
    TranslatorStudy,
)

CPU = torch.device("cpu")
# Not `importorskip`: an import of the library by others changes torch.distributions.
needs_flows = pytest.mark.skipif(
    find_spec("zuko") is None, reason="the extra `flow` is not installed"
)
SMALL = {
    "digits": (digits, Scale(4, 2, 16, 2, 2)),
    "avatars": (avatars, Scale(1, 2, 4, 2, 1)),
}


@pytest.fixture(scope="module", autouse=True)
def few_real_images():
    """Measures distances to few real images, whose features take seconds."""
    whole = shipped.reference_images
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shipped, "reference_images", lambda name: [x[:16] for x in whole(name)])
        yield


@pytest.fixture(scope="module", params=SMALL)
def study(request):
    make, scale = SMALL[request.param]
    problem = make(scale.conditions, scale.each, CPU)
    problem = replace(problem, training=Training(epochs=1), hidden=8)
    return TranslatorStudy(problem, scale, 0, CPU, lambda text: None)


def by_calls(study):
    """Counts the images at the network itself, apart from the study's own counter."""
    seen = {"forward": 0, "backward": 0}

    def forward(module, given, images):
        seen["forward"] += len(images)

    def backward(module, inner, outer):
        seen["backward"] += len(outer[0])

    module = study.problem.generator.module
    hooks = [
        module.register_forward_hook(forward),
        module.register_full_backward_hook(backward),
    ]
    return seen, hooks


@pytest.fixture(scope="module")
def measured(study):
    """Returns the study's rows, and by row and M the images that the network saw."""
    calls, images = {}, study.images

    def watched(row, candidates):
        seen, hooks = by_calls(study)
        made = images(row, candidates)
        for hook in hooks:
            hook.remove()
        calls[row, candidates] = seen
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "images", watched)
        return list(study.rows()), calls


@needs_flows
def test_budgets_of_g_are_equal_by_the_calls_of_the_network(study, measured):
    _, calls = measured
    scale = study.scale
    assert study.spent_on_pairs == scale.pairs
    budget = scale.evaluations(ROWS["full"], scale.candidates)
    spent = {}
    for name, row in ROWS.items():
        seen = calls[row, scale.matched(row)]
        assert seen["backward"] == (scale.samples * scale.steps if row.rule else 0)
        spent[name] = sum(seen.values()) + (scale.pairs if row.start != "prior" else 0)
    assert spent == dict.fromkeys(ROWS, budget)


@needs_flows
def test_rows_have_the_counted_evaluations_of_both_comparisons(study, measured):
    rows, _ = measured
    found = {(comparison, name): figures for comparison, name, figures, _ in rows}
    assert len(found) == 2 * len(ROWS)
    scale = study.scale
    for name, row in ROWS.items():
        own = found["equal_m", name]
        assert own["candidates"] == scale.candidates
        assert own["evaluations"] == scale.evaluations(row, scale.candidates)
        assert 0 <= own["judge"] <= 1
        assert own["fd"] > 0
    budgets = {found["equal_g", name]["evaluations"] for name in ROWS}
    assert budgets == {found["equal_m", "full"]["evaluations"]}
    # Their starts and steps are the full method's.
    for name in ("deterministic", "flow", "adam", "full"):
        assert found["equal_g", name] == found["equal_m", name]
    more = [found["equal_g", name]["candidates"] for name in ROWS][:3]
    per_sample = scale.pairs // scale.samples
    refined = 2 * scale.steps + 2
    plain = scale.candidates
    assert more == [plain + per_sample + refined, plain + refined, plain + per_sample]
    # One point per class or text is refined.
    assert found["equal_m", "deterministic"]["diversity"] < found["equal_m", "prior"]["diversity"]


def test_a_counter_counts_images_and_leaves_them_as_they_are():
    generator = digits(1, 1, CPU).generator
    counted = Counted(generator)
    rng = SampleRng.of(0, 5, "latents")
    z = generator.prior.sample(rng, torch.empty(0)).requires_grad_()
    chunking = Chunking(2, padded=False)
    with torch.no_grad():
        (images,) = chunking.apply_random(lambda v, part: (counted.generator(v, part),), z, rng)
    assert torch.equal(
        images, chunking.apply_random(lambda v, part: (generator(v, part),), z, rng)[0].detach()
    )
    assert (counted.forward, counted.backward) == (5, 0)
    seen = counted.generator(z[:3], rng.taken([0, 1, 2]))
    seen.sum().backward()
    assert (counted.forward, counted.backward, counted.evaluations) == (8, 3, 11)


def test_the_shares_of_pairs_are_whole_numbers():
    with pytest.raises(InvalidInput, match="a multiple"):
        Scale(10, 3, 100, 2, 4)
    with pytest.raises(InvalidInput, match="1 candidates; at least 2"):
        Scale(10, 2, 100, 1, 4)


@pytest.mark.parametrize(
    ("leads", "signs", "word"),
    [
        ((0.1, 0.2, 0.3), "+++", "holds"),
        ((-0.1, -0.2, -0.3), "---", "reversed"),
        ((0.1, 0.2, -0.001), "++-", "undecided"),
        ((0.0, 0.0, 0.0), "000", "undecided"),
        ((0.1, 0.0, 0.1), "+0+", "undecided"),
        ((0.1,), "+", "undecided"),
    ],
)
def test_an_ordering_holds_if_all_of_several_seeds_agree(leads, signs, word):
    found = Verdict(leads)
    assert (found.signs, found.word) == (signs, word)
    assert found.lead == pytest.approx(sum(leads) / len(leads))


def test_a_lower_frechet_distance_is_ahead():
    full, other = [1.0, 2.0, 3.0], [1.5, 2.25, 4.0]
    assert verdict(Ordering("prior", "fd"), full, other).leads == (0.5, 0.25, 1.0)
    assert verdict(Ordering("prior", "f"), full, other).leads == (-0.5, -0.25, -1.0)
    assert verdict(Ordering("prior", "diversity"), full, other).word == "reversed"
    with pytest.raises(InvalidInput, match="3 and 2 seeds"):
        verdict(Ordering("prior", "f"), full, other[:2])


def test_verdicts_are_of_the_rows_and_figures_of_the_paper():
    """By the paper's own numbers, NVAE and AutoGAN as two seeds, all of Table 1's hold."""
    table = {
        "full": ((19.79, 0.75), (10.69, 0.95)),
        "prior": ((41.70, 0.1), (12.45, 0.1)),
        "translator_only": ((40.80, 0.20), (11.00, 0.41)),
        "no_translator": ((36.74, 0.54), (14.30, 0.68)),
        "deterministic": ((77.11, 0.48), (123.23, 0.97)),
        "adam": ((20.24, 0.51), (11.08, 0.93)),
        "flow": ((20.0, 0.7), (11.0, 0.9)),  # figure 8 has no numbers
    }
    seeds = [
        {
            key: value
            for row, models in table.items()
            for key, value in {
                f"x_{row}_fd": models[seed][0],
                f"x_{row}_f": models[seed][1],
                f"x_{row}_judge": models[seed][1],
                f"x_{row}_diversity": float(row == "full"),
            }.items()
        }
        for seed in range(2)
    ]
    found = flat_verdicts("x_", seeds)
    assert len(found) == len(ORDERINGS)
    assert {one.word for _, one in found.values()} == {"holds"}
    assert found["x_lead_adam_f"][1].leads == pytest.approx((0.24, 0.02))
    assert {one.other for one, _ in found.values()} == set(table) - {"full"}


@needs_flows
def test_the_command_writes_figures_verdicts_and_pictures(tmp_path, capsys, monkeypatch):
    small = {"digits": Scale(2, 2, 4, 2, 1)}
    monkeypatch.setitem(report.BUDGETS, "ci", small)
    monkeypatch.setitem(report.SEEDS, "ci", (0, 1))
    path, out = tmp_path / "translator.json", tmp_path / "out"
    flags = ["--budget", "ci", "--device", "cpu", "--json", str(path), "--out", str(out)]
    assert main(["reproduce", "translator", *flags]) == 0
    found = json.loads(path.read_text())
    assert [file.name for file in (out / "translator").iterdir()] == ["digits.png"]
    said = capsys.readouterr().out
    for problem in small:
        for comparison in ("equal_m", "equal_g"):
            prefix = f"{problem}_{comparison}_"
            for one in ORDERINGS:
                key = f"{prefix}lead_{one.other}_{one.figure}"
                sign = -1 if one.figure == "fd" else 1
                full, other = (found[f"{prefix}{row}_{one.figure}"] for row in ("full", one.other))
                assert found[key] == pytest.approx(sign * (full - other))
                assert len(found[f"{key}_signs"]) == 2
                assert found[f"{key}_verdict"] in ("holds", "reversed", "undecided")
    places = PLACE.findall((HERE / "translator.md").read_text("utf-8"))
    asked = {key.replace("avatars_", "digits_") for _, key, *_ in places}
    asked |= {f"{key}_sd".replace("avatars_", "digits_") for _, key, spread, _ in places if spread}
    assert len(asked) > 100
    assert asked <= found.keys()
    assert said.count("TR0N in full is ahead of") == 2
    assert not path.with_name("translator.json.partial").exists()
