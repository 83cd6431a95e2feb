"""The job of a composition, and its result."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..chunking import Chunking
from ..energy import Energy
from ..features import Features
from ..generator import Generator
from ..latents import Latents
from ..refine.barrier import Barrier, falls
from ..refine.kernel import Rule
from ..refine.rules import adam
from ..refine.trace import Trace
from ..snapshot import lowest
from .placement import Placement, placements

__all__ = ["Blend", "CompositionJob", "CompositionResult"]


Blend: TypeAlias = Literal["Poisson", "none"]


def _adam() -> Rule:
    return adam()


@dataclass(frozen=True)
class CompositionJob:
    """A composition to be made: models, objectives and method.

    Attributes:
        generator: G, of both latents.
        energy: the primary, E = -s; its terms on images see the fused ones, those on latents both
            layers.
        features: what the secondary compares, LPIPS in the paper; None for the pixels' squares.
        placements: tried for every sample.
        weighing: of both objectives.
        rule: how the points of both latents move; Adam in the paper.
        steps: T, at least 1.
        seed: of random energies.
        blend: `Poisson` (the paper) or `none`.
        chunking: runs at a time.
        device: where the networks are.
        settings: what the rule was made from, which an interrupted run is compared by.
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
    rule: Rule = field(default_factory=_adam)
    blend: Blend = "Poisson"
    settings: Mapping[str, object] | None = None


@dataclass(frozen=True)
class CompositionResult:
    """The result of a composition; runs are the first sample's placements, then the second's ...

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
        return lowest(self.energies, 1)[:, 0]

    @property
    def falls(self) -> Int[Tensor, "samples placements"]:
        """In how many steps of every run the primary fell."""
        return falls(self.trace.energies).reshape(self.energies.shape)
