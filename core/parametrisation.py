"""Charts: how a latent is written while it is refined."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, cast

from jaxtyping import Float
from torch import Tensor, nn

from .errors import InvalidInput
from .rng import SampleRng
from .spaces import Block, Identity, Map, Space

__all__ = [
    "BASIS",
    "WEIGHTS",
    "MixtureOfBasis",
    "WeightKind",
    "chart_from_config",
    "chart_to_config",
]

BASIS = ".basis"
WEIGHTS = ".weights"
"""Endings of the two blocks that stand for an over-parametrised one."""

SHARES = "shares"
"""What a saved block says beside its bounds where its numbers are shares of a whole."""

SMALLEST_WEIGHT = 1e-12
"""A weight of 0 has no logit."""

WeightKind: TypeAlias = Literal["linear", "softmax"]


@dataclass(frozen=True)
class MixtureOfBasis:
    """z = sum_k w_k mu_k, each coordinate with weights of its own.

    TR0N eq. (5), as expanded in its appendix B.1, over the mixture's means; FuseDream eq. (4) over
    the best candidates of the prior. Both released codes pass the weights through a softmax;
    both papers let them be any numbers.

    Attributes:
        target: the latent space.
        k: number of basis points.
        over: the blocks that are over-parametrised; the others stay as they are.
        weights: `linear` (the papers) or `softmax` of logits (the released codes).
    """

    target: Space
    k: int
    over: tuple[str, ...]
    weights: WeightKind = "linear"

    def __post_init__(self) -> None:
        if self.k < 1:
            raise InvalidInput(f"A basis of {self.k} points; expected at least 1.")
        for name in self.over:
            self.target.block(name)

    @property
    def source(self) -> Space:
        """A basis and a weights block, each (k, *shape), for each over-parametrised one."""
        blocks: list[Block] = []
        for block in self.target.blocks:
            if block.name in self.over:
                shape = (self.k, *block.shape)
                blocks.append(replace(block, name=block.name + BASIS, shape=shape))
                blocks.append(Block(block.name + WEIGHTS, shape))
            else:
                blocks.append(block)
        return Space(tuple(blocks))

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """None."""
        return ()

    def __str__(self) -> str:
        return f"basis of {self.k}"

    def __call__(
        self, v: Float[Tensor, "batch parameters"], rng: SampleRng
    ) -> Float[Tensor, "batch dim"]:
        """The latents that the points v stand for; shares of classes are brought to sum 1."""
        parts = self.source.split(v)
        latent = {name: part for name, part in parts.items() if name in self._kept()}
        for name in self.over:
            weights = parts[name + WEIGHTS]
            if self.weights == "softmax":
                weights = weights.softmax(dim=1)
            latent[name] = (weights * parts[name + BASIS]).sum(dim=1)
        # What weights that are any numbers make of shares need not add up to 1.
        return self.target.share(self.target.join(latent))

    def start(
        self,
        basis: Mapping[str, Tensor],
        weights: Float[Tensor, "batch k"],
        kept: Mapping[str, Tensor],
    ) -> Float[Tensor, "batch parameters"]:
        """The point with this basis (batch, k, *shape) and these positive weights of sum 1."""
        parts = dict(kept)
        for name in self.over:
            own = (
                weights.clamp_min(SMALLEST_WEIGHT).log() if self.weights == "softmax" else weights
            )
            parts[name + BASIS] = basis[name]
            spread = own.reshape(*own.shape, *[1] * (basis[name].ndim - 2))
            parts[name + WEIGHTS] = spread.expand_as(basis[name])
        return self.source.join(parts)

    def _kept(self) -> set[str]:
        return {block.name for block in self.target.blocks} - set(self.over)


def chart_to_config(chart: Map) -> dict[str, object]:
    """What JSON needs to rebuild a chart."""
    if isinstance(chart, Identity):
        return {"kind": "identity", "space": _space_to_config(chart.source)}
    if isinstance(chart, MixtureOfBasis):
        return {
            "kind": "basis",
            "space": _space_to_config(chart.target),
            "k": chart.k,
            "over": list(chart.over),
            "weights": chart.weights,
        }
    raise InvalidInput(f"The chart {chart} cannot be saved; known are identity and basis.")


def chart_from_config(config: Mapping[str, object]) -> Identity | MixtureOfBasis:
    """The chart that `chart_to_config` described.

    Raises:
        InvalidInput: an unknown kind, or a part is missing.
    """
    match config:
        case {"kind": "identity", "space": space}:
            return Identity(_space_from_config(space))
        case {"kind": "basis", "space": space, "k": int(k), "over": over, "weights": weights}:
            names = tuple(str(name) for name in cast("list[str]", over))
            kind: WeightKind = "softmax" if weights == "softmax" else "linear"
            return MixtureOfBasis(_space_from_config(space), k, names, kind)
        case _:
            raise InvalidInput(f"Unknown chart {dict(config)}; known are identity and basis.")


def _space_to_config(space: Space) -> list[list[object]]:
    return [
        [b.name, list(b.shape), repr(b.low), repr(b.high), *([SHARES] if b.shares else [])]
        for b in space.blocks
    ]


def _space_from_config(config: object) -> Space:
    blocks: list[Block] = []
    try:
        for name, shape, low, high, *kind in cast("list[Any]", config):
            bounds = (float(low), float(high))
            # Files did not say it before; there was one such block.
            shares = kind == [SHARES] or (not kind and name == "c" and bounds == (0, 1))
            blocks.append(Block(str(name), tuple(int(n) for n in shape), *bounds, shares=shares))
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"A latent space cannot be read from {config!r}.") from error
    return Space(tuple(blocks))
