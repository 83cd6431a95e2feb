"""Stand-in for `comfy_api.latest.ui`: what LatentSteer's nodes display."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..host import current
from .node import ComfyNode

if TYPE_CHECKING:
    import torch

__all__ = ["PreviewImage", "PreviewText"]


class PreviewImage:
    """Images displayed on the node; as in ComfyUI, they are written to the temp folder at once.

    Args:
        image: "batch height width 3", in [0, 1].
        animated: ComfyUI's flag; no effect here.
        cls: executing node, whose hidden values go into the PNG texts.
    """

    def __init__(
        self,
        image: torch.Tensor,
        animated: bool = False,
        cls: type[ComfyNode] | None = None,
    ) -> None:
        hidden = None if cls is None else cls.hidden
        self.values = current().save_images(image, "ComfyUI_temp", folder="temp", hidden=hidden)
        self.animated = animated

    def as_dict(self) -> dict[str, Any]:
        """Returns the node's entry in the history."""
        return {"images": self.values, "animated": (self.animated,)}


class PreviewText:
    """A text displayed on the node."""

    def __init__(self, value: str) -> None:
        self.value = value

    def as_dict(self) -> dict[str, Any]:
        """Returns the node's entry in the history."""
        return {"text": (self.value,)}
