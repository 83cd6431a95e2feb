"""The script of the shipped codes, on few avatars, steps and channels."""

import math

import pytest
import torch
from latentsteer.core.checkpoints.checkpoint import write
from latentsteer.core.generators import load_generator
from latentsteer.core.generators.avatars_codes import CodesDecoder, CodesEncoder
from latentsteer.core.zoo.shipped import reference_images
from latentsteer.workflows.studies.training import train_avatars_codes as training
from latentsteer.workflows.studies.training.train_avatars_codes import (
    Codebook,
    fitted,
    scaled,
    train,
)
from latentsteer.workflows.studies.training.training_kit import Clock


@pytest.fixture(scope="module")
def images():
    real, _ = reference_images("avatars held out (embedded)")
    return (real[:24] * 255).round().to(torch.uint8)


def tiny():
    return CodesEncoder(3, (4, 4, 8)), CodesDecoder(6, 3, (8, 4, 4))


def trained(images, path, steps):
    clock = Clock(path, math.inf)
    nets = train(images, clock, steps=steps, seed=0, nets=tiny(), batch=4)
    return fitted(*nets, images)


def test_an_interrupted_training_resumes_to_the_same_bits(images, tmp_path, monkeypatch):
    whole = trained(images, tmp_path / "whole.safetensors", 4)
    monkeypatch.setattr("latentsteer.workflows.studies.training.training_kit.SAVE_SECONDS", -1.0)
    path, tick = tmp_path / "part.safetensors", Clock.tick

    def stopped(clock, *args, **parts):
        tick(clock, *args, **parts)
        if clock.step == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as stopping:
        stopping.setattr(Clock, "tick", stopped)
        with pytest.raises(KeyboardInterrupt):
            trained(images, path, 4)
    again = trained(images, path, 4)
    assert again.keys() == whole.keys()
    assert all(torch.equal(again[key], whole[key]) for key in whole)


def test_a_trained_file_opens_with_its_figures(images, tmp_path, monkeypatch):
    state = trained(images, tmp_path / "unfinished.safetensors", 3)
    path = tmp_path / training.FILE
    write(
        path,
        {key: value.half() for key, value in state.items()},
        {"architecture": "avatars-codes"},
    )
    monkeypatch.setattr(training, "reference_images", lambda name: (images.float() / 255, None))
    figures = training.measured(load_generator(path))
    assert 0 < figures["held_out_psnr_least"] <= figures["held_out_psnr"] < 40
    assert 1 <= figures["code_perplexity"] <= figures["codes_used"] <= 6
    assert float(state["decoder.log_shares"].exp().sum()) == pytest.approx(64, rel=1e-4)


def test_codes_are_scaled_without_a_change_of_images(images):
    encoder, decoder = tiny()
    decoder.table.copy_(torch.randn(6, 3, generator=torch.Generator().manual_seed(0)) * 5 + 2)
    x = images[:2].float() / 255
    with torch.no_grad():
        z, before = encoder(x), decoder(encoder(x))
        scaled(encoder, decoder)
        assert torch.allclose(decoder(encoder(x)), before, atol=1e-5)
        assert not torch.allclose(encoder(x), z, atol=0.1)
    assert float(decoder.table.mean()) == pytest.approx(0, abs=1e-6)
    assert float(decoder.table.std()) == pytest.approx(1)


def test_codes_move_to_the_mean_of_their_features_and_idle_ones_are_drawn_anew():
    book = Codebook(torch.tensor([[0.0], [10.0], [500.0]]))
    rows = torch.tensor([[1.0], [3.0], [9.0], [11.0]])
    stream = torch.Generator().manual_seed(0)
    for _ in range(400):
        book.update(rows, stream)
    table = book.table[:, 0].tolist()
    # The far code took the place of a feature, and shares it with the others.
    assert max(table) < 12
    near = [min(abs(code - row) for code in table) for row in rows[:, 0].tolist()]
    assert max(near) <= 1.01
