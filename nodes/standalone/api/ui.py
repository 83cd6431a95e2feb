"""Stand-in for `comfy_api.latest.ui`: what our nodes show beside their values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..host import current
from .node import ComfyNode

if TYPE_CHECKING:
    import torch

__all__ = ["PreviewImage", "PreviewText"]


class PreviewImage:
    """Images shown on the node; like the host's, they are written to the temp folder at once.

    Args:
        image: "batch height width 3", in [0, 1].
        animated: the host's flag; no effect here.
        cls: the executing node, whose hidden values go into the PNG texts.
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
        """The entry of the node in the history."""
        return {"images": self.values, "animated": (self.animated,)}


class PreviewText:
    """A text shown on the node."""

    def __init__(self, value: str) -> None:
        self.value = value

    def as_dict(self) -> dict[str, Any]:
        """The entry of the node in the history."""
        return {"text": (self.value,)}
