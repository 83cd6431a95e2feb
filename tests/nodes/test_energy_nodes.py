"""Conditions by class, and energies: their sums and their reports."""

import json

import pytest
import torch
from latentsteer.core.energies.classification import classification
from latentsteer.core.energies.prior import prior_energy
from latentsteer.core.rng import SampleRng
from latentsteer.nodes.report.labels import plain_label, plain_labels

CERTAIN = "probability(classifier(digits-classifier))"


def test_chained_energies_add_with_their_weights(graph, run):
    made = graph.steered("1, 8")
    prior = graph.add("EnergyPrior", generator=made.generator, weight=0.25, std=0.5)
    chained = graph.add(
        "EnergyClassifier",
        auxiliary=made.classifier,
        condition=made.condition,
        weight=3.0,
        energy=prior,
    )
    bayes = graph.add(
        "EnergyBayes",
        generator=made.generator,
        auxiliary=made.classifier,
        condition=made.condition,
        beta1=2.0,
        beta2=20.0,
        energy=chained,
    )
    start = graph.from_prior(made)
    ran = run(graph)
    generator, z = ran[made.generator], ran[start].values
    streams = SampleRng.of(0, 2)

    def at(energy):
        return energy.pullback(generator)(z, streams)

    near = at(prior_energy(generator, std=0.5))
    plain = at(prior_energy(generator))
    entropy = at(classification(ran[made.classifier], ran[made.condition]))
    torch.testing.assert_close(at(ran[prior]), 0.25 * near)
    torch.testing.assert_close(at(ran[chained]), 0.25 * near + 3 * entropy)
    torch.testing.assert_close(
        at(ran[bayes]), 0.25 * near + 3 * entropy + 2 * plain + 20 * entropy
    )


def test_the_energy_report_shows_before_and_after(graph, run):
    made = graph.steered("0-3")
    made.energy = graph.add(
        "EnergyPrior", generator=made.generator, weight=0.01, energy=made.energy
    )
    refined = graph.refined(
        made, graph.from_prior(made), "AdamRefine", steps=6, learning_rate=0.05
    )
    report = graph.add("EnergyReport", trace=[refined[0], 1])
    ran = run(graph)
    trace, (curves, text) = ran.trace(refined), ran.result.outputs[report[0]]
    assert curves.ndim == 4
    assert (curves.shape[0], curves.shape[3]) == (1, 3)
    assert curves.dtype == torch.float32
    assert 0 <= curves.min() < curves.max() <= 1
    assert ran.ui(report)["text"] == (text,)
    lines = text.splitlines()
    assert lines[0] == "Adam Refine: 6 steps, 4 samples"
    names = {
        "energy": "energy",
        "prior": "minus log density of the prior",
        "classifier(digits-classifier)": "cross-entropy of the class (digits-classifier)",
        CERTAIN: "probability of the class (digits-classifier)",
    }
    for name, said in names.items():
        (line,) = (line for line in lines if line.startswith(f"{said}: "))
        before, after = trace.before[name].mean(), trace.after[name].mean()
        assert f"mean {float(before):.4g} -> {float(after):.4g}" in line
    assert f"worst sample {float(trace.before[CERTAIN].min()):.4g} -> " in line
    assert trace.after["energy"].mean() < trace.before["energy"].mean()
    assert trace.after[CERTAIN].mean() > trace.before[CERTAIN].mean()
    shown = ran.ui(refined)["latentsteer"][0]["refine"]
    assert json.loads(json.dumps(shown)) == shown
    assert shown["before"]["energy"] == pytest.approx(float(trace.before["energy"].mean()))


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("similarity(tiny, 4 views, color, fp32)", "minus CLIP similarity (tiny)"),
        ("similarity(similarity(tiny, fp32))", "CLIP similarity (tiny)"),
        ("similarity(tiny, fp32) 2", "minus CLIP similarity (tiny) 2"),
        ("prior(nu=0.7)", "minus log density of the prior (nu=0.7)"),
        ("error(known pixels)", "error of known pixels"),
        ("r(few-shot(hat, 0a1b))", "probability of the few-shot condition (hat)"),
        ("anything else (of whatever)", "anything else (of whatever)"),
    ],
)
def test_energies_have_labels_for_people(label, said):
    assert plain_label(label) == said


def test_labels_that_would_coincide_stay_apart():
    one, other = "similarity(tiny, 4 views)", "similarity(tiny, 8 views)"
    assert plain_labels([one, other, "pixels"]) == {
        one: one,
        other: other,
        "pixels": "difference of pixels",
    }


def test_classes_by_number_range_and_name_agree(graph, run):
    made = graph.models()
    said = ("0,1,2,3", "0-3", "0-1, 2, 3", "0\n1\n2\n3")
    wires = [graph.add("ClassCondition", auxiliary=made.classifier, classes=text) for text in said]
    twice = graph.add(
        "ClassCondition", auxiliary=made.classifier, classes="7, 1", samples_per_class=2
    )
    ran = run(graph)
    for wire in wires:
        assert ran[wire].labels == ("0", "1", "2", "3")
        assert torch.equal(ran[wire].embedding, ran[wires[0]].embedding)
    assert ran[twice].labels == ("7", "7", "1", "1")


def test_a_reward_says_what_it_does_not_see_of_a_prompt(graph, run):
    clip = graph.add("LoadAuxModel", file="avatars CLIP (embedded)")
    node = graph.add("EnergyReward", auxiliary=clip, prompt="a red hat and a dragon")
    assert run(graph).ui(node)["text"] == ("'a red hat and a dragon': unknown, ignored: dragon.",)
