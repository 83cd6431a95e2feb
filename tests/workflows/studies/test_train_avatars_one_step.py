"""The training of the one-step generator, with few pairs and steps."""

import pytest
import torch
from latentsteer.core.diffusion.prior_files import load_prior
from latentsteer.core.generators import load_generator
from latentsteer.core.rng import SampleRng
from latentsteer.core.zoo.shipped import embedded
from latentsteer.workflows.studies.training import train_avatars_one_step as training


@pytest.fixture
def small(monkeypatch):
    for name, value in {
        "SHARD": 8,
        "HELD_OUT": 4,
        "BATCH": 4,
        "CALLS": 2,
        "SAVED_EVERY": 2,
    }.items():
        monkeypatch.setattr(training, name, value)
    prior = load_prior(embedded("avatars prior (embedded)"))
    return prior, load_generator(embedded("avatars (embedded)"))


def test_a_student_has_the_teachers_decoder_and_resumes_to_the_bit(small, tmp_path, monkeypatch):
    prior, teacher = small
    noise, clean = training.teacher_pairs(prior, 12, tmp_path / "pairs")
    assert noise.shape == clean.shape == (16, 64)
    again = training.teacher_pairs(prior, 12, tmp_path / "pairs")
    assert torch.equal(again[1], clean)

    student = training.student_of(prior, teacher)
    with torch.no_grad():
        own = student.decoder(clean[:2])
        pushed = teacher(prior.push(noise[:2], steps=2), SampleRng.of(0, 2))
    # The pairs are of DDIM in bfloat16, and the file's own steps are of another order.
    assert (own - pushed).abs().mean() < 0.02

    def trained(name):
        one = training.student_of(prior, teacher)
        training.distilled(one, noise, clean, 4, tmp_path / f"{name}.safetensors")
        return one.outwards.weight.detach().clone()

    whole, calls = trained("whole"), []
    descend = training.descend

    def stopping(*given, **named):
        calls.append(None)
        if len(calls) == 4:
            raise KeyboardInterrupt
        descend(*given, **named)

    monkeypatch.setattr(training, "descend", stopping)
    with pytest.raises(KeyboardInterrupt):
        trained("resumed")
    assert torch.equal(trained("resumed"), whole)
    assert len(calls) == 6, "the third step is made again, of four"
    assert not torch.equal(whole, student.outwards.weight)
