"""The job of a composition, and its result."""

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
from ..refine.rules import Adam
from ..refine.trace import Trace
from ..snapshot import lowest
from .placement import Placement, placements

__all__ = ["Blend", "CompositionJob", "CompositionResult"]


Blend: TypeAlias = Literal["Poisson", "none"]


@dataclass(frozen=True)
class CompositionJob:
    """A composition to run: models, objectives and method.

    Attributes:
        generator: generator G of both latents.
        energy: the primary, E = -s; its terms on images are evaluated at the fused images, those
            on latents at both layers.
        features: features that the secondary compares, LPIPS in the paper; None for squared
            pixels.
        placements: placements to try for each sample.
        weighing: weighing of both objectives.
        rule: rule that moves the points of both latents; Adam in the paper.
        steps: T, at least 1.
        seed: seed of random energies.
        blend: `Poisson` (the paper) or `none`.
        chunking: number of runs at a time.
        device: device of the networks.
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
class CompositionResult:
    """The result of a composition; runs are the first sample's placements, then the second's ...

    Attributes:
        images: image of each sample at its best placement, blended, in [0, 1].
        masks: regions of the foreground in them.
        placements: the best placements.
        foreground: the latents of the best runs.
        background: the latents of the best runs.
        energies: energy of the final image of each placement, with the same draws for all
            placements of a sample.
        all_images: image of each run, blended, in [0, 1].
        trace: trace of the refinement, a column per run; the secondary is one of its readings.
        secondary: l at the points of all steps of this call except the last, a column per run.
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
        """The number of the best placement of each sample."""
        return lowest(self.energies, 1)[:, 0]

    @property
    def falls(self) -> Int[Tensor, "samples placements"]:
        """The number of steps of each run in which the primary fell."""
        return falls(self.trace.energies).reshape(self.energies.shape)
