"""StyleGAN's mapping network from z to w, its fully connected layers, and truncation."""

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
    """Rows scaled to a mean square of one."""
    return x * (x.square().mean(dim=1, keepdim=True) + eps).rsqrt()


class FullyConnected(nn.Module):
    """Linear layer with equalised learning rate and activation.

    Args:
        before: number of inputs.
        after: number of outputs.
        bias: whether there is a bias.
        activation: name in ACTIVATIONS.
        lr_multiplier: factor that the stored weight and bias are multiplied by.
        shift: constant added to a bias that is stored without it (1 for TensorFlow's styles).
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
        self.weight = nn.Parameter(nn.init.zeros_(torch.empty(after, before)))
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
    """Mapping network from z and a class to w: normalisation, joining, fully connected layers.

    State dict: `embed.{weight,bias}` (with classes), `fc{i}.{weight,bias}`, `w_avg`.

    Args:
        z_dim: length of z; 0 where the class alone is mapped, as in discriminators.
        c_dim: length of the class row; 0 without classes.
        w_dim: length of w.
        embed_dim: length of the embedded class; that of w by default.
        hidden: widths between the layers, one fewer than layers; None for no layer at all.
        activation: activation of the layers.
        lr_multiplier: learning rate multiplier of the layers; the embedding's is 1.
        averaged: whether the mean of w is in the file, for truncation.
        joined_first: whether z and the embedded class are normalised together, after joining, and
            the embedding is a plain matrix (the first StyleGAN2 of TensorFlow).
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
        """Centre of truncation, the mean of w: (w_dim,) here, (batch, w_dim) in subclasses."""
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
    """Repeats w for every layer and applies `truncated`.

    Args:
        w: output of the mapping network.
        num_ws: number of ws that the layers take.
        centre: centre of truncation, (w,) or (batch, w); required unless psi is 1.
        psi: truncation to centre + psi (w - centre).
        cutoff: number of truncated ws, from the first; 0 for all.
    """
    return truncated(repeat(w, "batch w -> batch ws w", ws=num_ws), centre, psi, cutoff)


def truncated(
    ws: Float[Tensor, "batch ws w"], centre: Tensor | None, psi: float = 1.0, cutoff: int = 0
) -> Float[Tensor, "batch ws w"]:
    """Applies the truncation trick: the first ws are moved towards a centre.

    Args:
        ws: one w per layer.
        centre: centre of truncation, (w,) or (batch, w); required unless psi is 1.
        psi: truncation to centre + psi (w - centre).
        cutoff: number of truncated ws, from the first; 0 for all.
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
