"""Refiners on other devices: see `accelerators`."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.charts import MixtureOfBasis
from latentsteer.core.latent_files import load_latents, save_latents
from latentsteer.core.refine.cma_es import CmaEs
from latentsteer.core.refine.examples import RULES
from latentsteer.core.refine.first_order import FirstOrder
from latentsteer.core.refine.kernel import descend, gradient_by_term
from latentsteer.core.refine.pixels import fgsm
from latentsteer.core.refine.refinement import refine
from latentsteer.core.refine.rules import Adam, Descent
from latentsteer.core.refine.run import first_snapshot, iterate
from latentsteer.core.rng import SampleRng
from latentsteer.core.starts.basis import from_basis
from latentsteer.core.starts.ranking import ranked

from .device_jobs import CHUNKS, COUNT, ENERGIES, job_of, picture_of, same, start

RULE_EXAMPLES = [pytest.param(make, id=name) for name, make in RULES]


def on_device(snapshot, there):
    state = snapshot.state
    kept = (state.position, *state.memory.values(), snapshot.best.position, snapshot.best.energy)
    return all(x.device.type == there.device.type for x in kept)


@pytest.mark.parametrize("make", RULE_EXAMPLES)
def test_a_rule_agrees_and_leaves_nothing_behind(make, toys, there):
    here, moved = (job_of(toys, at, rule=make(toys.vectors(12))) for at in (None, there))
    latents = start(toys, here.generator)
    with there.away():
        expected, trace = refine(here, latents)
    snapshots = []
    found, seen = refine(moved, latents, on_step=snapshots.append)
    same(there, found, expected)
    there.close(seen.energies, trace.energies)
    assert all(on_device(snapshot, there) for snapshot in snapshots)
    states = [snapshot.rng_state for snapshot in snapshots]
    again = []
    with there.away():
        refine(here, latents, on_step=again.append)
    assert all(torch.equal(a, b.rng_state) for a, b in zip(states, again, strict=True))
    assert found.values.device.type == seen.energies.device.type == "cpu"


@pytest.mark.parametrize("energy", ENERGIES)
def test_a_refinement_by_any_energy_agrees(energy, toys, there):
    here, moved = (job_of(toys, at, energy, steps=2) for at in (None, there))
    latents = start(toys, here.generator)
    with there.away():
        expected, trace = refine(here, latents)
    found, seen = refine(moved, latents)
    same(there, found, expected)
    there.close(seen.energies, trace.energies)
    repeated, _ = refine(moved, latents)
    assert torch.equal(repeated.values, found.values)


class Stop(Exception):
    pass


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"rule": Adam(learning_rate=0.05), "keep_best": True, "latent_noise": 0.1},
        {"refiner": CmaEs(population=4, inner_steps=1, inner=FirstOrder(Descent()))},
    ],
    ids=["langevin", "adam", "evolution"],
)
def test_a_run_goes_on_to_the_bit(changes, toys, there, tmp_path):
    if "evolution" in changes:
        pytest.importorskip("cmaes", reason="CMA-ES needs the library cmaes")
    job = job_of(toys, there, "views", **changes)
    latents = start(toys, job.generator)
    whole, trace = refine(job, latents)
    kept = []

    def stop(snapshot):
        if snapshot.state.step == 2:
            raise Stop

    with pytest.raises(Stop):
        refine(job, latents, on_step=stop, on_stop=kept.append)
    save_latents(tmp_path / "stopped.safetensors", kept[0])
    snapshots = []
    loaded = load_latents(tmp_path / "stopped.safetensors")
    rest, again = refine(job, loaded, on_step=snapshots.append)
    assert torch.equal(rest.values, whole.values)
    assert torch.equal(again.energies, trace.energies)
    assert all(on_device(snapshot, there) for snapshot in snapshots)


@pytest.mark.parametrize("energy", ENERGIES)
def test_a_step_does_not_wait_and_a_run_reads_once_a_step(energy, toys, there):
    job = job_of(toys, there, energy)
    pulled = job.energy.pullback(job.generator)
    kernel = descend(
        gradient_by_term(pulled, job.chunking),
        job.refiner.rule,
        project=job.generator.source.clamp,
    )
    position, rng = there(toys.normal(COUNT, 12)), SampleRng.of(0, COUNT)
    state, _ = kernel.step(kernel.init(position), rng)  # evaluated once
    with there.without_waiting():
        for _ in range(2):
            state, _ = kernel.step(state, rng)
    begun = first_snapshot(kernel, position, rng)
    with there.without_waiting(reads=2):
        *_, last = iterate(kernel, begun, 2, rng)
    assert last.state.step == 2


@pytest.mark.parametrize("weights", ["linear", "softmax"])
def test_a_basis_agrees(weights, toys, there):
    rows = []
    for at in (None, there):
        job = job_of(toys, at, "views")
        begun, found = from_basis(
            job.generator,
            SampleRng.of(0, 3),
            energy=job.energy,
            candidates=7,
            keep=3,
            weights=weights,
            chunking=CHUNKS,
            device=job.device,
        )
        latents = toys.latents(job.generator, begun.values.cpu(), chart=begun.chart)
        assert isinstance(begun.chart, MixtureOfBasis)
        refiner = FirstOrder(job.refiner.rule, Adam(learning_rate=0.05), clip_norm=1)
        refined, _ = refine(replace(job, refiner=refiner), latents)
        rows.append((refined, found))
    same(there, rows[1][0], rows[0][0])
    there.close(rows[1][1].points, rows[0][1].points)
    assert torch.equal(rows[1][1].numbers.cpu(), rows[0][1].numbers)


@pytest.mark.parametrize("inner", [0, 1])
def test_a_generation_agrees(inner, toys, there):
    pytest.importorskip("cmaes", reason="CMA-ES needs the library cmaes")
    ends = []
    for at in (None, there):
        search = CmaEs(population=5, inner_steps=inner, inner=FirstOrder(Descent()))
        job = job_of(toys, at, refiner=search, steps=2)
        refined, _ = refine(job, start(toys, job.generator))
        ends.append(refined)
    same(there, ends[1], ends[0])


def test_a_ranking_and_a_step_on_pixels_agree(toys, there):
    ends = []
    for at in (None, there):
        job = job_of(toys, at, "AugCLIP")
        latents = start(toys, job.generator)
        order = ranked(
            latents, job.generator, job.energy, seed=0, keep=3, chunking=CHUNKS, device=job.device
        )
        images = picture_of(toys, count=2).to(job.device)
        moved = fgsm(
            images, job.energy, SampleRng.of(0, 2), epsilon=0.05, steps=2, chunking=CHUNKS
        )
        ends.append((order, moved))
    assert ends[1][0].rows == ends[0][0].rows
    # A sign may flip where a gradient is 0 up to rounding.
    difference = (ends[1][1].cpu() - ends[0][1]).abs()
    assert float(difference.max()) <= 0.1 + 1e-6
    assert float((difference > 1e-3).float().mean()) < 0.02
