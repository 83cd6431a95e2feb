"""From z to w: StyleGAN's fully connected layers, its mapping network, and truncation."""

import math
from typing import ClassVar

import torch
from einops import repeat
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from .ops import bias_act

__all__ = ["FullyConnected", "MappingNetwork", "broadcast", "normalize_2nd_moment", "truncated"]


def normalize_2nd_moment(
    x: Float[Tensor, "batch features"], eps: float = 1e-8
) -> Float[Tensor, "batch features"]:
    """Rows whose squares have mean one."""
    return x * (x.square().mean(dim=1, keepdim=True) + eps).rsqrt()


class FullyConnected(nn.Module):
    """A linear layer at an equalised learning rate, and its activation.

    Args:
        before: numbers in.
        after: numbers out.
        bias: whether there is one.
        activation: one of ACTIVATIONS.
        lr_multiplier: factor that the stored weight and bias are multiplied by.
        shift: added to the bias, where a file stores it without (TensorFlow's styles: 1).
    """

    ATTRIBUTES: ClassVar = ("activation", "weight_gain", "bias_gain")

    def __init__(
        self,
        before: int,
        after: int,
        *,
        bias: bool = True,
        activation: str = "linear",
        lr_multiplier: float = 1.0,
        shift: float = 0.0,
    ) -> None:
        super().__init__()
        self.activation = activation
        self.weight = nn.Parameter(torch.zeros(after, before))
        self.bias = nn.Parameter(torch.zeros(after)) if bias else None
        self.weight_gain = lr_multiplier / math.sqrt(before)
        self.bias_gain = lr_multiplier
        self.shift = shift

    def forward(self, x: Float[Tensor, "batch before"]) -> Float[Tensor, "batch after"]:
        bias = self.bias
        if bias is not None:
            bias = bias * self.bias_gain if self.bias_gain != 1 else bias
            bias = bias + self.shift if self.shift else bias
        weight = self.weight * self.weight_gain
        if self.activation == "linear":
            return functional.linear(x, weight, bias)
        return bias_act(functional.linear(x, weight), bias, self.activation)


class MappingNetwork(nn.Module):
    """z and a class to w: normalised, joined, and through fully connected layers.

    Its state dict: `embed.{weight,bias}` (with classes), `fc{i}.{weight,bias}`, `w_avg`.

    Args:
        z_dim: length of z; 0 where the class alone is mapped, as in discriminators.
        c_dim: length of the class row; 0 without classes.
        w_dim: length of w.
        embed_dim: length of the embedded class; that of w by default.
        hidden: widths between the layers, one less than there are layers; None: no layer at all.
        activation: of the layers.
        lr_multiplier: of the layers; the embedding's is 1.
        averaged: whether the mean of w is in the file, for truncation.
        joined_first: whether z and the embedded class are normalised together, after they are
            joined, and the embedding is a bare matrix (the first StyleGAN2 of TensorFlow).
    """

    def __init__(
        self,
        z_dim: int,
        c_dim: int,
        w_dim: int,
        *,
        embed_dim: int | None = None,
        hidden: tuple[int, ...] | None = (),
        activation: str = "lrelu",
        lr_multiplier: float = 0.01,
        averaged: bool = True,
        joined_first: bool = False,
    ) -> None:
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim = z_dim, c_dim, w_dim
        self.joined_first = joined_first
        embed_dim = w_dim if embed_dim is None else embed_dim
        if c_dim and joined_first:
            self.embed = nn.Linear(c_dim, embed_dim, bias=False)
        elif c_dim:
            self.embed = FullyConnected(c_dim, embed_dim)
        widths = [z_dim + (embed_dim if c_dim else 0)]
        widths += [] if hidden is None else [*hidden, w_dim]
        self.num_layers = len(widths) - 1
        for i in range(self.num_layers):
            layer = FullyConnected(
                widths[i], widths[i + 1], activation=activation, lr_multiplier=lr_multiplier
            )
            setattr(self, f"fc{i}", layer)
        if averaged:
            self.register_buffer("w_avg", torch.zeros(w_dim))

    @property
    def averaged(self) -> bool:
        """Whether the mean of w is known."""
        return "w_avg" in self._buffers

    def centre(self, c: Float[Tensor, "batch c"] | None) -> Float[Tensor, "..."]:
        """The centre of truncation, (w_dim,) here or (batch, w_dim): the mean of w."""
        return self.get_buffer("w_avg")

    def forward(
        self, z: Float[Tensor, "batch z"] | None, c: Float[Tensor, "batch c"] | None = None
    ) -> Float[Tensor, "batch w"]:
        """w, not truncated."""
        parts: list[Tensor] = []
        if z is not None and self.z_dim:
            parts.append(z if self.joined_first else normalize_2nd_moment(z))
        if c is not None and self.c_dim:
            embedded = self.embed(c)
            parts.append(embedded if self.joined_first else normalize_2nd_moment(embedded))
        x = torch.cat(parts, dim=1)
        if self.joined_first:
            x = normalize_2nd_moment(x)
        for i in range(self.num_layers):
            x = self.get_submodule(f"fc{i}")(x)
        return x


def broadcast(
    w: Float[Tensor, "batch w"],
    num_ws: int,
    centre: Tensor | None = None,
    psi: float = 1.0,
    cutoff: int = 0,
) -> Float[Tensor, "batch ws w"]:
    """A w for every layer, truncated as by `truncated`.

    Args:
        w: of the mapping network.
        num_ws: how many the layers take.
        centre: (w,) or (batch, w), what psi = 0 gives; needed where psi is not 1.
        psi: centre + psi (w - centre).
        cutoff: how many are pulled, from the first; 0: all.
    """
    return truncated(repeat(w, "batch w -> batch ws w", ws=num_ws), centre, psi, cutoff)


def truncated(
    ws: Float[Tensor, "batch ws w"], centre: Tensor | None, psi: float = 1.0, cutoff: int = 0
) -> Float[Tensor, "batch ws w"]:
    """The first ws pulled towards a centre: the truncation trick.

    Args:
        ws: one per layer.
        centre: (w,) or (batch, w), what psi = 0 gives; needed where psi is not 1.
        psi: centre + psi (w - centre).
        cutoff: how many are pulled, from the first; 0: all.
    """
    if psi == 1:
        return ws
    if centre is None:
        raise ValueError("Truncation needs the mean of w.")
    middle = centre.reshape(-1, 1, ws.shape[2]).expand_as(ws)
    if cutoff == 0 or cutoff >= ws.shape[1]:
        return torch.lerp(middle, ws, psi)
    pulled = torch.lerp(middle[:, :cutoff], ws[:, :cutoff], psi)
    return torch.cat([pulled, ws[:, cutoff:]], dim=1)
