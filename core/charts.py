"""Charts: parametrisations of a latent during refinement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, cast, get_args

from jaxtyping import Float
from torch import Tensor, nn

from .errors import InvalidInput
from .rng import SampleRng
from .spaces import Block, Domain, Identity, Map, Role, Space

__all__ = [
    "BASIS",
    "WEIGHTS",
    "MixtureOfBasis",
    "Start",
    "WeightKind",
    "WithNoise",
    "chart_from_config",
    "chart_to_config",
]


@dataclass(frozen=True)
class WithNoise:
    """A map with noisy arguments, v -> m(v + std eps) with eps ~ N(0, I) at every evaluation.

    FuseDream's released code adds such noise, of 0.01, to its combined z and y; its paper does not
    mention it. The noise is drawn first from the stream of each sample.

    Attributes:
        map: m, such as a generator.
        std: standard deviation in the units of the map's arguments, at least 0; 0 draws nothing.

    Raises:
        InvalidInput: a negative standard deviation.

    Departures: the noise ignores the bounds of the arguments, as in the released code; class
    shares are projected to sum 1.
    """

    map: Map
    std: float

    def __post_init__(self) -> None:
        if not self.std >= 0:
            raise InvalidInput(f"Noise of standard deviation {self.std:g}; at least 0 needed.")

    @property
    def source(self) -> Space:
        """The space of the map's arguments."""
        return self.map.source

    @property
    def target(self) -> Domain:
        """The space of the map's values."""
        return self.map.target

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The networks of the map."""
        return self.map.modules

    def __str__(self) -> str:
        return f"{self.map} with noise {self.std:g}"

    def __call__(self, v: Float[Tensor, "batch dim"], rng: SampleRng) -> Tensor:
        """Returns the values of the map near the points v."""
        if self.std == 0:
            return self.map(v, rng)
        seen = v + self.std * rng.normal(v.shape[1], like=v)
        return self.map(self.source.share(seen), rng)


BASIS = ".basis"
WEIGHTS = ".weights"
"""Suffixes of the two blocks that replace an over-parametrised one."""
SHARES = "shares"
"""Mark of a saved block, after its role, if its numbers are shares."""
SMALLEST_WEIGHT = 1e-12
"""A weight of 0 has no logit."""
WeightKind: TypeAlias = Literal["scalar", "linear", "softmax"]
WEIGHT_KINDS: tuple[WeightKind, ...] = get_args(WeightKind)
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True)
class MixtureOfBasis:
    """z = sum_k w_k mu_k: FuseDream eq. (4) and TR0N eq. (5).

    FuseDream's basis is the best candidates of the prior, TR0N's the means of its mixture. The
    weights take one of three forms:

    * `scalar`: one number w_k per basis point, shared by all coordinates of all over-parametrised
      blocks; any real number. FuseDream eq. (4), and TR0N eq. (5) as it is written.
    * `linear`: a number per basis point and coordinate, w_k of the shape of mu_k; any real number.
      TR0N eq. (5) as its appendix B.1 expands it.
    * `softmax`: a logit per basis point and coordinate; the weights of a coordinate are positive
      and sum to 1. The released code of both papers.

    While only scalar weights move, z stays in the span of the basis.

    Attributes:
        target: latent space.
        k: number of basis points.
        over: names of the over-parametrised blocks; the others stay unchanged.
        weights: form of the weights.

    Raises:
        InvalidInput: no basis point, or an unknown block.
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
        """The space of the refined blocks.

        Each over-parametrised block becomes a basis (k, *shape), followed by its weights (k,
        *shape) where these are per coordinate. Scalar weights are one block (k,) at the end, named
        after all over-parametrised blocks, such as `z+y.weights`. A basis has the role `latent`,
        independent of the role of its block.
        """
        blocks: list[Block] = []
        for block in self.target.blocks:
            if block.name in self.over:
                shape = (self.k, *block.shape)
                basis = replace(block, name=block.name + BASIS, shape=shape, role="latent")
                blocks.append(basis)
                if self.weights != "scalar":
                    blocks.append(Block(block.name + WEIGHTS, shape, role="weights"))
            else:
                blocks.append(block)
        if self.weights == "scalar":
            blocks.append(Block(self._shared, (self.k,), role="weights"))
        return Space(tuple(blocks))

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """Returns no network: charts have none."""
        return ()

    def __str__(self) -> str:
        return f"basis of {self.k}"

    def __call__(
        self, v: Float[Tensor, "batch parameters"], rng: SampleRng
    ) -> Float[Tensor, "batch dim"]:
        """Returns the latents that the points v represent; class shares are projected to sum 1."""
        parts = self.source.split(v)
        latent = {name: part for name, part in parts.items() if name in self._kept()}
        for name in self.over:
            basis = parts[name + BASIS]
            if self.weights == "scalar":
                weights = _spread(parts[self._shared], basis)
            else:
                weights = parts[name + WEIGHTS]
            if self.weights == "softmax":
                weights = weights.softmax(dim=1)
            latent[name] = (weights * basis).sum(dim=1)
        # Unconstrained weights of shares need not sum to 1.
        return self.target.share(self.target.join(latent))

    def start(
        self,
        basis: Mapping[str, Tensor],
        weights: Float[Tensor, "batch k"],
        kept: Mapping[str, Tensor],
    ) -> Float[Tensor, "batch parameters"]:
        """Returns the point of a basis (batch, k, *shape) and positive weights of sum 1."""
        parts = dict(kept)
        own = weights.clamp_min(SMALLEST_WEIGHT).log() if self.weights == "softmax" else weights
        for name in self.over:
            parts[name + BASIS] = basis[name]
            if self.weights != "scalar":
                parts[name + WEIGHTS] = _spread(own, basis[name]).expand_as(basis[name])
        if self.weights == "scalar":
            parts[self._shared] = own
        return self.source.join(parts)

    @property
    def _shared(self) -> str:
        return "+".join(self.over) + WEIGHTS

    def _kept(self) -> set[str]:
        return {block.name for block in self.target.blocks} - set(self.over)


def _spread(weights: Tensor, basis: Tensor) -> Tensor:
    """Reshapes a number per basis point, (batch, k), to broadcast over coordinates."""
    return weights.reshape(*weights.shape, *[1] * (basis.ndim - 2))


@dataclass(frozen=True)
class Start:
    """Points in a chart.

    Attributes:
        values: points in the source of the chart.
        chart: map from points to latents.
        history: history of each point, see `core.latents.Latents`; empty where all are new.
    """

    values: Float[Tensor, "batch parameters"]
    chart: Map
    history: tuple[int, ...] = ()


def chart_to_config(chart: Map) -> dict[str, object]:
    """Returns a JSON description of a chart."""
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
    """Returns the chart described by `chart_to_config`.

    Raises:
        InvalidInput: an unknown kind of chart or of weights, or a part is missing.
    """
    match config:
        case {"kind": "identity", "space": space}:
            return Identity(_space_from_config(space))
        case {"kind": "basis", "space": space, "k": int(k), "over": over, "weights": weights}:
            names = tuple(str(name) for name in cast("list[str]", over))
            if weights not in WEIGHT_KINDS:
                raise InvalidInput(
                    f"Weights {weights!r} of a basis; known are {', '.join(WEIGHT_KINDS)}."
                )
            return MixtureOfBasis(_space_from_config(space), k, names, weights)
        case _:
            raise InvalidInput(f"Unknown chart {dict(config)}; known are identity and basis.")


def _space_to_config(space: Space) -> list[list[object]]:
    return [
        [b.name, list(b.shape), repr(b.low), repr(b.high), b.role, *([SHARES] if b.shares else [])]
        for b in space.blocks
    ]


def _role(name: str, marks: Sequence[object]) -> Role:
    """Returns the role among the marks of a saved block; from its name in older files."""
    found = [mark for mark in marks if mark != SHARES]
    if not found:
        by_name: dict[str, Role] = {"y": "class", "c": "class"}
        return "weights" if name.endswith(WEIGHTS) else by_name.get(name, "latent")
    if found not in [[role] for role in ROLES]:
        raise InvalidInput(
            f"Block {name!r} has the role {found}; expected one of {', '.join(ROLES)}."
        )
    return cast("Role", found[0])


def _space_from_config(config: object) -> Space:
    blocks: list[Block] = []
    try:
        for name, shape, low, high, *marks in cast("list[Any]", config):
            bounds = (float(low), float(high))
            # The first files had no marks; a single block had shares then.
            shares = SHARES in marks or (not marks and name == "c" and bounds == (0, 1))
            size = tuple(int(n) for n in shape)
            blocks.append(
                Block(str(name), size, *bounds, shares=shares, role=_role(str(name), marks))
            )
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"A latent space cannot be read from {config!r}.") from error
    return Space(tuple(blocks))
