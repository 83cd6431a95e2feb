"""Composed generation: a foreground and a background, refined together so that they fuse.

FuseDream section 3.3 and algorithm 2: a separate run for each placement, by the dynamic barrier of
eq. (6) on both over-parametrised latents; then the placement of lowest energy is Poisson-blended.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from ..charts import chart_to_config
from ..devices import threads_of
from ..energy import Energy
from ..errors import GeneratorMismatch, InvalidInput
from ..generator import Gaussian, Generator
from ..identity import ModelId, options_of
from ..latents import Latents
from ..refine.barrier import DynamicBarrier
from ..refine.first_order import FirstOrder
from ..refine.refinement import Refinement, refine
from ..refine.trace import Trace
from ..rng import SampleRng, derive_seed
from ..snapshot import Snapshot, lowest
from ..spaces import IMAGES, Identity
from .job import Blend, CompositionJob, CompositionResult
from .paste import Paste
from .poisson import poisson_blend
from .scene import FUSED, ImageOf, Layer, Scene, agreement

__all__ = ["Blend", "Composer", "CompositionJob", "CompositionResult"]

TITLE = "Compose Fuse"
SPACING = 19
"""Offset between the names of runs of two samples at one placement. Odd, so that runs of a single
placement fill a chunk; above 18, so that the paper's placements do not collide."""


class Composer:
    """The composition of a batch of samples: its runs and their results.

    Args:
        job: what to do.
        foreground: latents of the job's generator, in any chart.
        background: the same number of them, in any chart; sample i goes with the foreground's i.

    Raises:
        GeneratorMismatch: latents of another generator.
        InvalidInput: different numbers of foregrounds and backgrounds, a coupled energy, or a
            placement that does not fit.
        ConditionMismatch: a condition's rows do not match the samples.
    """

    def __init__(self, job: CompositionJob, foreground: Latents, background: Latents) -> None:
        self.job, self._front, self._back = job, foreground, background
        self._check()
        self.paste = Paste(job.generator.image_size, job.placements)
        self.scene = Scene(
            job.generator, Layer.both(foreground.chart, background.chart), self.paste
        )
        self.secondary = agreement(job.features, self.scene.target)

    @cached_property
    def generator(self) -> Generator:
        """The fused images as a generator of the points of both latents, a row per run."""
        charts = [chart_to_config(layer.chart) for layer in self.scene.layers]
        parts = [self.job.generator.id, charts, [str(one) for one in self.job.placements]]
        identity = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
        options = options_of(self.job.generator.id)
        space = self.scene.source

        def render(parts: Mapping[str, Tensor], rng: SampleRng) -> Tensor:
            return self.scene.fused(space.join(parts), rng)

        return replace(
            self.job.generator,
            name=f"composition of {self.job.generator.name}",
            id=identity if options is None else ModelId(identity, options),
            source=space,
            prior=Gaussian(space.dim),
            render=render,
            discriminator=None,
            encoder=None,
            encode=None,
        )

    @cached_property
    def start(self) -> Latents:
        """The start of all runs: those of a sample share it, and each has its own streams."""
        each = len(self.job.placements)
        both = torch.cat([self._front.values, self._back.values.to(self._front.values)], dim=1)
        # From sample and placement, so that a run does not depend on which placements are tried.
        names = tuple(
            derive_seed(name, placement)
            for name in self._front.samples
            for placement in self.job.placements
        )
        return Latents(
            values=both.repeat_interleave(each, dim=0),
            chart=Identity(self.scene.source),
            generator=self.generator.id,
            generator_name=self.generator.name,
            samples=names,
            history=tuple(
                max(pair)
                for pair in zip(self._front.history, self._back.history, strict=True)
                for _ in self.job.placements
            ),
        )

    @cached_property
    def _names(self) -> tuple[int, ...]:
        """The names that place the runs in chunks, derived from sample and placement.

        The names of the runs are effectively random and would leave gaps in many chunks.
        """
        return tuple(
            SPACING * name + placement.number
            for name in self._front.samples
            for placement in self.job.placements
        )

    def run(
        self,
        interrupted: Latents | None = None,
        *,
        on_step: Callable[[Snapshot], None] = lambda snapshot: None,
        on_stop: Callable[[Latents], None] = lambda latents: None,
    ) -> CompositionResult:
        """Refines each placement of each sample, and chooses the best.

        Args:
            interrupted: latents of an interrupted run of the same composition, to resume; the
                values of both latents are then ignored.
            on_step: called after every step; may raise to stop.
            on_stop: called with latents to resume from when the run ends early.

        Raises:
            GeneratorMismatch: the interrupted run belongs to another composition.
            ResumeMismatch: the interrupted run has other settings, or is of an earlier version.
            Diverged: an energy or a position stopped being finite.
        """
        seen: list[Tensor] = []  # left on the device: reading would wait at each step
        begun = self.start if interrupted is None else self._resumed(interrupted)
        job = self._refinement(lambda values: seen.append(values.float()))
        refined, trace = refine(job, begun, on_step=on_step, on_stop=on_stop)
        secondary = torch.stack(seen).cpu() if seen else torch.empty(0, len(begun))
        with threads_of(job.generator, job.energy, job.chunking, job.device):
            return self._chosen(refined, trace, secondary)

    def _refinement(self, watch: Callable[[Tensor], None]) -> Refinement:
        job = self.job
        return Refinement(
            title=TITLE,
            generator=self.generator,
            energy=self._energy,
            steps=job.steps,
            seed=job.seed,
            chunking=job.chunking,
            device=job.device,
            refiner=FirstOrder(
                job.rule,
                direction=DynamicBarrier(
                    self.secondary,
                    job.weighing,
                    compared_by="pixels" if job.features is None else job.features.id,
                    watch=watch,
                ),
            ),
            names=self._names,
        )

    @cached_property
    def _on_images(self) -> Energy:
        """Returns the terms of the primary on images, for runs."""
        terms = tuple(t for t in self.job.energy.terms if t[1].domain == IMAGES)
        return Energy(terms).repeated(len(self.job.placements))

    @cached_property
    def _on_latents(self) -> Energy:
        """Returns the other terms of the primary, for runs, on the latents of both layers."""
        terms = tuple(t for t in self.job.energy.terms if t[1].domain != IMAGES)
        own = Energy(terms).repeated(len(self.job.placements))
        front, back = self.scene.layers
        return own.pullback(front) + own.pullback(back) if terms else own

    @cached_property
    def _energy(self) -> Energy:
        """Returns the primary, and the secondary with weight 0, on the points of both latents."""
        seen = self._on_images.pullback(ImageOf(self.scene.target, FUSED))
        both = seen + 0.0 * Energy.of(self.secondary)
        return both.pullback(self.scene) + self._on_latents

    @torch.no_grad()
    def images(self, values: Float[Tensor, "runs parameters"]) -> tuple[Tensor, Tensor]:
        """Returns the fused images of runs, and their backgrounds."""

        def pictures(v: Tensor, rng: SampleRng) -> tuple[Tensor, ...]:
            front, back = self.scene.pair(v, rng)
            return self.paste.fused(front, back, rng), back

        fused, behind = self.job.chunking.apply_random(
            pictures, values.to(self.job.device), self.start.rng(0, "decode").named(self._names)
        )
        return fused.cpu(), behind.cpu()

    def _chosen(self, refined: Latents, trace: Trace, secondary: Tensor) -> CompositionResult:
        fused, behind = self.images(refined.values)
        images = self.blended(fused, behind)
        energies = self._energies_of(images, refined)
        best = lowest(energies, 1)[:, 0]
        each = len(self.job.placements)
        rows = torch.arange(len(best)) * each + best
        numbers = [int(number) for number in best]
        front, back = (refined.values[rows, layer.part] for layer in self.scene.layers)
        history = tuple(refined.history[int(row)] for row in rows)
        return CompositionResult(
            images=images[rows],
            masks=self.paste.masks()[numbers],
            placements=tuple(self.job.placements[number] for number in numbers),
            foreground=replace(self._front.moved(front), history=history),
            background=replace(self._back.moved(back), history=history),
            energies=energies,
            all_images=images,
            trace=trace,
            secondary=secondary,
        )

    def blended(self, fused: Tensor, behind: Tensor) -> Float[Tensor, "runs 3 height width"]:
        """Returns the final images: blended if the job says so, clamped to [0, 1]."""
        if self.job.blend == "none":
            return fused.clamp(0, 1)
        images = torch.empty_like(fused)
        each = len(self.job.placements)
        for number, box in enumerate(self.paste.boxes):
            own = slice(number, None, each)
            images[own] = poisson_blend(fused[own], behind[own], box.interior(self.paste.size))
        return images.clamp(0, 1)

    def _energies_of(
        self, images: Tensor, refined: Latents
    ) -> Float[Tensor, "samples placements"]:
        """Returns the primary of the image of each run; the placements of a sample share draws."""
        job, each = self.job, len(self.job.placements)
        names = [name for name in self._front.samples for _ in range(each)]
        total = torch.zeros(len(refined))
        for energy, points in ((self._on_images, images), (self._on_latents, refined.values)):
            if energy.terms:
                streams = SampleRng.of(job.seed, names, "choice").after(refined.history)
                streams = streams.named(self._names)
                found = energy.readings(points.to(job.device), streams, job.chunking)
                total = total + found["energy"]
        return total.reshape(-1, each)

    def _resumed(self, interrupted: Latents) -> Latents:
        if interrupted.interrupted is not None:
            # Earlier versions identified compositions in another way too: the generator below.
            interrupted.interrupted.check_version()
        interrupted.check_generator(self.generator)
        if interrupted.samples != self.start.samples:
            raise InvalidInput(
                f"The interrupted composition is of {len(interrupted)} runs, which are not the "
                f"{len(self.start)} runs of these samples. Connect the foreground and the "
                "background that it was begun with."
            )
        return interrupted

    def _check(self) -> None:
        front, back, energy = self._front, self._back, self.job.energy
        front.check_generator(self.job.generator)
        if back.generator != self.job.generator.id:
            raise GeneratorMismatch(
                f"The foreground is of generator {front.generator_name!r} "
                f"({front.generator[:12]}), the background of {back.generator_name!r} "
                f"({back.generator[:12]}), whose images may differ in size and kind. Make both "
                "latents by one generator."
            )
        back.check_generator(self.job.generator)
        if len(front) != len(back):
            raise InvalidInput(
                f"{len(front)} foregrounds and {len(back)} backgrounds; expected equal numbers, "
                "because each foreground is pasted on the background of the same number."
            )
        if not energy.terms:
            raise InvalidInput("The primary energy has no term. Give it at least one.")
        if energy.coupled:
            raise InvalidInput(
                f"The energy {energy} makes samples depend on each other, but each placement of "
                "each sample is a separate run. Use an energy of single images."
            )
        energy.check_batch(len(front))
