"""Shared parts of the studies of KRR flow: a generator, starts from its prior, and flows."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

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
from ....core.refine.first_order import FirstOrder
from ....core.refine.ordered import Ordered, PlaceOrder
from ....core.refine.refinement import Refinement, refine
from ....core.refine.rules import Descent
from ....core.rng import SampleRng
from ....core.snapshot import Snapshot
from ....core.spaces import Identity
from ....core.starts.candidates import from_prior
from ....core.starts.ranking import ranked
from ....core.starts.variation import variations
from ..session import Progress, moved

__all__ = ["Flowing", "Places", "Run", "Runner"]

Places: TypeAlias = PlaceOrder | Literal["all"]
"""Order in which the places of a grid move; `all` at once."""


@dataclass(frozen=True)
class Run:
    """Settings of a flow to run.

    Attributes:
        settings: settings of the flow.
        step_size: step size of plain descent, the paper's if all lambdas are 1.
        steps: T.
        places: order in which the places of a grid move; `all` at once.
        at_once: places that a step moves, in an order.
    """

    settings: FlowSettings
    step_size: float
    steps: int
    places: Places = "all"
    at_once: int = 1


@dataclass(frozen=True)
class Flowing:
    """Trajectory of a flow.

    Attributes:
        after: latents at each mark.
        seconds: duration in seconds.
    """

    after: dict[int, Latents]
    seconds: float


class Runner:
    """A generator with flows of its latents.

    Args:
        generator: G.
        seed: seed of starts and of the mollifier.
        device: device of the models.
        say: callback with messages on progress.
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
        """Returns samples of the prior, each the best of several if an energy is given."""
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
        """Returns samples near given ones, each the best of several by an energy."""
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
        """Returns the samples of lowest energy."""
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
        """Returns points of the generator's space as latents."""
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
        """Runs flows of the samples, some at a time.

        Args:
            start: samples to start from.
            run: settings of the flow.
            features: features of the kernel.
            condition: -log p(c|x).
            real: images of p(x).
            particles: particles per flow, 0 for all samples; the rest forms a smaller flow.
            marks: steps at which latents are kept; the last one always is.
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
        direction = flow.direction
        if run.places != "all":
            direction = Ordered.on(self.generator.source, direction, run.places, run.at_once)
        job = Refinement(
            title="flow",
            generator=self.generator,
            energy=flow.energy,
            refiner=FirstOrder(Descent(step_size=run.step_size), direction=direction),
            steps=run.steps,
            seed=self.seed,
            chunking=self.chunking,
            device=self.device,
        )
        kept: dict[int, Tensor] = {}

        def on_step(snapshot: Snapshot) -> None:
            if snapshot.state.step in marks:
                kept[snapshot.state.step] = snapshot.state.position.cpu()

        last, _ = refine(job, start, on_step=on_step)
        return kept | {run.steps: last.values}

    def images(self, latents: Latents) -> Tensor:
        """Returns the images of latents."""
        return decode(latents, self.generator, self.chunking, self.device)
