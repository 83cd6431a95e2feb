"""What the studies of KRR flow share: a generator, starts from its prior, and flows of them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ....core.charts import Start
from ....core.chunking import Chunking
from ....core.energy import Energy
from ....core.features import FeatureMap
from ....core.generator import Generator
from ....core.krr.flow import krr_flow
from ....core.krr.settings import FlowSettings
from ....core.latents import Latents, decode
from ....core.refine.refinement import Refinement, refine
from ....core.refine.rules import descent
from ....core.rng import SampleRng
from ....core.snapshot import Snapshot
from ....core.spaces import Identity
from ....core.starts.candidates import from_prior
from ....core.starts.ranking import ranked
from ....core.starts.variation import variations
from ..session import Progress, moved

__all__ = ["Flowing", "Run", "Runner"]


@dataclass(frozen=True)
class Run:
    """A flow to be made.

    Attributes:
        settings: of the flow.
        step_size: of plain descent, the paper's when all lambdas are 1.
        steps: T.
    """

    settings: FlowSettings
    step_size: float
    steps: int


@dataclass(frozen=True)
class Flowing:
    """Where a flow passed.

    Attributes:
        after: the latents at each mark.
        seconds: that it took.
    """

    after: dict[int, Latents]
    seconds: float


class Runner:
    """A generator whose latents flow.

    Args:
        generator: G.
        seed: of starts and of the mollifier.
        device: where to compute.
        say: called with what is being done.
    """

    def __init__(
        self, generator: Generator, *, seed: int, device: torch.device, say: Progress
    ) -> None:
        self.generator = moved(generator, device)
        self.seed, self.device, self.say = seed, device, say
        self.chunking = Chunking.of("fast", generator.image_size)

    def prior(
        self,
        count: int,
        purpose: str = "prior",
        *,
        energy: Energy | None = None,
        candidates: int = 1,
    ) -> Latents:
        """Samples of the prior, or each the best of several by an energy."""
        start = from_prior(
            self.generator,
            SampleRng.of(self.seed, count, purpose),
            energy=energy,
            candidates=candidates,
            chunking=self.chunking,
            device=self.device,
        )
        return self.latents(start.values)

    def varied(
        self,
        centre: Latents,
        each: int,
        variation: float,
        *,
        spread: float = 0.0,
        towards: Latents | None = None,
        energy: Energy,
        candidates: int = 1,
    ) -> Latents:
        """Samples about given ones, each the best of several by an energy."""
        start = variations(
            centre,
            self.generator,
            SampleRng.of(self.seed, len(centre) * each, "variation"),
            variation=variation,
            spread=spread,
            towards=towards,
            energy=energy,
            candidates=candidates,
            chunking=self.chunking,
            device=self.device,
        )
        return self.latents(start.values)

    def best(self, latents: Latents, energy: Energy, keep: int) -> Latents:
        """The samples of lowest energy."""
        found = ranked(
            latents,
            self.generator,
            energy,
            seed=self.seed,
            keep=keep,
            chunking=self.chunking,
            device=self.device,
        )
        return self.latents(latents.picked(found.rows).values)

    def latents(self, values: Tensor) -> Latents:
        """Points of the generator's space as latents."""
        return Latents.of(Start(values, Identity(self.generator.source)), self.generator)

    def flow(
        self,
        start: Latents,
        run: Run,
        features: FeatureMap,
        *,
        condition: Energy | None = None,
        real: Tensor | None = None,
        particles: int = 0,
        marks: Sequence[int] = (),
    ) -> Flowing:
        """Flows of the samples, some at a time.

        Args:
            start: the samples.
            run: how.
            features: what the kernel looks at.
            condition: -log p(c|x).
            real: images of p(x).
            particles: of one flow, 0 for all samples; what is left over makes a smaller one.
            marks: steps at which the latents are kept; the last always is.
        """
        begun = time.perf_counter()
        size = particles or len(start)
        kept: dict[int, list[Tensor]] = {}
        for first in range(0, len(start), size):
            own = start.picked(tuple(range(first, min(first + size, len(start)))))
            for step, values in self._one(own, run, features, condition, real, marks).items():
                kept.setdefault(step, []).append(values)
        after = {step: start.moved(torch.cat(parts)) for step, parts in kept.items()}
        return Flowing(after, time.perf_counter() - begun)

    def _one(
        self,
        start: Latents,
        run: Run,
        features: FeatureMap,
        condition: Energy | None,
        real: Tensor | None,
        marks: Sequence[int],
    ) -> dict[int, Tensor]:
        flow = krr_flow(
            run.settings,
            features,
            steps=run.steps,
            image_size=self.generator.image_size,
            chunking=self.chunking,
            condition=condition,
            real=real,
            seed=self.seed,
        )
        job = Refinement(
            title="flow",
            generator=self.generator,
            energy=flow.energy,
            rule=descent(step_size=run.step_size),
            steps=run.steps,
            seed=self.seed,
            chunking=self.chunking,
            device=self.device,
            direction=flow.direction,
        )
        kept: dict[int, Tensor] = {}

        def on_step(snapshot: Snapshot) -> None:
            if snapshot.state.step in marks:
                kept[snapshot.state.step] = snapshot.state.position.cpu()

        last, _ = refine(job, start, on_step=on_step)
        return kept | {run.steps: last.values}

    def images(self, latents: Latents) -> Tensor:
        """The images of latents."""
        return decode(latents, self.generator, self.chunking, self.device)
