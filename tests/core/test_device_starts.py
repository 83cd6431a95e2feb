"""Starts, translators, directions and judges on other devices: see `accelerators`."""

import pytest
import torch
from latentsteer.core.energies.classification import classification
from latentsteer.core.energies.direction import text_direction
from latentsteer.core.energies.example import toy_clip
from latentsteer.core.energies.global_direction import along, global_direction
from latentsteer.core.metrics.classes import classifier_outputs
from latentsteer.core.metrics.clip_score import clip_scores
from latentsteer.core.pairs.in_memory import synthetic_pairs
from latentsteer.core.rng import SampleRng
from latentsteer.core.starts.candidates import from_prior, from_translator
from latentsteer.core.starts.inversion import from_images
from latentsteer.core.starts.variation import variations
from latentsteer.core.translators.training import (
    Training,
    fit_translator,
    new_translator,
)

from .device_jobs import CHUNKS, clip_row, job_of, picture_of


def test_starts_agree(toys, there):
    ends = []
    for at in (None, there):
        job = job_of(toys, at)
        rng = SampleRng.of(5, 4)
        common = {"energy": job.energy, "chunking": CHUNKS, "device": job.device}
        near = toys.latents(job.generator, toys.normal(2, 12))
        towards = toys.latents(job.generator, toys.normal(3, 12, seed=6))
        images = picture_of(toys, count=4)
        ends.append(
            [
                from_prior(job.generator, rng, candidates=16, generations=2, **common),
                variations(
                    near,
                    job.generator,
                    SampleRng.of(6, 4),
                    variation=0.5,
                    spread=0.3,
                    towards=towards,
                    candidates=3,
                    **common,
                ),
                from_images(
                    job.generator,
                    images,
                    SampleRng.of(7, 4),
                    how="candidates",
                    candidates=3,
                    **common,
                ),
                from_images(job.generator, images, SampleRng.of(7, 4), how="mean", **common),
            ]
        )
    for expected, found in zip(*ends, strict=True):
        assert found.values.device.type == there.device.type
        there.close(found.values, expected.values)


@pytest.mark.parametrize("kind", ["mixture", "deterministic"])
def test_a_translator_learns_and_draws_alike(kind, toys, there):
    ends = []
    for at in (None, there):
        job = job_of(toys, at)
        classifier = toys.classifier() if at is None else at.model(toys.classifier())
        pairs = synthetic_pairs(
            job.generator, classifier, 20, seed=1, chunking=CHUNKS, device=job.device
        )
        translator = new_translator(
            job.generator, classifier, kind=kind, components=3, hidden=8, seed=2
        ).to(job.device)
        training = Training(epochs=2, batch_size=8, condition_noise=0.1)
        losses = []
        fit_translator(
            translator, pairs, training, seed=3, report=lambda n, loss, to=losses: to.append(loss)
        )
        condition = classifier.condition(["a", "b", "c", "a"])
        modes = ["sample", "mean", "mode"] + (["basis"] if kind == "mixture" else [])
        starts = [
            from_translator(
                translator,
                job.generator,
                condition,
                SampleRng.of(4, 4),
                mode=mode,
                energy=classification(classifier, condition) if mode == "sample" else None,
                candidates=3 if mode == "sample" else 1,
                chunking=CHUNKS,
            ).values
            for mode in modes
        ]
        ends.append((pairs, torch.tensor(losses), starts))
    (here, losses, expected), (moved, found_losses, found) = ends
    assert torch.equal(moved.latents, here.latents)
    there.close(moved.conditions, here.conditions)
    there.close(found_losses, losses)
    for one, other in zip(found, expected, strict=True):
        assert one.device.type == there.device.type
        there.close(one, other)


def test_a_batch_of_training_waits_for_its_loss_alone(toys, there):
    classifier = there.model(toys.classifier())
    generator = there.model(toys.generator())
    common = {"seed": 1, "chunking": CHUNKS, "device": there.device}
    pairs = synthetic_pairs(generator, classifier, 16, **common)
    translator = new_translator(generator, classifier, hidden=8, seed=2).to(there.device)
    training = Training(epochs=2, batch_size=4)
    # Both tables travel once; then one read per batch.
    with there.without_waiting(reads=2 + 8):
        fit_translator(translator, pairs, training, seed=3)


def test_a_global_direction_agrees(toys, there):
    slopes = []
    for at in (None, there):
        job = job_of(toys, at)
        clip = toy_clip() if at is None else at.model(toy_clip())
        direction = text_direction(clip_row(toys, clip, 1), clip_row(toys, clip, 2))
        found = global_direction(
            job.generator, clip, direction, samples=6, chunking=CHUNKS, device=job.device
        )
        energy = along(job.generator, direction, found)
        z = toys.normal(3, 12).to(job.device)
        slopes.append((found, energy(z, SampleRng.of(0, 3))))
    there.close(slopes[1][0], slopes[0][0])
    there.close(slopes[1][1], slopes[0][1])


def test_judges_agree(toys, there):
    told = []
    for at in (None, there):
        place = (lambda model: model) if at is None else at.model
        classifier, clip = place(toys.classifier()), place(toy_clip())
        device = toys.cpu if at is None else at.device
        images = picture_of(toys, count=4)
        seen = classifier_outputs(classifier, images, CHUNKS, device)
        rng = SampleRng.of(0, 4)
        condition = clip_row(toys, clip, 1)
        scores = clip_scores(clip, condition, images, rng, views=8, chunking=CHUNKS, device=device)
        told.append((seen, scores))
    there.close(told[1][0].probabilities, told[0][0].probabilities)
    there.close(told[1][0].features, told[0][0].features)
    there.close(told[1][1].values, told[0][1].values)
