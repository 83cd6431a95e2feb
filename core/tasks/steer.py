"""Steering from a condition to samples: start, refinement, and choice among spare starts."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

import torch

from ..charts import Start
from ..chunking import Chunking
from ..condition import Condition
from ..energy import Energy
from ..errors import InvalidInput
from ..latents import Latents
from ..pairs.pairs import Pairs
from ..refine.first_order import FirstOrder
from ..refine.refinement import Refinement, refine
from ..refine.rules import Adam, Langevin
from ..rng import SampleRng
from ..starts.basis import from_basis
from ..starts.candidates import from_prior, from_translator
from ..starts.nearest import candidates_of, from_pairs, pairs_of_samples
from ..starts.ranking import ranked
from .models import TaskModels
from .watch import UNWATCHED, TaskWatch

__all__ = [
    "CLAUSE_WEIGHT",
    "QUALITIES",
    "Quality",
    "SteerPlan",
    "plan_of",
    "starts_from",
    "steered",
]

Quality: TypeAlias = Literal["draft", "good", "best"]
QUALITIES: tuple[Quality, ...] = get_args(Quality)
NOISE = 0.2
"""Noise on the rendered latents, for texts."""
CLAUSE_WEIGHT = 0.5
"""Weight of each clause of a text, in addition to the whole."""
RATE = 0.03
"""Learning rate of Adam at strength 1, for texts."""
INVERSE_TEMPERATURE = 20.0
"""beta of Langevin dynamics at strength 1, for classes: TR0N's."""
STEP_SIZE, MOMENTUM, WEIGHTS_RATE = 1e-4, 0.99, 5e-3
"""TR0N's settings of Langevin dynamics."""


@dataclass(frozen=True)
class SteerPlan:
    """How samples are made.

    Attributes:
        candidates: starts that the energy ranks for each spare, at least 1.
        spares: refined starts of each sample, of which the one of lowest energy goes on.
        first: steps of every spare; 0 where there is one alone.
        steps: steps of the chosen ones.
        noise: deviation of noise on the rendered latents, fresh at every step, of texts. It keeps
            the CLIP from being fooled, so that its energies tell which samples are good.
        strength: factor on the pull of the condition, above 0: on the learning rate of Adam for
            texts, on the inverse temperature of Langevin dynamics for classes.
        basis: number of pairs whose weighted sum a start is; 1 for single pairs, the best of
            `candidates` each. Points and weights are refined together: FuseDream eq. (4).
        mixed: number of pairs in each of the `candidates`, see `from_pairs`.
    """

    candidates: int
    spares: int
    first: int
    steps: int
    noise: float = 0.0
    strength: float = 1.0
    basis: int = 1
    mixed: int = 1

    def __post_init__(self) -> None:
        least = (self.candidates, self.spares, self.steps, self.basis, self.mixed)
        if min(least) < 1 or self.first < 0 or not 0 < self.strength < math.inf:
            raise InvalidInput(f"{self}: expected numbers of at least 1, and a strength above 0.")

    @property
    def work(self) -> int:
        """The number of reports of a run: looks at candidates, and steps."""
        looks = self.candidates if self.basis == 1 else self.basis
        return looks + self.first + self.steps


FROM_PAIRS: Mapping[Quality, SteerPlan] = {
    "draft": SteerPlan(1, 1, 0, 20, NOISE / 2, basis=5),
    "good": SteerPlan(1, 8, 10, 20, NOISE),
    "best": SteerPlan(1, 16, 12, 40, NOISE),
}
"""Texts, from the nearest pairs, which the energy ranks already. Classes take single ones."""
FROM_PRIOR: Mapping[Quality, SteerPlan] = {
    "draft": SteerPlan(50, 1, 0, 20, NOISE),
    "good": SteerPlan(100, 2, 10, 60, NOISE),
    "best": SteerPlan(400, 4, 20, 100, NOISE),
}
"""Texts without pairs, and classes without a translator."""
BY_TRANSLATOR: Mapping[Quality, SteerPlan] = {
    "draft": SteerPlan(1, 1, 0, 10),
    "good": SteerPlan(3, 1, 0, 25),
    "best": SteerPlan(5, 1, 0, 50),
}
"""Classes, from a translator."""


def plan_of(models: TaskModels, quality: Quality, strength: float = 1.0) -> SteerPlan:
    """Returns the plan of a quality, by what starts the models have.

    Raises:
        InvalidInput: another quality, or a strength of 0 or below.
    """
    if quality not in QUALITIES:
        raise InvalidInput(f"Quality {quality!r}; there are {', '.join(QUALITIES)}.")
    kind = starts_from(models)
    table = {"translator": BY_TRANSLATOR, "pairs": FROM_PAIRS, "prior": FROM_PRIOR}[kind]
    plan = replace(table[quality], strength=strength)
    return plan if models.by_text else replace(plan, basis=1, mixed=1)


def starts_from(models: TaskModels) -> Literal["translator", "pairs", "prior"]:
    """Returns where starts come from: a translator for classes, else pairs, else the prior.

    Classes take a translator first, since the pairs nearest to a class are all alike.
    """
    if models.translator is not None and not (models.by_text and models.pairs is not None):
        return "translator"
    return "prior" if models.pairs is None else "pairs"


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
    candidates. All are refined for a few steps; of each row those of lowest energy are kept and
    refined further. For texts the refiner is Adam, for classes Langevin dynamics as in TR0N.

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
