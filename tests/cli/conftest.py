"""Toy nodes and a small graph of them."""

import asyncio
import signal
from typing import Any

import pytest
import torch
from latentsteer.core.errors import InvalidInput
from latentsteer.nodes.standalone.api.schema import io, ui
from latentsteer.nodes.standalone.builtin.images import BUILTIN_NODES
from latentsteer.nodes.standalone.host import StandaloneHost, current
from latentsteer.nodes.standalone.registry import schemas_of

TOY = io.Custom("TOY")


class ToyMake(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="ToyMake",
            display_name="Make a Toy",
            category="toys",
            inputs=[
                io.Int.Input("seed", default=0, min=0, max=2**64 - 1),
                io.Int.Input("size", default=4, min=2, max=64),
                io.Combo.Input("chunk", options=["fixed", "fast"], default="fixed"),
                io.Float.Input("scale", default=1.0, min=0.0, max=10.0, round=0.01),
                io.Boolean.Input("grey", default=False, optional=True),
                io.String.Input("text", default="", multiline=True, optional=True),
            ],
            outputs=[TOY.Output("toy"), io.Float.Output("mean", display_name="mean")],
        )

    @classmethod
    def execute(cls, seed, size, chunk, scale, grey=False, text=""):
        generator = torch.Generator().manual_seed(seed)
        toy = scale * torch.rand(2, size, size, 1 if grey else 3, generator=generator)
        return io.NodeOutput(toy, float(toy.mean()))


class ToyDecode(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="ToyDecode",
            inputs=[
                TOY.Input("toy"),
                TOY.Input("second", optional=True),
                io.Float.Input("weight", default=0.5, min=0.0, max=1.0),
            ],
            outputs=[io.Image.Output("image")],
        )

    @classmethod
    def execute(cls, toy, weight, second=None):
        mixed = toy if second is None else weight * toy + (1 - weight) * second
        return io.NodeOutput(mixed.clamp(0, 1))


class ToyMeasure(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="ToyMeasure",
            inputs=[io.Image.Input("image")],
            outputs=[],
            hidden=[io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    async def execute(cls, image):
        await asyncio.sleep(0)
        state = {
            "id": cls.hidden.unique_id,
            "inference": torch.is_inference_mode_enabled(),
            "made_in_inference": image.is_inference(),
            "run_id": list(current().run_id()),
            "energy": {"before": 2.0, "after": image.mean()},
        }
        shown = ui.PreviewText("seen").as_dict()
        return io.NodeOutput(ui={**shown, "latentsteer": [state]})


class ToyLoop(io.ComfyNode):
    """Runs two steps and presses Ctrl-C at `stop_at`."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="ToyLoop",
            inputs=[
                io.Image.Input("image"),
                io.Int.Input("stop_at", default=0, min=0, max=2),
                io.Int.Input("presses", default=1, min=1, max=2),
            ],
            outputs=[],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, image, stop_at, presses):
        progress = current().progress(2, "toy")
        try:
            for step in (1, 2):
                if step == stop_at:
                    for _ in range(presses):
                        signal.raise_signal(signal.SIGINT)
                progress.update(step, lambda: to_pil(image[0]))
        except BaseException:
            path = current().output_directory() / "partial.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("so far")
            current().record_interrupted(path)
            raise
        finally:
            progress.close()
        return io.NodeOutput()


class ToyFail(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="ToyFail",
            inputs=[io.Combo.Input("how", options=["library", "bug", "dict", "count"])],
            outputs=[TOY.Output("toy")],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, how) -> Any:
        if how == "library":
            raise InvalidInput("steps is 0; expected 1 or more")
        if how == "bug":
            raise RuntimeError("a bug")
        return {"result": ()} if how == "dict" else io.NodeOutput(1, 2)


class ToyFile(io.ComfyNode):
    """Validates `file` itself; the host validates `other`."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="ToyFile",
            inputs=[
                io.Combo.Input("file", options=["here.st"]),
                io.Combo.Input("other", options=["a"], default="a"),
            ],
            outputs=[TOY.Output("toy")],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, file):
        return True if file in ("here.st", "hidden.st") else f"no file {file!r}; put it into x"

    @classmethod
    def execute(cls, file, other):
        return io.NodeOutput(file + other)


def to_pil(image):
    from latentsteer.nodes.standalone.images import to_pil as convert

    return convert(image)


TOYS = (ToyMake, ToyDecode, ToyMeasure, ToyLoop, ToyFail, ToyFile)


@pytest.fixture
def nodes():
    return {node.schema().node_id: node for node in (*TOYS, *BUILTIN_NODES)}


@pytest.fixture
def schemas(nodes):
    return schemas_of(nodes)


@pytest.fixture
def host(tmp_path):
    return StandaloneHost(tmp_path, tmp_path / "out", "cpu")


@pytest.fixture
def api():
    """Two toys, mixed, measured and saved; every widget is named."""
    make = {"seed": 7, "size": 4, "chunk": "fixed", "scale": 1.0, "grey": False, "text": "x"}
    return {
        "1": {"class_type": "ToyMake", "inputs": dict(make), "_meta": {"title": "First"}},
        "2": {"class_type": "ToyMake", "inputs": {**make, "seed": 8}},
        "3": {
            "class_type": "ToyDecode",
            "inputs": {"toy": ["1", 0], "second": ["2", 0], "weight": ["2", 1]},
        },
        "4": {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": "toy"}},
        "5": {"class_type": "ToyMeasure", "inputs": {"image": ["3", 0]}},
    }
