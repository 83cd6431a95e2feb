"""Text to image by TR0N on the embedded avatars, for the demo and the reproduction."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby

import torch
from torch import Tensor

from ....core.condition import Condition
from ....core.conditions.prompts import text_condition
from ....core.energies.similarity import similarity
from ....core.energy import Energy
from ....core.latents import Latents
from ....core.refine.rules import Adam, Langevin
from ....core.rng import SampleRng
from ....core.snapshot import Snapshot
from ....core.starts.nearest import from_pairs
from ....core.starts.ranking import ranked
from ....core.translators.training import Training
from ....core.zoo.avatar_captions import AvatarPrompt
from ...recipes.tr0n.avatars import GENERATIONS
from ...recipes.tr0n.avatars import SEARCHED as CANDIDATES
from ...recipes.tr0n.avatars_graph import (
    EPOCHS,
    HIDDEN,
    INVERSE_TEMPERATURE,
    NOISE,
    PAIRS,
    STEPS,
    VIEWS,
)
from ..avatars_models import avatars_models
from ..pairs.pool import PairsPool
from ..session import Progress, Session

__all__ = [
    "CANDIDATES",
    "CURVE",
    "CURVED",
    "GENERATIONS",
    "PAIRS_ROWS",
    "ROWS",
    "AvatarsStudy",
    "Row",
    "share",
]

TRAINING = Training(epochs=EPOCHS, condition_noise=NOISE)
CLAUSE_WEIGHT = 0.5
"""Settings of the row with a search: generations of its start, and the weight of clauses."""
PRIOR_SAMPLES = 20
"""Samples of the prior per caption: a single one leaves its share uncertain by 0.03."""
CURVE = (0, 5, 10, 25, 50, 75, 100)
"""Steps of the curve against steps."""
CURVED = ("no_translator", "full")
STORED = 20_000
"""Pairs whose nearest ones are starts."""
ADAM_RATE, ADAM_STEPS = 0.03, 50
"""Adam from the nearest pairs."""
COUNTS = (400, 2_000, 8_000, STORED, 50_000)
"""Numbers of pairs N of the curve against N."""


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        start: prior, mixture, or pairs for the nearest pairs.
        candidates: M.
        samples: samples of each caption.
        refined: whether the energy is lowered.
        mode: mode of the translator; `basis` refines its weights and means, eq. (5).
        generations: generations of the search for a start, by the cross-entropy method.
        clause_weight: weight of each clause of a text, in addition to the whole.
        spare: extra samples of each text; those of lowest energy are kept.
        pairs: N, the number of pairs among which the nearest are found.
        adam: learning rate of Adam; 0 for Langevin dynamics.
        steps: number of steps T.
    """

    start: str
    candidates: int = 1
    samples: int = 1
    refined: bool = True
    mode: str = "sample"
    generations: int = 0
    clause_weight: float = 0.0
    spare: int = 0
    pairs: int = 0
    adam: float = 0.0
    steps: int = STEPS


ROWS: Mapping[str, Row] = {
    "prior": Row("prior", samples=PRIOR_SAMPLES, refined=False),
    "translator_only": Row("mixture", CANDIDATES, refined=False),
    "no_translator": Row("prior", CANDIDATES),
    "full": Row("mixture", CANDIDATES),
    "full_basis": Row("mixture", mode="basis"),
    "searched": Row("mixture", CANDIDATES, generations=GENERATIONS, clause_weight=CLAUSE_WEIGHT),
}
_BY_ADAM = Row("pairs", pairs=STORED, adam=ADAM_RATE, steps=ADAM_STEPS)
PAIRS_ROWS: Mapping[str, Row] = {
    **{f"pairs_{n}_only": Row("pairs", refined=False, pairs=n) for n in COUNTS},
    **{f"pairs_{n}": Row("pairs", pairs=n) for n in COUNTS},
    **{f"pairs_{n}_adam": replace(_BY_ADAM, pairs=n) for n in COUNTS},
    f"pairs_{STORED}_adam_clauses": replace(_BY_ADAM, clause_weight=CLAUSE_WEIGHT),
}
"""From the nearest of N pairs: unrefined, by Langevin dynamics, and by Adam."""


class AvatarsStudy:
    """The embedded avatars with their judge, and the translator of one seed.

    Args:
        seed: seed of pairs, training, starts, views and noise.
        device: device of the models.
        say: callback with messages on progress.
    """

    def __init__(self, seed: int, device: torch.device, say: Progress) -> None:
        self.generator, self.clip, self.judge = avatars_models(device)
        self.device, self.say, self.seed = device, say, seed

    @cached_property
    def session(self) -> Session:
        """The models with their translator, which is trained at first use."""
        return Session(
            self.generator,
            self.clip,
            pairs=PAIRS,
            training=TRAINING,
            kinds=("mixture",),
            hidden=HIDDEN,
            seed=self.seed,
            device=self.device,
            say=self.say,
            chunk="fast",
        )

    @cached_property
    def pool(self) -> PairsPool:
        """The pairs among which the nearest are found."""
        return PairsPool(
            self.generator,
            self.clip,
            seed=self.seed,
            chunking=self.session.chunking,
            device=self.device,
            say=lambda text: self.say(f"seed {self.seed}: {text}"),
        )

    def latents(self, row: Row, texts: Sequence[str], watch: "_Curve | None" = None) -> Latents:
        """Returns a latent per text, by the settings of the row; equal texts are consecutive."""
        if not row.spare:
            return self._latents(row, texts, watch)
        counts = [(text, len(list(same))) for text, same in groupby(texts)]
        asked = [text for text, count in counts for _ in range(count + row.spare)]
        refined = self._latents(row, asked, watch)
        best = ranked(
            refined,
            self.session.generator,
            self.energy(self.condition(asked, row.clause_weight), 0),
            seed=self.seed,
            groups=len(counts),
            keep=counts[0][1],
            chunking=self.session.chunking,
            device=self.device,
        )
        return refined.picked(best.rows)

    def _latents(self, row: Row, texts: Sequence[str], watch: "_Curve | None") -> Latents:
        condition = self.condition(texts, row.clause_weight)
        start = self._start(row, texts, condition)
        if not row.refined:
            return start

        def on_step(snapshot: Snapshot) -> None:
            if watch is not None:
                watch.read(start, snapshot.state.position, snapshot.state.step)

        if watch is not None:
            watch.read(start, start.values, 0)
        return self.session.refined(
            start,
            self.energy(condition, VIEWS),
            Adam(learning_rate=row.adam)
            if row.adam
            else Langevin(inverse_temperature=INVERSE_TEMPERATURE),
            weights=Adam(learning_rate=5e-3),
            steps=row.steps,
            on_step=on_step,
        )

    def _start(self, row: Row, texts: Sequence[str], condition: Condition) -> Latents:
        if row.start != "pairs":
            return self.session.start(
                row.start,
                condition,
                energy=self.energy(condition, 0),
                candidates=row.candidates,
                mode="basis" if row.mode == "basis" else "sample",
                generations=row.generations,
            )
        found = from_pairs(
            self.pool.first(row.pairs),
            self.session.generator,
            # Pairs have no clauses: the nearest are those to the whole text.
            self.condition(texts),
            SampleRng.of(self.seed, len(texts), "pairs"),
            chunking=self.session.chunking,
            device=self.device,
        )
        return Latents.of(found, self.session.generator)

    def condition(self, texts: Sequence[str], clause_weight: float = 0.0) -> Condition:
        """Returns a condition with a row per text."""
        made = text_condition(self.clip, "\n".join(texts), clause_weight=clause_weight)
        return made.condition

    def energy(self, condition: Condition, views: int) -> Energy:
        """Returns Energy CLIP; candidates are chosen by the image itself."""
        return similarity(self.clip, condition, views=views)

    def satisfied(self, images: Tensor, prompts: Sequence[AvatarPrompt]) -> list[dict[str, bool]]:
        """Returns which of its constraints each image satisfies, by the judge."""
        found: list[dict[str, bool]] = []
        for first in range(0, len(images), 64):
            part = images[first : first + 64].to(self.device)
            wanted = [prompt.constraints for prompt in prompts[first : first + 64]]
            found += self.judge.satisfied(part, wanted)
        return found

    def rows(
        self, prompts: Sequence[AvatarPrompt], table: Mapping[str, Row] = ROWS
    ) -> Iterator[tuple[str, dict[str, float], Tensor]]:
        """Yields name, figures and an image per prompt of each row; some with curves."""
        for name, row in table.items():
            yield name, *self.row(name, row, prompts)

    def row(
        self, name: str, row: Row, prompts: Sequence[AvatarPrompt]
    ) -> tuple[dict[str, float], Tensor]:
        """Returns the figures of a row and an image per prompt; some rows have a curve."""
        self.say(f"seed {self.seed}: {name}")
        session = self.session
        asked = [prompt for prompt in prompts for _ in range(row.samples)]
        texts = [prompt.text for prompt in asked]
        condition = self.condition(texts)
        curve = _Curve(self, asked) if name in CURVED else None
        if row.pairs:
            self.pool.first(row.pairs)  # their making is shared by all rows and texts
        begun = time.perf_counter()
        latents = self.latents(row, texts, watch=curve)
        images = session.images(latents)
        seconds = time.perf_counter() - begun - (curve.spent if curve else 0.0)
        seen = self.clip.embed(images.to(self.device)).cpu()
        near = torch.cosine_similarity(seen, condition.embedding, dim=1)
        figures = {
            "satisfied": share(self.satisfied(images, asked)),
            "similarity": float(near.mean()),
            "seconds": seconds / row.samples,
            "seconds_per_caption": seconds / len(asked),
        }
        return figures | (curve.figures if curve else {}), images[:: row.samples]


class _Curve:
    """Returns the judge's figures during a refinement, with the elapsed seconds."""

    def __init__(self, study: AvatarsStudy, prompts: Sequence[AvatarPrompt]) -> None:
        self.study, self.prompts = study, prompts
        self.figures: dict[str, float] = {}
        self.begun, self.spent = time.perf_counter(), 0.0

    def read(self, latents: Latents, values: Tensor, step: int) -> None:
        """Judges at the steps of the curve; the time of judging is excluded."""
        if step not in CURVE:
            return
        since = time.perf_counter()
        images = self.study.session.images(replace(latents, values=values))
        self.figures[f"after_{step}"] = share(self.study.satisfied(images, self.prompts))
        self.figures[f"after_{step}_seconds"] = since - self.begun - self.spent
        self.spent += time.perf_counter() - since


def share(satisfied: Sequence[Mapping[str, bool]]) -> float:
    """Returns the share of satisfied constraints."""
    flags = [hit for one in satisfied for hit in one.values()]
    return sum(flags) / len(flags)
