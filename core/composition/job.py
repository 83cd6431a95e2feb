"""What a composition is made from, and what comes of it."""

from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..chunking import Chunking
from ..energy import Energy, Part, Pullback, Term
from ..errors import InvalidInput
from ..generator import Generator
from ..latents import Latents
from ..perceptual import Features
from ..refine.barrier import Barrier, falls
from ..refine.kernel import Rule
from ..refine.rules import Adam
from ..refine.trace import Trace
from ..rng import SampleRng
from ..snapshot import comparable
from .placement import Placement, placements

__all__ = ["Blend", "Composing", "Composition", "lowest", "spread"]


def spread(energy: Energy, each: int) -> Energy:
    """The energy of a batch in which every sample stands so many times, side by side.

    Rows of conditions and references go with the samples.

    Args:
        energy: of the samples.
        each: rows of a sample.

    Raises:
        InvalidInput: a part that compares the samples of a batch with each other.
    """
    return Energy(tuple((weight, _spread(term, each)) for weight, term in energy.terms))


def _spread(term: Part, each: int) -> Part:
    if isinstance(term, Pullback):
        return replace(term, inner=spread(term.inner, each))
    if not isinstance(term, Term):
        raise InvalidInput(
            f"{term} compares the samples of a batch with each other: several runs of a sample "
            "would be taken for several samples. Use it in KRR Flow Refine."
        )

    def evaluate(v: Tensor, rng: SampleRng) -> Tensor:
        rows = [row // each for row in rng.rows]
        return term.evaluate(v, SampleRng(rng.streams, rows, rng.names))

    condition = term.condition
    if condition is not None and len(condition) > 1:
        condition = condition.repeated(each)
    return replace(term, evaluate=evaluate, condition=condition)


Blend: TypeAlias = Literal["Poisson", "none"]


@dataclass(frozen=True)
class Composing:
    """What is to be composed, and how.

    Attributes:
        generator: G, of both latents.
        energy: the primary, E = -s; its terms on images see the fused ones, those on latents both
            halves.
        features: what the secondary compares, LPIPS in the paper; None for the pixels' squares.
        placements: tried for every sample.
        weighing: of both objectives.
        rule: how the points of both latents move; Adam in the paper.
        steps: T, at least 1.
        seed: of random energies.
        blend: `Poisson` (the paper) or `none`.
        chunking: runs at a time.
        device: where the networks are.
    """

    generator: Generator
    energy: Energy
    features: Features | None
    steps: int
    seed: int
    chunking: Chunking
    device: torch.device
    placements: tuple[Placement, ...] = field(default_factory=placements)
    weighing: Barrier = field(default_factory=Barrier)
    rule: Rule = field(default_factory=Adam)
    blend: Blend = "Poisson"


@dataclass(frozen=True)
class Composition:
    """What came of it; `runs` are the placements of the first sample, then of the second ...

    Attributes:
        images: of every sample, at its best placement, blended, in [0, 1].
        masks: where the foreground lies in them.
        placements: the best ones.
        foreground: the latents of the best runs.
        background: the latents of the best runs.
        energies: of the image of every placement, as it would be returned, with the same draws for
            all placements of a sample.
        all_images: of every run, blended, in [0, 1].
        trace: of the refinement, a column per run; the secondary is one of its readings.
        secondary: l at the points of all steps of this call but the last point, a column per run.
    """

    images: Float[Tensor, "samples 3 height width"]
    masks: Bool[Tensor, "samples height width"]
    placements: tuple[Placement, ...]
    foreground: Latents
    background: Latents
    energies: Float[Tensor, "samples placements"]
    all_images: Float[Tensor, "runs 3 height width"]
    trace: Trace
    secondary: Float[Tensor, "points runs"]

    @property
    def best(self) -> Int[Tensor, " samples"]:
        """The number of every sample's best placement."""
        return lowest(self.energies)

    @property
    def falls(self) -> Int[Tensor, "samples placements"]:
        """In how many steps of every run the primary fell."""
        return falls(self.trace.energies).reshape(self.energies.shape)


def lowest(energies: Float[Tensor, "samples placements"]) -> Int[Tensor, " samples"]:
    """The number of the placement of lowest energy; what is not finite comes last."""
    return comparable(energies).argmin(dim=1)
