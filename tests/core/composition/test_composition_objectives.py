"""The two objectives of a composition: what they see, and how they are weighed."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.composition.compose import Composer
from latentsteer.core.composition.placement import placements
from latentsteer.core.composition.scene import agreement
from latentsteer.core.energies.classification import classification
from latentsteer.core.energies.example import toy_clip
from latentsteer.core.energies.prior import prior_energy
from latentsteer.core.features import clip_features, feature_distance
from latentsteer.core.images import resized
from latentsteer.core.refine.barrier import Barrier
from latentsteer.core.rng import SampleRng

from .compositions import STEPS

SECONDARY = "foreground to background(pixels)"


def test_both_images_are_rendered_once_for_both_objectives(given):
    job, front, back = given(1)
    calls = []

    def render(parts, rng):
        calls.append(len(parts["z"]))
        return job.generator.render(parts, rng)

    generator = replace(job.generator, render=render)
    per_step = []
    composer = Composer(replace(job, generator=generator), front, back)

    def on_step(snapshot):
        per_step.append(len(calls))
        calls.clear()

    composer.run(on_step=on_step)
    assert per_step[1:] == [2 * 2] * (STEPS - 1)  # 9 runs, 8 at a time, foreground and background


def test_terms_on_latents_see_both_halves(given, toys):
    generator = toys.generator()
    job, front, back = given(energy=prior_energy(generator), steps=50)
    found = Composer(replace(job, weighing=Barrier("primary only")), front, back).run()
    before = found.trace.energies[0]
    expected = (front.values.square().sum(1) + back.values.square().sum(1)) / 2
    assert torch.allclose(before, expected.repeat_interleave(9))
    assert float(found.foreground.values.abs().max()) < 0.2
    assert float(found.background.values.abs().max()) < 0.2


def test_a_mixed_energy_is_the_sum_of_its_parts(given, toys):
    job, front, back = given(steps=1)
    prior = prior_energy(job.generator)
    first, second, both = (
        Composer(replace(job, energy=energy), front, back).run().trace.energies[0]
        for energy in (job.energy, prior, job.energy + 0.5 * prior)
    )
    assert torch.allclose(both, first + 0.5 * second, rtol=1e-5)


def test_the_secondary_ends_lower_with_the_barrier_than_without(composed):
    ends = {}
    for method in ("bi-level", "primary only", "inverse bi-level"):
        tried = placements([0.5], "centre")
        found = composed(weighing=Barrier(method), steps=40, placements=tried, blend="none")
        ends[method] = {name: float(v.mean()) for name, v in found.trace.after.items()}
        assert torch.equal(found.trace.after["energy"], found.trace.energies[-1])
    assert ends["bi-level"]["energy"] == pytest.approx(ends["primary only"]["energy"], abs=0.02)
    assert ends["bi-level"][SECONDARY] < 0.9 * ends["primary only"][SECONDARY]
    assert ends["bi-level"]["energy"] < ends["inverse bi-level"]["energy"]


def test_figure_5_s_curves(composed):
    found = composed()
    assert torch.allclose(found.secondary[0], found.trace.before[SECONDARY], atol=1e-6)
    assert len(found.trace.energies) == STEPS + 1


def test_poisson_blending_keeps_the_background_around_and_is_what_is_judged(given, toys):
    job, front, back = given()
    composer = Composer(job, front, back)
    found = composer.run()
    plain = Composer(replace(job, blend="none"), front, back).run()
    assert not torch.allclose(found.all_images, plain.all_images)
    outside = ~composer.paste.masks().repeat(2, 1, 1)[:, None].expand_as(found.all_images)
    assert torch.equal(found.all_images[outside], plain.all_images[outside])
    classifier = toys.classifier()
    energy = classification(classifier, classifier.condition(["b"]))
    seen = energy(found.all_images[:9], SampleRng.of(0, 9))
    assert torch.allclose(seen, found.energies[0], atol=1e-5)
    assert float(found.all_images.min()) >= 0
    assert float(found.all_images.max()) <= 1


def test_the_secondary_is_the_distance_of_the_pasted_foreground_to_what_it_covers(given):
    features = clip_features(toy_clip())
    job, front, back = given(features=features, steps=1)
    composer = Composer(job, front, back)
    found = composer.run()
    scene, rng = composer.scene, SampleRng.of(0, 18)
    pasted, behind = scene.pair(composer.start.values, rng)
    fused = scene.paste.fused(pasted, behind, rng)
    for row, box in enumerate(scene.paste.boxes * 2):
        one, two = (
            features.maps(resized(image[row : row + 1, :, box.rows, box.columns], (8, 8)))
            for image in (fused, behind)
        )
        distance = feature_distance(features, one, two)
        assert float(found.secondary[0, row]) == pytest.approx(float(distance), rel=1e-4)
    term = agreement(features, scene.target)
    same = scene.target.join({"fused": fused, "foreground": behind, "crop": behind})
    assert float(term.evaluate(same, rng).abs().max()) == 0
