"""Plans of Steer, and its choice among spares."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.auxiliaries import load_auxiliary
from latentsteer.core.chunking import Chunking
from latentsteer.core.errors import ConditionMismatch, InvalidInput
from latentsteer.core.generators import load_generator
from latentsteer.core.pairs.in_memory import synthetic_pairs
from latentsteer.core.tasks.models import TaskModels
from latentsteer.core.tasks.plans import QUALITIES, SteerPlan, plan_of, starts_from
from latentsteer.core.tasks.steer import steered
from latentsteer.core.zoo import shipped

CPU = torch.device("cpu")
CHUNKS = Chunking(8, padded=False)


@pytest.fixture(scope="module")
def digits():
    generator = load_generator(shipped.embedded("digits (embedded)"))
    classifier = load_auxiliary(shipped.embedded("digits classifier (embedded)"))
    return generator, classifier


def run(models, plan, classes, samples=1):
    wanted = models.auxiliary.condition(classes)
    run = {"samples": samples, "seed": 0, "chunking": CHUNKS, "device": CPU}
    latents = steered(models, wanted, plan, **run)
    energy = models.energy(wanted.repeated(samples)).pullback(models.generator)
    return latents, energy.readings(latents.values, latents.rng(0, "test"), CHUNKS)["energy"]


def test_of_spare_starts_those_of_lowest_energy_go_on(digits):
    models = TaskModels(*digits)
    one, plain = run(models, SteerPlan(1, 1, 0, 1), [3, 7], samples=2)
    best, chosen = run(models, SteerPlan(1, 12, 1, 1), [3, 7], samples=2)
    assert one.samples == (0, 1, 2, 3)
    # Of each class, two of its own 24 starts.
    assert all(name in range(24) for name in best.samples[:2])
    assert all(name in range(24, 48) for name in best.samples[2:])
    assert float(chosen.max()) < float(plain.max())
    assert float(chosen.mean()) < 0.5 * float(plain.mean())


def test_starts_come_from_what_there_is(digits):
    assert starts_from(TaskModels(*digits)) == "prior"
    pairs = synthetic_pairs(*digits, 32, seed=0, chunking=CHUNKS, device=CPU)
    with_pairs = TaskModels(*digits, pairs)
    assert starts_from(with_pairs) == "pairs"
    latents, _ = run(with_pairs, SteerPlan(1, 1, 0, 1, strength=1e-9), [3])
    nearest = pairs.latents[pairs.conditions[:, 3].argmax()]
    # One step of a cold Langevin moves by its noise alone, of deviation 0.01.
    assert float((latents.values[0] - nearest).abs().max()) < 0.06


def test_starts_pass_through_an_encoder_where_there_is_one(digits):
    generator, classifier = digits
    plan = SteerPlan(1, 2, 0, 1, strength=1e-9)
    passing = replace(plan, encoded=True)
    plain, _ = run(TaskModels(*digits), plan, [3, 7])
    without, _ = run(TaskModels(*digits), passing, [3, 7])
    assert torch.equal(without.values, plain.values)

    def encode(images):
        brightness = images.mean(dim=(1, 2, 3))[:, None]
        return brightness.expand(-1, generator.source.dim).contiguous()

    models = TaskModels(replace(generator, encode=encode), classifier)
    latents, _ = run(models, passing, [3, 7])
    # One step of a cold Langevin moves by its noise alone, of deviation 0.01.
    assert float(latents.values.std(dim=1).max()) < 0.02
    assert 0 < float(latents.values.mean()) < 1


def test_a_better_quality_does_more(digits):
    models = TaskModels(*digits)
    work = [plan_of(models, quality).work for quality in QUALITIES]
    assert work == sorted(set(work))
    assert plan_of(models, "good", 2.0).strength == 2


def test_what_cannot_be_steered_is_refused(digits):
    models = TaskModels(*digits)
    with pytest.raises(InvalidInput, match="A strength of 0; expected a number above 0"):
        plan_of(models, "good", 0.0)
    with pytest.raises(InvalidInput, match="0 samples"):
        run(models, SteerPlan(1, 1, 0, 1), [3], samples=0)
    judge = load_auxiliary(shipped.embedded("avatars judge (embedded)"))
    with pytest.raises(ConditionMismatch, match="expected a CLIP"):
        TaskModels(digits[0], judge)
