"""Rows of `reproduce translator`, at equal M and at an equal budget of G."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ....core.errors import InvalidInput
from ....core.generator import Generator
from ....core.refine.rules import Adam, Langevin
from ....core.rng import SampleRng
from ..session import Progress, Session
from .translator_problems import Problem

__all__ = ["COMPARISONS", "KINDS", "ROWS", "Counted", "Row", "Scale", "TranslatorStudy"]

KINDS = ("mixture", "deterministic", "flow")
COMPARISONS = ("equal_m", "equal_g")
"""The same M for all rows, and the same number of evaluations of G."""


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        start: prior, or the kind of the translator.
        rule: langevin or adam; empty without refinement.
    """

    start: str
    rule: str = "langevin"


ROWS: Mapping[str, Row] = {
    "prior": Row("prior", ""),
    "translator_only": Row("mixture", ""),
    "no_translator": Row("prior"),
    "deterministic": Row("deterministic"),
    "flow": Row("flow"),
    "adam": Row("mixture", "adam"),
    "full": Row("mixture"),
}
"""Rows of TR0N's Table 1 (the model itself, no EC, no T, DT, ADAM, TR0N), and figure 8's NF."""


@dataclass(frozen=True)
class Scale:
    """Numbers of one problem, which decide the evaluations of G.

    An evaluation is one image rendered, or one image differentiated: a forward and a backward pass
    count as one each. The pairs of a translator count in every row that uses one, shared by its
    samples.

    Attributes:
        conditions: number of classes or texts.
        each: samples of each.
        pairs: pairs from which every translator is trained; a multiple of the samples.
        candidates: M at equal M, at least 2: a single candidate is not evaluated.
        steps: number of steps T of all refined rows.

    Raises:
        InvalidInput: one is out of range.
    """

    conditions: int
    each: int
    pairs: int
    candidates: int
    steps: int

    def __post_init__(self) -> None:
        if self.pairs % self.samples:
            raise InvalidInput(
                f"{self.pairs} pairs for {self.samples} samples; expected a multiple, so that a "
                "sample's share is a whole number of candidates."
            )
        if self.candidates < 2:
            raise InvalidInput(f"{self.candidates} candidates; at least 2 needed.")

    @property
    def samples(self) -> int:
        """Number of samples."""
        return self.conditions * self.each

    def evaluations(self, row: Row, candidates: int) -> int:
        """Returns the evaluations of G of a row with M candidates, those of its pairs included.

        Candidates are evaluated once each, a step once forward and once backward, the energy
        before and after a refinement once, and the result once.
        """
        refined = 2 * self.steps + 2 if row.rule else 0
        shared = 0 if row.start == "prior" else self.pairs
        return shared + self.samples * (candidates + refined + 1)

    def matched(self, row: Row) -> int:
        """Returns the M with which a row has the budget of the full method at equal M."""
        budget = self.evaluations(ROWS["full"], self.candidates)
        return (budget - self.evaluations(row, 0)) // self.samples


class Counted:
    """Counts the evaluations of a generator.

    Args:
        generator: generator to count.

    Attributes:
        generator: the same generator, whose evaluations are counted.
        forward: images rendered so far.
        backward: images differentiated so far.
    """

    def __init__(self, generator: Generator) -> None:
        self.forward = self.backward = 0
        self._inner = generator.render
        self.generator = replace(generator, render=self._render)

    @property
    def evaluations(self) -> int:
        """All evaluations so far."""
        return self.forward + self.backward

    def _render(self, blocks: Mapping[str, Tensor], rng: SampleRng) -> Tensor:
        images = self._inner(blocks, rng)
        self.forward += len(images)
        if images.requires_grad:
            images.register_hook(self._differentiated)
        return images

    def _differentiated(self, slope: Tensor) -> None:
        self.backward += len(slope)


class TranslatorStudy:
    """A problem with the translators of one seed.

    Args:
        problem: models, conditions and judge.
        scale: numbers of pairs, samples, candidates and steps.
        seed: seed of pairs, training, starts and noise.
        device: device of the models.
        say: callback with messages on progress.

    Raises:
        InvalidInput: zuko is not installed.
    """

    def __init__(
        self, problem: Problem, scale: Scale, seed: int, device: torch.device, say: Progress
    ) -> None:
        self.problem, self.scale, self.seed, self.say = problem, scale, seed, say
        self.counted = Counted(problem.generator)
        self.session = Session(
            self.counted.generator,
            problem.auxiliary,
            pairs=scale.pairs,
            training=problem.training,
            kinds=KINDS,
            hidden=problem.hidden,
            seed=seed,
            device=device,
            say=say,
            # Fixed chunks would fill up with copies, which are evaluated too.
            chunk="fast",
        )
        self.spent_on_pairs = self.counted.evaluations

    def rows(self) -> Iterator[tuple[str, str, dict[str, float], Tensor]]:
        """Yields comparison, name, figures and images of each row.

        The figures are those of `Problem.figures`, M (`candidates`) and the counted evaluations of
        G, those of the row's pairs included (`evaluations`).
        """
        done: dict[tuple[str, int], tuple[dict[str, float], Tensor]] = {}
        for comparison in COMPARISONS:
            for name, row in ROWS.items():
                equal_m = comparison == "equal_m"
                candidates = self.scale.candidates if equal_m else self.scale.matched(row)
                if (name, candidates) not in done:
                    self.say(f"seed {self.seed}: {name}, M = {candidates}")
                    done[name, candidates] = self._measured(row, candidates)
                yield comparison, name, *done[name, candidates]

    def _measured(self, row: Row, candidates: int) -> tuple[dict[str, float], Tensor]:
        before = self.counted.evaluations
        images = self.images(row, candidates)
        spent = self.counted.evaluations - before
        if row.start != "prior":
            spent += self.spent_on_pairs
        counts = {"candidates": candidates, "evaluations": spent}
        return {**self.problem.figures(images), **counts}, images

    def images(self, row: Row, candidates: int) -> Tensor:
        """Returns an image per sample of a row with M candidates."""
        problem = self.problem
        latents = self.session.start(
            row.start, problem.condition, energy=problem.energy, candidates=candidates
        )
        if row.rule:
            langevin = Langevin(inverse_temperature=problem.inverse_temperature)
            rule = Adam(learning_rate=problem.adam_rate) if row.rule == "adam" else langevin
            latents = self.session.refined(latents, problem.energy, rule, steps=self.scale.steps)
        return self.session.images(latents)
