"""Train D2C, as hosts run it."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.d2c.training import configurations
from latentsteer.core.errors import InvalidInput
from latentsteer.core.rng import SampleRng
from latentsteer.nodes.standalone.host import StandaloneHost, use
from latentsteer.nodes.train.d2c import TrainD2C

from ..core.d2c.training import tiny

SETTINGS = {
    "name": "own",
    "configuration": "small 32",
    "steps": 1,
    "batch_size": 4,
    "seed": 0,
    "contrastive": True,
    "scheme": "joint",
    "learning_rate": 1e-3,
    "mirror": True,
    "bf16": False,
    "resume": True,
}


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Runs the node within inference mode, as hosts do."""
    monkeypatch.setitem(configurations.CONFIGURATIONS, "small 32", tiny.configuration())
    host = StandaloneHost(tmp_path, device="cpu")

    def run(count=5, side=tiny.SIDE, **changes):
        with use(host), torch.inference_mode():
            images = tiny.images(count, side).read(range(count)).movedim(1, 3)
            return TrainD2C.execute(images=images, **{**SETTINGS, **changes})

    return run


@pytest.mark.parametrize("changes", [{}, {"scheme": "two-stage", "contrastive": False}])
def test_it_returns_a_generator_with_an_encoder(changes, train, tmp_path):
    output = train(**changes)
    generator = output.result[0]
    assert (tmp_path / "models" / "latentsteer_generators" / "own.safetensors").is_file()
    names = {path.name for path in (tmp_path / "out" / "d2c" / "own").iterdir()}
    assert f"samples-{2 if changes else 1}.png" in names
    x = tiny.images().read(range(2))
    z = generator.encode(x).requires_grad_()
    image = generator.render(generator.source.split(z), SampleRng.of(0, 2))
    assert image.shape == x.shape
    image.sum().backward()
    assert z.grad.abs().sum() > 0
    terms = ("reconstruction", "diffusion") if not changes else ("diffusion",)
    assert all(term in str(output.ui.as_dict()) for term in terms)


def test_bad_pictures_are_refused(train):
    with pytest.raises(InvalidInput, match="The batch holds 1 picture"):
        train(count=1)
    with pytest.raises(InvalidInput, match="Images of 6 x 6 pixels"):
        train(side=6)
    with pytest.raises(InvalidInput, match="3 images for batches of 4"):
        train(count=3)
    with pytest.raises(InvalidInput, match="file name"):
        train(name="../own")


def test_names_are_checked_before_a_run():
    assert TrainD2C.validate_inputs(name="faces") is True
    assert "cannot be used" in TrainD2C.validate_inputs(name="a/b")


def test_small_configurations_are_offered():
    assert configurations.SMALL == ("small 32", "small 64")
    assert replace(tiny.JOINT, steps=5).batches == 5
