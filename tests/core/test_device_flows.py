"""KRR flows and compositions on other devices: see `accelerators`."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.chunking import ALL_AT_ONCE
from latentsteer.core.composition.compose import Composer
from latentsteer.core.composition.job import CompositionJob
from latentsteer.core.composition.placement import placements
from latentsteer.core.energies.classification import classification
from latentsteer.core.energies.example import toy_clip
from latentsteer.core.features import clip_features, feature_map
from latentsteer.core.krr.flow import krr_flow
from latentsteer.core.krr.kernel import Mollifier
from latentsteer.core.krr.settings import FlowSettings
from latentsteer.core.refine.barrier import Barrier
from latentsteer.core.refine.first_order import FirstOrder
from latentsteer.core.refine.refinement import refine
from latentsteer.core.refine.rules import Adam, Descent

from .device_jobs import CHUNKS, job_of, picture_of, same, start

FLOW_READS = 6
"""Reads per step: whether features are finite, twice; three for the median; the weights."""
FLOWS = {
    "krr": FlowSettings(),
    "kde": FlowSettings(estimator="kde", self_term=False),
    "stein": FlowSettings(estimator="stein"),
    "feature": FlowSettings(mollifier=Mollifier("feature", 0.7, final=0.0)),
    "image": FlowSettings(mollifier=Mollifier("image", 0.2, samples=2, final=0.1), eta=5, xi=5),
    "Jensen-Shannon": FlowSettings(divergence="Jensen-Shannon"),
}


def flow_job(toys, at, settings, chunking=CHUNKS):
    place = (lambda model: model) if at is None else at.model
    classifier = place(toys.classifier())
    made = krr_flow(
        settings,
        feature_map(classifier),
        steps=3,
        image_size=(8, 8),
        chunking=chunking,
        condition=classification(classifier, classifier.condition(["b"])),
        real=picture_of(toys, seed=8, count=7),
    )
    refiner = FirstOrder(Descent(step_size=0.1), direction=made.direction)
    job = job_of(toys, at, lambda place: made.energy, refiner=refiner, steps=3)
    return replace(job, chunking=chunking)


@pytest.mark.parametrize(
    ("kind", "chunking"), [*((kind, CHUNKS) for kind in FLOWS), ("krr", ALL_AT_ONCE)]
)
def test_a_flow_agrees(kind, chunking, toys, there):
    here, moved = (flow_job(toys, at, FLOWS[kind], chunking) for at in (None, there))
    latents = start(toys, here.generator)
    with there.away():
        expected, trace = refine(here, latents)
    found, seen = refine(moved, latents)
    same(there, found, expected)
    there.close(seen.energies, trace.energies)
    repeated, _ = refine(moved, latents)
    assert torch.equal(repeated.values, found.values)


def test_a_flows_step_looks_at_its_kernel_matrix_and_no_more(toys, there):
    job = flow_job(toys, there, FLOWS["krr"])
    latents = start(toys, job.generator)
    pulled = job.energy.pullback(job.generator)
    kernel = job.refiner.bind(pulled, latents.chart, job.chunking)
    state = kernel.init(there(latents.values))
    rng = latents.rng(0, "refine")
    state, _ = kernel.step(state, rng)  # the real images, once
    with there.without_waiting(reads=FLOW_READS):
        kernel.step(state, rng)


def test_a_composition_agrees(toys, there):
    pytest.importorskip("scipy", reason="Poisson blending needs SciPy")
    made = []
    for at in (None, there):
        job = job_of(toys, at)
        clip = toy_clip() if at is None else at.model(toy_clip())
        composing = CompositionJob(
            generator=job.generator,
            energy=job.energy,
            features=clip_features(clip),
            steps=2,
            seed=3,
            chunking=CHUNKS,
            device=job.device,
            rule=Adam(learning_rate=0.05),
            weighing=Barrier("bi-level"),
            placements=placements([0.5], "centre") + placements([0.65], "top left"),
        )
        front, back = (toys.latents(job.generator, toys.normal(2, 12, seed=n)) for n in (0, 1))
        made.append(Composer(composing, front, back).run())
    expected, found = made
    for name in ("images", "energies", "all_images", "secondary"):
        there.close(getattr(found, name), getattr(expected, name))
    same(there, found.foreground, expected.foreground)
    assert found.placements == expected.placements
