"""StyleGAN-XL's mapping network (Sauer et al., 2022), with pretrained class embeddings."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .mapping import FullyConnected, MappingNetwork, normalize_2nd_moment

__all__ = ["XlMapping"]


class XlMapping(MappingNetwork):
    """Mapping network from z and a class to w, with a mean of w per class.

    State dict: `embed.weight`, `embed_proj.{weight,bias}` (with classes),
    `fc{i}.{weight,bias}`, `w_avg`.

    Args:
        z_dim: length of z and of the projected embedding.
        c_dim: length of the class row; 0 without classes.
        w_dim: length of w.
        embedding: (rows, length) of the embedding table, which files have even without classes,
            and which may have more rows than there are classes.
        hidden: widths between the layers, one fewer than layers.
        lr_multiplier: learning rate multiplier of the layers; the projection's is 1.
        by_class: whether there is one mean of w per class rather than one for all.
    """

    def __init__(
        self,
        z_dim: int,
        c_dim: int,
        w_dim: int,
        *,
        embedding: tuple[int, int],
        hidden: tuple[int, ...] = (),
        lr_multiplier: float = 0.01,
        by_class: bool = True,
    ) -> None:
        super().__init__(
            z_dim, c_dim, w_dim, embed_dim=z_dim, hidden=hidden, lr_multiplier=lr_multiplier
        )
        rows, length = embedding
        self.embed = nn.Embedding.from_pretrained(torch.zeros(rows, length))
        if c_dim:
            self.embed_proj = FullyConnected(length, z_dim, activation="lrelu")
        self.by_class = by_class and c_dim > 0
        if self.by_class:
            self.register_buffer("w_avg", torch.zeros(c_dim, w_dim))

    def centre(self, c: Float[Tensor, "batch c"] | None) -> Float[Tensor, "..."]:
        """Centre of truncation: the mean of w of each class, mixed as the class row is.

        Args:
            c: class row per image; None for the uniform mean over classes.
        """
        means = self.get_buffer("w_avg")
        if not self.by_class:
            return means
        return means.mean(dim=0) if c is None else c @ means

    def forward(
        self, z: Float[Tensor, "batch z"] | None, c: Float[Tensor, "batch c"] | None = None
    ) -> Float[Tensor, "batch w"]:
        """w, not truncated."""
        parts = [] if z is None else [normalize_2nd_moment(z)]
        if self.c_dim and c is not None:
            projected = self.embed_proj(c @ self.embed.weight[: self.c_dim])
            parts.append(normalize_2nd_moment(projected))
        w = torch.cat(parts, dim=1)
        for layer in range(self.num_layers):
            w = self.get_submodule(f"fc{layer}")(w)
        return w
