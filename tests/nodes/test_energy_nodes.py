"""Conditions by class, and energies: their sums and their reports."""

import json

import pytest
import torch
from latentsteer.core.energies.classification import classification
from latentsteer.core.energies.prior import gaussian_prior
from latentsteer.core.rng import SampleRng


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

    near = at(gaussian_prior(generator.source, std=0.5))
    plain = at(gaussian_prior(generator.source))
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
    for name in ("energy", "prior", "classifier(digits-classifier)"):
        (line,) = (line for line in lines if line.startswith(f"{name}: "))
        before, after = trace.before[name].mean(), trace.after[name].mean()
        assert f"mean {float(before):.4g} -> {float(after):.4g}" in line
    (line,) = (line for line in lines if line.startswith("probability("))
    assert f"worst sample {float(trace.before[_name(line)].min()):.4g} -> " in line
    assert trace.after["energy"].mean() < trace.before["energy"].mean()
    assert trace.after[_name(line)].mean() > trace.before[_name(line)].mean()
    shown = ran.ui(refined)["latentsteer"][0]["refine"]
    assert json.loads(json.dumps(shown)) == shown
    assert shown["before"]["energy"] == pytest.approx(float(trace.before["energy"].mean()))


def _name(line):
    return line.split(": mean")[0]


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
