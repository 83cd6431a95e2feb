"""The command `train-d2c`."""

import numpy as np
import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.d2c.training import configurations
from latentsteer.core.generators import open_generator
from latentsteer.nodes.cli.main import main
from PIL import Image

from ..core.d2c.training import tiny


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setitem(configurations.CONFIGURATIONS, "tiny", tiny.configuration(tiny.TWO_STAGE))
    (tmp_path / "pictures").mkdir()
    draws = np.random.default_rng(0)
    for number in range(5):
        pixels = draws.integers(0, 256, (12, 10, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "pictures" / f"{number}.png")

    def command(*more, images="pictures"):
        before = torch.get_num_threads()
        try:
            return main(
                [
                    *("train-d2c", "--images", str(tmp_path / images), "--name", "own"),
                    *("--base", str(tmp_path), "--device", "cpu", "--threads", "1"),
                    *("--configuration", "tiny", *more),
                ]
            )
        finally:
            torch.set_num_threads(before)

    return command


def test_it_trains_writes_pictures_and_a_generator(run, tmp_path, capsys):
    settings = ("--set", "steps=1", "--set", "diffusion_steps=1", "--pictures", "1")
    assert run(*settings) == 0
    path = tmp_path / "models" / "latentsteer_generators" / "own.safetensors"
    assert str(path) in capsys.readouterr().out
    assert open_generator(path, {}).image_size == (tiny.SIDE, tiny.SIDE)
    folder = tmp_path / "out" / "d2c" / "own"
    assert {"reconstructions-2.png", "samples-2.png", "losses.csv"} <= {
        own.name for own in folder.iterdir()
    }
    assert checkpoints.read(folder / "training.safetensors").config["done"] == 2
    assert run(*settings) == 0  # nothing is left to do
    assert run("--set", "steps=2") == 2
    assert "other settings" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--configuration", "large"), "no configuration 'large' of D2C; there are cifar10"),
        (("--set", "steps"), "expected NAME=VALUE"),
        (("--set", "batch_size=6"), "5 images for batches of 6"),
        (("--scheme", "joint", "--set", "diffusion_steps=3"), "in a joint training"),
        (("--pictures", "0"), "--pictures 0"),
    ],
)
def test_bad_arguments_are_refused(arguments, message, run, tmp_path, capsys):
    assert run(*arguments) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "models").exists()


def test_a_folder_without_images_is_refused(run, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert run(images="empty") == 2
    assert "There is no picture in" in capsys.readouterr().err
