"""Stand-ins for `comfy_api.latest`: the names `io` and `ui`, as strict as ComfyUI 0.3.64."""

from . import io, ui

__all__ = ["io", "ui"]
