"""Energies that stop being finite: the error names the sample; the last finite state is kept."""

import pytest
import torch
from latentsteer.core.energy import Energy
from latentsteer.core.errors import Diverged
from latentsteer.core.latent_files import load_latents
from latentsteer.core.spaces import IMAGES
from latentsteer.core.terms import Term


def poisoned(after, row, value):
    """An energy that is not finite for one sample from a given evaluation on."""
    calls = []

    def evaluate(images, rng):
        calls.append(None)
        values = images.mean(dim=(1, 2, 3))
        wrong = torch.tensor([r == row for r in rng.rows]) & (len(calls) > after)
        return values + torch.where(wrong, value, 0.0)

    return lambda *models, **settings: Energy.of(Term("poisoned", IMAGES, evaluate))


@pytest.mark.parametrize("kind", ["LangevinRefine", "AdamRefine"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_energy_that_stops_being_finite_on_the_way(
    kind, value, fault, graph, monkeypatch, new_graph, out, run
):
    """One chunk: the evaluation before the first step, then one for each."""
    step = 2
    monkeypatch.setattr(
        "latentsteer.nodes.energy.classifier.classification",
        poisoned(after=step + 1, row=3, value=value),
    )
    made = graph.steered("0-4")
    start = graph.from_prior(made)
    graph.refined(made, start, kind, steps=6)
    said = fault(graph, Diverged)
    assert f"The energy of sample 3 stopped being finite at step {step}" in said
    assert "Lower the step size" in said

    (path,) = (out / "interrupted").iterdir()
    kept = load_latents(path)
    assert kept.interrupted.snapshot.state.step == step - 1
    assert bool(kept.values.isfinite().all())
    monkeypatch.setattr(
        "latentsteer.nodes.energy.classifier.classification",
        poisoned(after=10**9, row=0, value=value),
    )
    again = new_graph()
    made = again.steered("0-4")
    loaded = again.add("LoadLatents", file=path.relative_to(out).as_posix())
    refined = again.refined(made, loaded, kind, steps=6)
    drawn = again.from_prior(made)
    whole = again.refined(made, drawn, kind, steps=6)
    ran = run(again)
    assert torch.equal(ran[refined].values, ran[whole].values)


def test_steps_that_are_far_too_long(fault, graph, out):
    made = graph.steered("0-2")
    made.energy = graph.add("EnergyPrior", generator=made.generator)
    wild = {"step_size": 10.0, "inverse_temperature": 1e9, "momentum": 0.0, "steps": 9}
    graph.refined(made, graph.from_prior(made), **wild)
    said = fault(graph, Diverged)
    assert "The energy of sample 0, 1, 2 stopped being finite at step 2" in said
    (path,) = (out / "interrupted").iterdir()
    kept = load_latents(path)
    assert bool(kept.values.isfinite().all())
    assert bool(kept.values.square().sum(dim=1).isfinite().all())
    assert kept.interrupted.snapshot.state.step == 1
