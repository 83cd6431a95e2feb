"""Nodes that sample and edit by a few-shot condition, in the inference mode of hosts."""

import pytest
import torch
from latentsteer.core.d2c import bank as banks
from latentsteer.core.errors import (
    DomainMismatch,
    GeneratorMismatch,
    InvalidInput,
    NothingAccepted,
)
from latentsteer.core.latents import Latents
from latentsteer.core.pairs.pairs import Pairs
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import Identity
from latentsteer.nodes.energy.few_shot import EnergyFewShot
from latentsteer.nodes.host import ui
from latentsteer.nodes.latents.edit import EditByCondition
from latentsteer.nodes.refine.descent import AdamRefine
from latentsteer.nodes.standalone.host import StandaloneHost, use
from latentsteer.nodes.standalone.values import default_of, widgets
from latentsteer.nodes.start.guided import GuidedSample
from latentsteer.nodes.start.rejection import RejectionSample

from ..core.d2c.few_shot_toys import DIM, PLAIN, condition_of, linear_generator
from ..core.diffusion.gaussian import BASE, BASE_NAME, SHORT, Exact, prior_of

GENERATOR = linear_generator()
PRIOR = prior_of(Exact(SHORT, torch.eye(DIM)), DIM, SHORT)
SAMPLING = {"generator": GENERATOR, "condition": condition_of(bias=-1.0), "samples": 3, "steps": 4}
OTHER = linear_generator("other", "c" * 64)


@pytest.fixture
def done(tmp_path, monkeypatch):
    """Runs a node with the defaults of its widgets; returns its values and its text."""

    monkeypatch.setattr(banks, "DRAWN", 200)

    def go(node, **inputs):
        defaults = {w.id: default_of(w) for w in widgets(node.define_schema())}
        with use(StandaloneHost(tmp_path, tmp_path / "out", "cpu")), torch.inference_mode():
            output = node.execute(**defaults | inputs)
        shown = output.ui.as_dict() if isinstance(output.ui, ui.PreviewText) else {}
        return output.args, "\n".join(shown.get("text", ()))

    return go


def latents_of(values, model=BASE):
    return Latents(values, Identity(PLAIN), model, BASE_NAME, tuple(range(len(values))))


def pictures(points):
    return GENERATOR(points, SampleRng.of(0, len(points))).movedim(1, 3)


def test_rejection_shows_its_acceptance_and_gives_latents(done):
    (latents,), text = done(RejectionSample, prior=PRIOR, rule="threshold", **SAMPLING)
    assert len(latents) == 3
    assert (condition_of(bias=-1.0).probability(latents.values) >= 0.5).all()
    assert "accepted where r is at least 0.5: acceptance 0." in text
    (own,), text = done(RejectionSample, **SAMPLING)
    assert "accepted with probability r / 1" in text
    assert own.generator == BASE


def test_rejection_takes_a_bank_and_says_when_it_is_hopeless(done):
    values = torch.randn(40, DIM, generator=torch.Generator().manual_seed(0))
    (latents,), _ = done(RejectionSample, bank=latents_of(values), **SAMPLING)
    assert all(bool((values == row).all(dim=1).any()) for row in latents.values)
    of_other = {"generator": OTHER, "condition": condition_of(generator="c" * 64)}
    hopeless = {"rule": "threshold", "threshold": 0.999, "budget": 10}
    with pytest.raises(NothingAccepted, match="none of 30 candidates for 3 samples"):
        done(RejectionSample, **SAMPLING, **hopeless)
    with pytest.raises(GeneratorMismatch, match="bank holds latents of"):
        done(RejectionSample, bank=latents_of(values, "e" * 64), **SAMPLING)
    with pytest.raises(GeneratorMismatch, match="models the latents of 'base'"):
        done(RejectionSample, prior=PRIOR, **SAMPLING | of_other)


def test_guided_samples_by_both_methods(done):
    (guided,), text = done(GuidedSample, prior=PRIOR, scale=2.0, **SAMPLING)
    assert "guidance of scale 2: r at least 0.5 in " in text
    (plain,), _ = done(GuidedSample, prior=PRIOR, scale=0.0, **SAMPLING)
    assert guided.values[:, 0].mean() > plain.values[:, 0].mean()
    moves = {"method": "Langevin", "moves": 3, "correction": 10}
    (walked,), text = done(GuidedSample, prior=PRIOR, **moves, **SAMPLING)
    assert "3 steps of Langevin" in text
    assert not torch.equal(walked.values, plain.values)
    with pytest.raises(GeneratorMismatch, match="models the latents of 'base'"):
        done(GuidedSample, prior=PRIOR, **SAMPLING | {"generator": OTHER})


@pytest.mark.parametrize("move", ["bank mean", "vector", "gradient"])
def test_an_edit_reaches_the_condition_by_every_move(done, move):
    points = torch.tensor([[0.0, 0.3, 0.0], [-0.4, 0.0, 1.0]])
    models = {"generator": GENERATOR, "condition": condition_of(), "prior": PRIOR}
    shown = {"move": move, "mode": "smallest", "certainty": 0.8, "correction": 0, "strength": 8.0}
    shown["beyond"] = 0.0
    (images, latents), text = done(EditByCondition, images=pictures(points), **models, **shown)
    assert images.shape == (2, 2, 2, 3)
    assert (condition_of().probability(latents.values) >= 0.8 - 1e-4).all()
    assert "not reached" not in text
    assert "result 1: r 0.06 to 0.8" in text
    shown["beyond"] = 0.5
    (_, farther), _ = done(EditByCondition, images=pictures(points), **models, **shown)
    near, far = (condition_of().probability(one.values) for one in (latents, farther))
    assert (far > near).all()


def test_an_edit_takes_banks_masks_and_several_results(done):
    points = torch.tensor([[0.0, 0.3, 0.0]])
    images = pictures(points)
    values = torch.randn(60, DIM, generator=torch.Generator().manual_seed(0))
    models = {"generator": GENERATOR, "condition": condition_of(bias=0.0), "images": images}
    mask = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    options = {"mode": "same", "strength": 2.0, "results": 2, "mask": mask}
    (by_bank, _), _ = done(EditByCondition, bank=latents_of(values), **models, **options)
    assert by_bank.shape == (2, 2, 2, 3)
    torch.testing.assert_close(by_bank[:, 0, 1], images[:, 0, 1].expand(2, 3), rtol=0, atol=0)
    assert not torch.equal(by_bank[:, 1], images[:, 1].expand(2, 2, 3))
    pairs = Pairs(values, torch.zeros(60, 2), generator=BASE)
    (by_pairs, _), _ = done(EditByCondition, pairs=pairs, **models, **options)
    assert torch.equal(by_pairs, by_bank)


def test_an_edit_refuses_what_does_not_fit_before_a_bank_is_drawn(done, monkeypatch):
    monkeypatch.setattr(banks, "draws_of", None)
    images = pictures(torch.zeros(1, DIM))
    models = {"generator": GENERATOR, "condition": condition_of(), "images": images}
    with pytest.raises(InvalidInput, match="Connect a prior"):
        done(EditByCondition, move="gradient", **models)
    with pytest.raises(GeneratorMismatch, match="few-shot condition 'wanted'"):
        done(EditByCondition, **models | {"generator": OTHER})
    plain = linear_generator(encoder=False)
    with pytest.raises(InvalidInput, match="no encoder"):
        done(EditByCondition, **models | {"generator": plain})
    with pytest.raises(InvalidInput, match="Set the mode to same"):
        done(EditByCondition, strength=-2.0, **models)
    with pytest.raises(DomainMismatch, match="The mask is 3 x 3 pixels"):
        done(EditByCondition, mask=torch.ones(3, 3), **models)
    last = len(SHORT) - 1
    with pytest.raises(InvalidInput, match=f"'{PRIOR.name}' has the times 0 to {last}"):
        done(EditByCondition, prior=PRIOR, correction=last + 1, **models)


def test_the_energy_steers_a_refiner(done):
    start = latents_of(torch.zeros(2, DIM))
    (energy,), _ = done(EnergyFewShot, generator=GENERATOR, condition=condition_of())
    run = {"generator": GENERATOR, "start": start, "energy": energy, "steps": 20}
    (refined, trace), _ = done(AdamRefine, learning_rate=0.1, **run)
    assert (condition_of().probability(refined.values) > 0.4).all()
    assert (trace.energies[-1] < trace.energies[0]).all()
