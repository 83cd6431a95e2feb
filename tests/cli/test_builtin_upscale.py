"""Nodes of the host for upscaling, in the standalone host."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from latentsteer.core.checkpoints.checkpoint import write
from latentsteer.nodes.standalone.builtin.upscale import (
    ImageScaleBy,
    ImageUpscaleWithModel,
    UpscaleModelLoader,
)
from latentsteer.nodes.standalone.errors import WorkflowError
from latentsteer.nodes.standalone.host import StandaloneHost, use
from PIL import Image


@pytest.fixture
def upscalers(tmp_path):
    """A host with one upscale model, and a file outside of the folder."""
    write(tmp_path / "models" / "upscale_models" / "x2.safetensors", {"a": torch.ones(2)})
    write(tmp_path / "models" / "secret.safetensors", {"a": torch.ones(2)})
    with use(StandaloneHost(tmp_path, device="cpu")) as host:
        yield host


@pytest.fixture
def spandrel(monkeypatch):
    """Replacement of the package that the host loads upscale models with."""
    seen = SimpleNamespace(tensors={}, batches=[])

    class Model:
        scale = 2

        def eval(self):
            return self

        def to(self, device):
            return self

        def __call__(self, image):
            seen.batches.append(tuple(image.shape))
            return 1.5 * image.repeat_interleave(2, 2).repeat_interleave(2, 3)

    class ModelLoader:
        def load_from_state_dict(self, tensors):
            seen.tensors = tensors
            return Model()

    module = ModuleType("spandrel")
    module.ModelLoader = ModelLoader
    monkeypatch.setitem(sys.modules, "spandrel", module)
    return seen


def test_scaling_by_a_factor():
    image = torch.rand(2, 5, 7, 3)
    for method in ImageScaleBy.define_schema().inputs[1].options:
        (large,) = ImageScaleBy.execute(image, method, 2.0).result
        assert large.shape == (2, 10, 14, 3), method
        assert large.dtype == torch.float32
    (same,) = ImageScaleBy.execute(image, "nearest-exact", 2.0).result
    assert torch.equal(same[:, ::2, ::2], image)


def test_lanczos_is_pillows():
    image = torch.rand(1, 6, 6, 3)
    (large,) = ImageScaleBy.execute(image, "lanczos", 1.5).result
    picture = Image.fromarray((image[0].numpy() * 255).astype(np.uint8))
    expected = np.array(picture.resize((9, 9), Image.Resampling.LANCZOS))
    assert torch.equal((large[0] * 255).round().to(torch.uint8), torch.from_numpy(expected))


def test_a_model_enlarges_image_by_image(upscalers, spandrel):
    schema = UpscaleModelLoader.define_schema()
    assert schema.inputs[0].options == ["x2.safetensors"]
    (model,) = UpscaleModelLoader.execute("x2.safetensors").result
    assert torch.equal(spandrel.tensors["a"], torch.ones(2))
    image = torch.rand(2, 4, 6, 3)
    (large,) = ImageUpscaleWithModel.execute(model, image).result
    assert spandrel.batches == [(1, 3, 4, 6)] * 2
    torch.testing.assert_close(large[:, ::2, ::2], (1.5 * image).clamp(max=1))


def test_weights_under_one_name_are_unwrapped(upscalers, spandrel):
    folder = upscalers.base / "models" / "upscale_models"
    torch.save({"params_ema": {"conv.weight": torch.ones(3)}}, folder / "gan.pth")
    UpscaleModelLoader.execute("gan.pth")
    assert list(spandrel.tensors) == ["conv.weight"]


def test_without_the_package_or_the_file_it_is_told(upscalers, monkeypatch):
    monkeypatch.setitem(sys.modules, "spandrel", None)
    with pytest.raises(WorkflowError, match="run the workflow in ComfyUI, pip install spandrel"):
        UpscaleModelLoader.execute("x2.safetensors")
    for name in ("x4.safetensors", "../secret.safetensors"):
        said = UpscaleModelLoader.validate_inputs(name)
        assert name in said
        assert "it holds: x2.safetensors" in said
