"""Schemas of ComfyUI's loaders and encoders of its own models, which run in ComfyUI alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..api import io
from ..errors import WorkflowError

__all__ = ["HOST_MODEL_NODES"]

MODEL, CLIP, VAE, CONDITIONING = (
    io.Custom(name) for name in ("MODEL", "CLIP", "VAE", "CONDITIONING")
)
NEEDS = "{} opens ComfyUI's own models: run this workflow in ComfyUI, which alone has them"


def _node(
    node_id: str,
    title: str,
    inputs: Sequence[Any],
    outputs: Sequence[tuple[Any, str]],
) -> type[io.ComfyNode]:
    """A node that can stand in a graph, and refuses to run."""

    def define_schema(cls: type[io.ComfyNode]) -> io.Schema:
        made = [kind.Output(id=name, display_name=name) for kind, name in outputs]
        return io.Schema(
            node_id=node_id,
            display_name=title,
            category="loaders",
            inputs=[make() for make in inputs],
            outputs=made,
        )

    def execute(cls: type[io.ComfyNode], **given: object) -> io.NodeOutput:
        raise WorkflowError(NEEDS.format(title))

    members = {
        "__doc__": f"{title}, of ComfyUI.",
        "define_schema": classmethod(define_schema),
        "execute": classmethod(execute),
    }
    return type(node_id, (io.ComfyNode,), members)


def _file(name: str) -> Any:  # noqa: ANN401
    return lambda: io.Combo.Input(name, options=[])


def _choice(name: str, *options: str) -> Any:  # noqa: ANN401
    return lambda: io.Combo.Input(name, options=list(options))


DEVICE = _choice("device", "default", "cpu")

HOST_MODEL_NODES: tuple[type[io.ComfyNode], ...] = (
    _node(
        "CheckpointLoaderSimple",
        "Load Checkpoint",
        [_file("ckpt_name")],
        [(MODEL, "MODEL"), (CLIP, "CLIP"), (VAE, "VAE")],
    ),
    _node(
        "UNETLoader",
        "Load Diffusion Model",
        [
            _file("unet_name"),
            _choice("weight_dtype", "default", "fp8_e4m3fn", "fp8_e4m3fn_fast", "fp8_e5m2"),
        ],
        [(MODEL, "MODEL")],
    ),
    _node(
        "CLIPLoader",
        "Load CLIP",
        [_file("clip_name"), _choice("type", "stable_diffusion", "sd3", "lumina2"), DEVICE],
        [(CLIP, "CLIP")],
    ),
    _node(
        "DualCLIPLoader",
        "DualCLIPLoader",
        [_file("clip_name1"), _file("clip_name2"), _choice("type", "sdxl", "sd3", "flux"), DEVICE],
        [(CLIP, "CLIP")],
    ),
    _node("VAELoader", "Load VAE", [_file("vae_name")], [(VAE, "VAE")]),
    _node(
        "CLIPTextEncode",
        "CLIP Text Encode (Prompt)",
        [
            lambda: io.String.Input("text", multiline=True),
            lambda: CLIP.Input("clip"),
        ],
        [(CONDITIONING, "CONDITIONING")],
    ),
)
"""Stand-ins for ComfyUI's own nodes in the shipped graphs."""
