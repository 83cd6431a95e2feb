"""Inputs of the nodes that make generators of ComfyUI's models."""

from .host import io
from .host_memory import MEMORY

__all__ = ["height", "memory_widget", "width"]


def width() -> io.Int.Input:
    """Widget: width of the images in pixels."""
    return _side("width")


def height() -> io.Int.Input:
    """Widget: height of the images in pixels."""
    return _side("height")


def _side(name: str) -> io.Int.Input:
    return io.Int.Input(
        name,
        default=512,
        min=16,
        max=8192,
        step=8,
        tooltip=f"{name.capitalize()} of the images in pixels (16 to 8192).",
    )


def memory_widget() -> io.Combo.Input:
    """Widget: how gradients save memory."""
    return io.Combo.Input(
        "memory",
        options=list(MEMORY),
        default=MEMORY[0],
        tooltip="How gradients save memory; images and gradients stay the same. plain: not at "
        "all, the fastest; checkpointed: activations are computed again, a third slower; staged: "
        "also "
        "one network at a time on the device. auto: the fastest that is estimated to fit.",
    )
