"""The host's nodes that enlarge images, under its ids."""

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
    """Images of another size."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """The host's schema."""
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
        """Resample, as the host does."""
        height, width = (round(side * scale_by) for side in image.shape[1:3])
        return io.NodeOutput(_resampled(image, height, width, upscale_method))


class UpscaleModelLoader(io.ComfyNode):
    """A network that enlarges images."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """The host's schema."""
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
        """Whether the file is there."""
        if _inside(model_name) is not None:
            return True
        there = sorted(path.name for path in _folder().rglob("*") if path.is_file())
        return f"there is no {model_name!r} in {_folder()}; it holds: {', '.join(there) or '-'}"

    @classmethod
    def execute(cls, model_name: str) -> io.NodeOutput:
        """Read the file by the package that the host has for it."""
        from ....core.checkpoints.checkpoint import read

        path = _inside(model_name)
        if path is None:
            raise WorkflowError(f"there is no {model_name!r} in {_folder()}")
        tensors = _unwrapped(read(path).tensors)
        return io.NodeOutput(_loader().load_from_state_dict(tensors).eval())


class ImageUpscaleWithModel(io.ComfyNode):
    """Images through such a network."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """The host's schema."""
        return io.Schema(
            node_id="ImageUpscaleWithModel",
            display_name="Upscale Image (using Model)",
            category="image/upscaling",
            inputs=[_UPSCALER.Input("upscale_model"), io.Image.Input("image")],
            outputs=[io.Image.Output(id="IMAGE", display_name="IMAGE")],
        )

    @classmethod
    def execute(cls, upscale_model: Any, image: torch.Tensor) -> io.NodeOutput:  # noqa: ANN401
        """Enlarge image by image."""
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
    """Without the name that all of the weights lie under, such as params_ema."""
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
            "upscale models are opened by the package spandrel, which ComfyUI brings and this "
            "Python lacks: run the workflow in ComfyUI, pip install spandrel, or take Upscale "
            "Image By, which needs no model"
        ) from error
    return ModelLoader()


NODES: tuple[type[io.ComfyNode], ...] = (ImageScaleBy, UpscaleModelLoader, ImageUpscaleWithModel)
