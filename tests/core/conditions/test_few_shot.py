"""Few-shot conditions: probabilities against closed forms, identity, files."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.checkpoints.checkpoint import write
from latentsteer.core.conditions.few_shot import (
    FewShot,
    load_condition,
    save_condition,
)
from latentsteer.core.energies.example import toy_generator
from latentsteer.core.errors import (
    CheckpointError,
    DomainMismatch,
    GeneratorMismatch,
    InvalidInput,
)
from latentsteer.core.identity import ModelId, options_of

TOY = ModelId("toy-g", {"psi": 0.7})


def drawn(*shape, seed=0):
    stream = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=stream, dtype=torch.float64)


def condition(count=2, wanted=1, **changes):
    rows = 1 if count == 2 else count
    made = FewShot(
        classes=tuple("abcde"[:count]),
        wanted=wanted,
        weight=drawn(rows, 6, seed=1),
        bias=drawn(rows, seed=2),
        mean=drawn(6, seed=3),
        std=0.5 + drawn(6, seed=4).abs(),
        calibration=(0.8, 0.3 if count == 2 else 0.0),
        shares=(0.8, 0.2) if count == 2 else (0.2, 0.7, 0.1),
        fitted_shares=(0.5, 0.5) if count == 2 else (0.4, 0.4, 0.2),
        generator=TOY,
        generator_name="toy-generator",
    )
    return replace(made, **changes)


def bayes(made, z):
    """p(class | z) by Bayes' rule on the probabilities among the training labels."""
    scores = ((z - made.mean) / made.std) @ made.weight.T + made.bias
    scores = made.calibration[0] * scores + made.calibration[1]
    if len(made.classes) == 2:
        scores = torch.cat([torch.zeros_like(scores), scores], dim=1)
    likely = scores.softmax(dim=1) / torch.tensor(made.fitted_shares)
    joint = likely * torch.tensor(made.shares)
    return joint / joint.sum(dim=1, keepdim=True)


@pytest.mark.parametrize(("classes", "wanted"), [(2, 0), (2, 1), (3, 0), (3, 2)])
def test_probabilities_follow_bayes_rule(classes, wanted):
    made, z = condition(classes, wanted), drawn(20, 6, seed=5)
    expected = bayes(made, z)[:, wanted]
    torch.testing.assert_close(made.probability(z), expected)
    torch.testing.assert_close(made.log_probability(z), expected.log())
    torch.testing.assert_close(made.logit(z), expected.logit())
    torch.testing.assert_close(made.logits(z).softmax(dim=1), bayes(made, z))
    assert made.share == made.shares[wanted]


def test_the_log_probability_stays_finite_and_has_a_gradient_where_r_underflows():
    z = (-1e3 * condition().vector())[None].float().requires_grad_(True)
    value = condition().log_probability(z)
    (slope,) = torch.autograd.grad(value.sum(), z)
    assert condition().probability(z).item() == 0
    assert -1e4 < value.item() < -200
    torch.testing.assert_close(slope[0] / slope.norm(), condition().vector().float())


@pytest.mark.parametrize(("classes", "wanted"), [(2, 0), (2, 1), (3, 1)])
def test_the_vector_is_the_unit_slope_of_the_logits(classes, wanted):
    made = condition(classes, wanted)
    z = drawn(1, 6, seed=7).requires_grad_(True)
    logits = made.logits(z)[0]
    others = [n for n in range(classes) if n != wanted]
    (slope,) = torch.autograd.grad(logits[wanted] - logits[others].mean(), z)
    torch.testing.assert_close(made.vector(), slope[0] / slope.norm())


def test_single_and_double_precision_agree():
    z = drawn(8, 6, seed=8)
    found = condition().probability(z.float())
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), condition().probability(z), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_file_returns_the_same_condition(tmp_path, classes):
    made = condition(classes, threshold=0.4, ratio_bound=0.9, kind="words", figures={"auc": 0.9})
    save_condition(made, tmp_path / "one.safetensors")
    found = load_condition(tmp_path / "one.safetensors")
    z = drawn(5, 6, seed=9)
    assert torch.equal(found.probability(z), made.probability(z))
    assert options_of(found.generator) == {"psi": 0.7}
    for name in ("classes", "wanted", "calibration", "shares", "fitted_shares", "generator"):
        assert getattr(found, name) == getattr(made, name)
    for name in ("generator_name", "threshold", "ratio_bound", "kind", "figures"):
        assert getattr(found, name) == getattr(made, name)


def test_a_slice_of_a_table_is_written_too(tmp_path):
    table = drawn(1, 7)
    made = condition(weight=table[:, :6], bias=table[:, 6])
    assert made.bias.stride() == (7,)
    save_condition(made, tmp_path / "one.safetensors")
    assert torch.equal(load_condition(tmp_path / "one.safetensors").bias, made.bias)


def test_other_files_and_damaged_ones_are_refused(tmp_path):
    path = tmp_path / "one.safetensors"
    with pytest.raises(CheckpointError):
        load_condition(path)
    write(path, {"values": torch.zeros(2)}, {"what": "latents"})
    with pytest.raises(CheckpointError, match="holds latents, not a few-shot condition"):
        load_condition(path)
    write(path, {"weight": torch.zeros(1, 2)}, {"what": "few-shot condition"})
    with pytest.raises(CheckpointError, match="is damaged"):
        load_condition(path)


def test_another_generator_and_other_options_are_refused():
    toy = toy_generator()
    condition().check(replace(toy, id=TOY))
    with pytest.raises(GeneratorMismatch, match="is of latents of 'toy-generator'"):
        condition().check(replace(toy, id="another", name="another"))
    with pytest.raises(GeneratorMismatch, match=r"psi 0\.7"):
        condition().check(replace(toy, id=ModelId("toy-g", {"psi": 0.5})))


def test_latents_of_another_shape_are_refused():
    with pytest.raises(DomainMismatch, match=r"\(batch, 6\); got \(3, 5\)"):
        condition().probability(torch.zeros(3, 5))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"classes": ("a",)}, "at least 2"),
        ({"classes": ("a", "a")}, "different names"),
        ({"classes": ("a", "b", "c")}, "one per class"),
        ({"wanted": 2}, "0 to 1"),
        ({"weight": torch.zeros(2, 6), "bias": torch.zeros(2)}, "one row for 2"),
        ({"std": torch.zeros(6)}, "not above 0"),
        ({"weight": torch.full((1, 6), torch.nan)}, "not finite"),
        ({"calibration": (0.0, 0.0)}, "above 0"),
        ({"shares": (0.0, 1.0)}, "in \\(0, 1\\)"),
        ({"fitted_shares": (0.5, 0.4)}, "of sum 1"),
        ({"threshold": 1.0}, "Threshold 1"),
        ({"ratio_bound": 1.5}, "bound 1.5"),
    ],
)
def test_what_does_not_fit_is_refused(changes, words):
    with pytest.raises(InvalidInput, match=words):
        condition(**changes)
