"""The coordinates of a latent that are drawn, regressed and bounded, TR0N appendix B."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..errors import InvalidInput
from ..rng import SampleRng
from ..spaces import Space
from .law import Law

__all__ = ["Bound", "Coordinates", "Heads", "PartlyRegressed", "Span", "paper_heads"]

Span: TypeAlias = tuple[int, int]
"""First coordinate of a part of the latent, and the one after its last."""
Bound: TypeAlias = tuple[int, int, float, float]
"""A span, its lowest and its highest value, in latent units."""
NEAR = 0.98
"""Largest share of a bound that a regressed start reaches."""
Heads: TypeAlias = Literal["plain", "paper"]
"""Whether all coordinates of a latent are alike, or as in the paper's appendix B."""


def paper_heads(space: Space) -> tuple[tuple[Span, ...], tuple[Bound, ...]]:
    """Returns the spans that the paper regresses and the bounds that it enforces.

    Class blocks are regressed, "BigGAN-based models" in appendix B. Blocks with finite bounds get
    a tanh, appendix B.3: BigGAN's z in [-2, 2], class shares in [0, 1]. A class embedding, which
    has no bounds, gets none. The paper names the regression heads among the bounded ones without
    a range for the embedding; its code leaves the embedding unbounded.
    """
    regressed: list[Span] = []
    bounds: list[Bound] = []
    for block, span in zip(space.blocks, space.slices().values(), strict=True):
        if block.role == "class":
            regressed.append((span.start, span.stop))
        if block.low > -float("inf") and block.high < float("inf"):
            bounds.append((span.start, span.stop, block.low, block.high))
    return tuple(regressed), tuple(bounds)


def check_spans(dim: int, regressed: Sequence[Span], bounds: Sequence[Bound]) -> None:
    """Checks that spans lie within the latent, do not overlap, and that bounds are ordered.

    Raises:
        InvalidInput: they do not.
    """
    for what, spans in (("regressed", regressed), ("bounded", [bound[:2] for bound in bounds])):
        end = 0
        for first, last in sorted(spans):
            if not end <= first < last <= dim:
                raise InvalidInput(
                    f"The {what} coordinates {first} to {last} overlap others or lie outside of "
                    f"the latent's 0 to {dim}."
                )
            end = last
    for first, last, low, high in bounds:
        if not -float("inf") < low < high < float("inf"):
            raise InvalidInput(f"Bounds {low} and {high} of coordinates {first} to {last}.")


class Coordinates(nn.Module):
    """Splits latents into drawn and regressed coordinates, joins them, and applies the bounds.

    Args:
        dim: dimension of the latent.
        regressed: spans that a regression head gives.
        bounds: bounds of the heads' outputs.
    """

    def __init__(self, dim: int, regressed: Sequence[Span], bounds: Sequence[Bound]) -> None:
        super().__init__()
        given = torch.zeros(dim, dtype=torch.bool)
        for first, last in regressed:
            given[first:last] = True
        centre, half = torch.zeros(dim), torch.zeros(dim)
        for first, last, low, high in bounds:
            centre[first:last], half[first:last] = (high + low) / 2, (high - low) / 2
        drawn, rest = (~given).nonzero()[:, 0], given.nonzero()[:, 0]
        self.all_drawn = len(rest) == 0
        self.any_bounds = len(bounds) > 0
        self.drawn: Tensor
        self.regressed: Tensor
        self.order: Tensor
        self.centre: Tensor
        self.reach: Tensor
        # The configuration determines them: they are not part of the file.
        self.register_buffer("drawn", drawn, persistent=False)
        self.register_buffer("regressed", rest, persistent=False)
        self.register_buffer("order", torch.cat([drawn, rest]).argsort(), persistent=False)
        self.register_buffer("centre", centre, persistent=False)
        self.register_buffer("reach", half, persistent=False)

    def drawn_of(self, z: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch drawn"]:
        """Returns the drawn coordinates of full points."""
        return z if self.all_drawn else z[..., self.drawn.to(z.device)]

    def regressed_of(self, z: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch regressed"]:
        """Returns the regressed coordinates of full points."""
        return z[..., self.regressed.to(z.device)]

    def joined(self, drawn: Tensor, regressed: Tensor) -> Float[Tensor, "*batch dim"]:
        """Joins both parts to full points; the regressed part is the same along extra axes."""
        shape = (*drawn.shape[:-1], regressed.shape[-1])
        return torch.cat([drawn, regressed.expand(shape)], dim=-1)[..., self.order]

    def bounded(self, raw: Tensor, which: Tensor | None = None) -> Tensor:
        """Maps outputs of a head into the bounds by tanh; unbounded coordinates are unchanged.

        Args:
            raw: outputs for the coordinates `which` along the last axis.
            which: numbers of the coordinates; all if None.
        """
        if not self.any_bounds:
            return raw
        centre, half = (t if which is None else t[which] for t in (self.centre, self.reach))
        return torch.where(half > 0, centre + half * raw.tanh(), raw)

    def unbounded(self, z: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
        """Returns outputs of a head that `bounded` maps to full points, or near their bounds."""
        if not self.any_bounds:
            return z
        inside = ((z - self.centre) / self.reach.clamp_min(1e-30)).clamp(-NEAR, NEAR)
        return torch.where(self.reach > 0, inside.atanh(), z)


class PartlyRegressed(Law):
    """A law whose drawn coordinates follow another law and whose rest is given by a regression.

    The log-density is that of the drawn coordinates alone. The loss adds the mean squared error of
    the rest to theirs, with weight 1, as the paper's code does.

    Args:
        coordinates: split of the latent.
        law: law of the drawn coordinates.
        value: (batch, regressed), the rest.
    """

    def __init__(self, coordinates: Coordinates, law: Law, value: Tensor) -> None:
        self.coordinates, self.law, self.value = coordinates, law, value

    def log_prob(self, z: Float[Tensor, "batch dim"]) -> Float[Tensor, " batch"]:
        """See `Law`; of the drawn coordinates."""
        return self.law.log_prob(self.coordinates.drawn_of(z))

    def draw(self, rng: SampleRng) -> Float[Tensor, "batch dim"]:
        """See `Law`."""
        return self.coordinates.joined(self.law.draw(rng), self.value)

    @property
    def mean(self) -> Float[Tensor, "batch dim"]:
        """See `Law`."""
        return self.coordinates.joined(self.law.mean, self.value)

    @property
    def mode(self) -> Float[Tensor, "batch dim"]:
        """See `Law`."""
        return self.coordinates.joined(self.law.mode, self.value)

    def loss(
        self, z: Float[Tensor, "batch dim"], scale: float | None, *, fused: bool
    ) -> Float[Tensor, ""]:
        """See `Law`."""
        error = (self.value - self.coordinates.regressed_of(z)).square().mean()
        return self.law.loss(self.coordinates.drawn_of(z), scale, fused=fused) + error
