"""Steering from a condition to samples: start, refinement, and choice among spare starts."""

from dataclasses import dataclass

import torch

from ..charts import Start
from ..chunking import Chunking
from ..condition import Condition
from ..devices import threads_of
from ..energy import Energy
from ..errors import InvalidInput
from ..latents import Latents, decode
from ..pairs.pairs import Pairs
from ..refine.first_order import FirstOrder
from ..refine.refinement import Refinement, refine
from ..refine.rules import Adam, Langevin
from ..rng import SampleRng
from ..starts.basis import from_basis
from ..starts.candidates import from_prior, from_translator
from ..starts.inversion import from_images
from ..starts.nearest import candidates_of, from_pairs, pairs_of_samples
from ..starts.ranking import ranked
from .models import TaskModels
from .plans import SteerPlan, starts_from
from .watch import UNWATCHED, TaskWatch

__all__ = ["CLAUSE_WEIGHT", "INVERSE_TEMPERATURE", "RATE", "steered"]

CLAUSE_WEIGHT = 0.5
"""Weight of each clause of a text, in addition to the whole."""
RATE = 0.03
"""Learning rate of Adam at strength 1, for texts."""
INVERSE_TEMPERATURE = 20.0
"""beta of Langevin dynamics at strength 1, for classes: TR0N's."""
STEP_SIZE, MOMENTUM, WEIGHTS_RATE = 1e-4, 0.99, 5e-3
"""TR0N's settings of Langevin dynamics."""


def steered(
    models: TaskModels,
    wanted: Condition,
    plan: SteerPlan,
    *,
    samples: int,
    seed: int,
    chunking: Chunking,
    device: torch.device,
    watch: TaskWatch = UNWATCHED,
) -> Latents:
    """Returns samples of each row of a condition, the first row's first.

    Each sample has several spare starts: weighted sums of the pairs nearest to the condition, or
    single ones, draws of a translator, or draws of the prior, each the best of the plan's
    candidates. They may pass through the encoder, and be refined for a few steps; of each row
    those of lowest energy are kept and refined further. For texts the refiner is Adam, for classes
    Langevin dynamics as in TR0N.

    Args:
        models: the models.
        wanted: what to steer to, a row per text or class.
        plan: see `plan_of`.
        samples: number of samples of each row.
        seed: of draws and noise.
        chunking: samples at a time.
        device: where the networks are.
        watch: follows the run.

    Raises:
        GeneratorMismatch: pairs or a translator of another generator.
        ConditionMismatch: a condition, pairs or a translator of another auxiliary.
        InvalidInput: no sample, or too few pairs.
        Diverged: an energy stopped being finite.
    """
    if samples < 1:
        raise InvalidInput(f"{samples} samples; expected at least 1.")
    run = _Run(models, plan, seed, chunking, device, watch)
    condition = wanted.repeated(samples * plan.spares)
    energy = models.energy(condition)
    latents = Latents.of(run.start(condition, energy), models.generator)
    if plan.encoded and models.generator.encode is not None:
        latents = run.encoded(latents, energy)
    if plan.first:
        latents = run.refined(latents, energy, plan.first)
    if plan.spares > 1:
        best = ranked(
            latents,
            models.generator,
            energy,
            seed=seed,
            groups=len(wanted),
            keep=samples,
            chunking=chunking,
            device=device,
        )
        latents = latents.picked(best.rows)
        energy = models.energy(wanted.repeated(samples))
    return run.refined(latents, energy, plan.steps)


@dataclass(frozen=True)
class _Run:
    models: TaskModels
    plan: SteerPlan
    seed: int
    chunking: Chunking
    device: torch.device
    watch: TaskWatch

    def start(self, condition: Condition, energy: Energy) -> Start:
        """Returns the spare starts."""
        models, kind = self.models, starts_from(self.models)
        purpose = "nearest pairs" if kind == "pairs" else kind
        rng = SampleRng.of(self.seed, len(condition), purpose)
        among = self.plan.candidates

        def report(done: int) -> None:
            self.watch.looked()

        if kind == "translator":
            assert models.translator is not None
            return from_translator(
                models.translator,
                models.generator,
                condition,
                rng,
                energy=energy,
                candidates=among,
                chunking=self.chunking,
                report=report,
            )
        if kind == "pairs":
            assert models.pairs is not None
            if self.plan.basis > 1:
                return self._basis(models.pairs, condition, energy)
            return from_pairs(
                models.pairs,
                models.generator,
                condition,
                rng,
                energy=energy,
                candidates=among,
                mixed=self.plan.mixed,
                chunking=self.chunking,
                device=self.device,
                report=report,
            )
        return from_prior(
            models.generator,
            rng,
            energy=energy,
            candidates=among,
            chunking=self.chunking,
            device=self.device,
            report=report,
        )

    def _basis(self, pairs: Pairs, condition: Condition, energy: Energy) -> Start:
        """Returns starts that are weighted sums of their nearest pairs."""
        generator, count, each = self.models.generator, len(condition), self.plan.basis
        looked = 0

        def report(done: int) -> None:
            nonlocal looked
            for _ in range(done // count - looked):
                self.watch.looked()
                looked += 1

        table = pairs_of_samples(pairs, generator, condition, count, each)
        start, _ = from_basis(
            generator,
            SampleRng.of(self.seed, count, "basis"),
            energy=energy,
            candidates=each,
            keep=each,
            draw=candidates_of(pairs, table, generator, self.device),
            chunking=self.chunking,
            device=self.device,
            report=report,
        )
        return start

    def encoded(self, latents: Latents, energy: Energy) -> Latents:
        """Returns the latents of the images of latents, by the encoder."""
        generator = self.models.generator
        with threads_of(generator, None, self.chunking, self.device):
            images = decode(latents, generator, self.chunking, self.device)
            start = from_images(
                generator,
                images,
                SampleRng.of(self.seed, len(images), "invert"),
                how="encoder",
                energy=energy,
                chunking=self.chunking,
                device=self.device,
            )
        self.watch.looked()
        return Latents.of(start, generator)

    def refined(self, latents: Latents, energy: Energy, steps: int) -> Latents:
        """Returns latents after steps of the refiner."""
        job = Refinement(
            title="Steer",
            generator=self.models.generator,
            energy=energy,
            refiner=self._refiner(),
            steps=steps,
            seed=self.seed,
            chunking=self.chunking,
            device=self.device,
            latent_noise=self.plan.noise,
        )
        self.watch.begins(job, latents)
        found, _ = refine(job, latents, on_step=self.watch.stepped, on_stop=self.watch.stopped)
        return found

    def _refiner(self) -> FirstOrder:
        if self.models.by_text:
            return FirstOrder(Adam(learning_rate=RATE * self.plan.strength))
        langevin = Langevin(
            step_size=STEP_SIZE,
            inverse_temperature=INVERSE_TEMPERATURE * self.plan.strength,
            momentum=MOMENTUM,
        )
        return FirstOrder(langevin, Adam(learning_rate=WEIGHTS_RATE))
