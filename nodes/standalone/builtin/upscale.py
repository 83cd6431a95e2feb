"""Stand-ins for ComfyUI's upscaling nodes, under its ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..api import io
from ..errors import WorkflowError
from ..host import current

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import torch

__all__ = ["NODES"]

_METHODS = ["nearest-exact", "bilinear", "area", "bicubic", "lanczos"]
_WRAPPERS = ("params_ema", "params", "state_dict")
_UPSCALER = io.Custom("UPSCALE_MODEL")


class ImageScaleBy(io.ComfyNode):
    """Resizes images by a factor."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Returns ComfyUI's schema."""
        return io.Schema(
            node_id="ImageScaleBy",
            display_name="Upscale Image By",
            category="image/upscaling",
            inputs=[
                io.Image.Input("image"),
                io.Combo.Input("upscale_method", options=_METHODS),
                io.Float.Input("scale_by", default=1.0, min=0.01, max=8.0, step=0.01),
            ],
            outputs=[io.Image.Output(id="IMAGE", display_name="IMAGE")],
        )

    @classmethod
    def execute(cls, image: torch.Tensor, upscale_method: str, scale_by: float) -> io.NodeOutput:
        """Resamples as ComfyUI does."""
        height, width = (round(side * scale_by) for side in image.shape[1:3])
        return io.NodeOutput(_resampled(image, height, width, upscale_method))


class UpscaleModelLoader(io.ComfyNode):
    """Loads an upscaling network."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Returns ComfyUI's schema."""
        folder = _folder()
        names = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()]
        return io.Schema(
            node_id="UpscaleModelLoader",
            display_name="Load Upscale Model",
            category="loaders",
            inputs=[io.Combo.Input("model_name", options=sorted(names))],
            outputs=[_UPSCALER.Output(id="UPSCALE_MODEL", display_name="UPSCALE_MODEL")],
        )

    @classmethod
    def validate_inputs(cls, model_name: str) -> bool | str:
        """Checks that the file exists."""
        if _inside(model_name) is not None:
            return True
        there = sorted(path.name for path in _folder().rglob("*") if path.is_file())
        return f"there is no {model_name!r} in {_folder()}; it holds: {', '.join(there) or '-'}"

    @classmethod
    def execute(cls, model_name: str) -> io.NodeOutput:
        """Loads the file with the package that ComfyUI uses."""
        from ....core.checkpoints.checkpoint import read

        path = _inside(model_name)
        if path is None:
            raise WorkflowError(f"there is no {model_name!r} in {_folder()}")
        tensors = _unwrapped(read(path).tensors)
        return io.NodeOutput(_loader().load_from_state_dict(tensors).eval())


class ImageUpscaleWithModel(io.ComfyNode):
    """Upscales images with such a network."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Returns ComfyUI's schema."""
        return io.Schema(
            node_id="ImageUpscaleWithModel",
            display_name="Upscale Image (using Model)",
            category="image/upscaling",
            inputs=[_UPSCALER.Input("upscale_model"), io.Image.Input("image")],
            outputs=[io.Image.Output(id="IMAGE", display_name="IMAGE")],
        )

    @classmethod
    def execute(cls, upscale_model: Any, image: torch.Tensor) -> io.NodeOutput:  # noqa: ANN401
        """Upscales image by image."""
        import torch

        upscale_model.to(current().device())
        with torch.no_grad():
            large = [
                upscale_model(one[None].movedim(-1, 1).to(current().device())).cpu()
                for one in image
            ]
        return io.NodeOutput(torch.cat(large).movedim(1, -1).clamp(0, 1))


def _resampled(image: torch.Tensor, height: int, width: int, method: str) -> torch.Tensor:
    import numpy as np
    import torch
    from PIL import Image

    if method != "lanczos":
        planes = image.movedim(-1, 1)
        sized = torch.nn.functional.interpolate(planes, size=(height, width), mode=method)
        return sized.movedim(1, -1)
    pixels = (255 * image.cpu().numpy()).clip(0, 255).astype(np.uint8)
    filtered = [
        Image.fromarray(one).resize((width, height), Image.Resampling.LANCZOS) for one in pixels
    ]
    return torch.stack([torch.from_numpy(np.array(one)).float().div(255) for one in filtered])


def _folder() -> Path:
    return current().base / "models" / "upscale_models"


def _inside(name: str) -> Path | None:
    path = _folder() / name
    inside = path.resolve().is_relative_to(_folder().resolve())
    return path if inside and path.is_file() else None


def _unwrapped(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Removes a name prefix of all weights, such as params_ema."""
    heads = {name.partition(".")[0] for name in tensors}
    wrapper = next(iter(heads)) if len(heads) == 1 else ""
    if wrapper not in _WRAPPERS:
        return dict(tensors)
    return {name.removeprefix(f"{wrapper}."): tensor for name, tensor in tensors.items()}


def _loader() -> Any:  # noqa: ANN401
    try:
        from spandrel import ModelLoader  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise WorkflowError(
            "upscale models need the package spandrel, which ComfyUI includes and this Python "
            "lacks: run the workflow in ComfyUI, pip install spandrel, or use Upscale Image By, "
            "which needs no model"
        ) from error
    return ModelLoader()


NODES: tuple[type[io.ComfyNode], ...] = (ImageScaleBy, UpscaleModelLoader, ImageUpscaleWithModel)
