"""Image and text towers of transformers' CLIPs and SigLIPs: pixels or tokens to embeddings."""

import torch
from einops import rearrange
from torch import Tensor, nn

from ....devices import numbers_on

__all__ = ["ImageTower", "PatchedImageTower", "TextTower"]


class ImageTower(nn.Module):
    """Maps normalised pixels to embeddings."""

    def __init__(self, body: nn.Module, projection: nn.Module | None) -> None:
        super().__init__()
        self.body = body
        self.projection = projection or nn.Identity()

    def forward(self, pixels: Tensor) -> Tensor:
        return self.projection(self.body(pixel_values=pixels).pooler_output)


class PatchedImageTower(nn.Module):
    """Maps normalised pixels to embeddings with SigLIP 2's flexible grids, at one size."""

    def __init__(self, body: nn.Module, patch: int) -> None:
        super().__init__()
        self.body = body
        self.patch = patch

    def forward(self, pixels: Tensor) -> Tensor:
        count, _, height, width = pixels.shape
        rows, columns = height // self.patch, width // self.patch
        patches = rearrange(
            pixels,
            "batch colours (rows high) (columns wide) -> batch (rows columns) (high wide colours)",
            high=self.patch,
            wide=self.patch,
        )
        grids = numbers_on(torch.tensor([[rows, columns]] * count), pixels.device)
        found = self.body(
            pixel_values=patches,
            pixel_attention_mask=torch.ones(
                patches.shape[:2], dtype=torch.long, device=grids.device
            ),
            spatial_shapes=grids,
        )
        return found.pooler_output


class TextTower(nn.Module):
    """Maps tokens to embeddings."""

    def __init__(self, body: nn.Module, projection: nn.Module | None) -> None:
        super().__init__()
        self.body = body
        self.projection = projection or nn.Identity()

    def forward(self, **tokens: Tensor) -> Tensor:
        return self.projection(self.body(**tokens).pooler_output)
