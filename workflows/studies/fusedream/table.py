"""FuseDream's figure 4 on the avatars: ablations of its start, its basis and its score."""

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from ....core.latents import Latents
from ....core.snapshot import Snapshot
from ....core.zoo.avatar_captions import AvatarPrompt
from .study import Basis, FuseDreamStudy

__all__ = ["CURVE", "Row", "ablations", "rows", "satisfied"]

CURVE = (0, 5, 10, 25, 50, 75, 100)
"""Steps of the curve against steps."""


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        basis: k and its weights.
        candidates: M.
        steps: steps of Adam; 0 for the search alone.
        rate: Adam's learning rate.
        chosen: views for the choice of candidates; 0 for the image itself, as in the released
            code.
        views: views in the refinement.
        noise: noise on the combined latent; if above 0, the last step is also dropped. The
            released code uses 0.01.
        curved: whether it is judged during refinement.
        pairs: number of pairs whose nearest ones are the basis, instead of the best of M
            candidates; 0 for candidates.
    """

    basis: Basis
    candidates: int
    steps: int
    rate: float
    chosen: int = 0
    views: int = 0
    noise: float = 0.0
    curved: bool = False
    pairs: int = 0


def ablations(
    best: Row,
    alone: Row,
    *,
    candidates: Sequence[int],
    keeps: Sequence[int],
    few: int,
    views: int,
    rate: float,
    pairs: int = 0,
) -> dict[str, Row]:
    """Returns the best row, its ablations, the curves against M and k, and rows from pairs.

    Args:
        best: best row.
        alone: row without a basis, at its best learning rate.
        candidates: values of M of the curve.
        keeps: values of k of the curve.
        few: M for the comparison of the choice by views with that by the image, m_`few` of the
            curve.
        views: views of AugCLIP.
        rate: Adam's over a basis with weights per coordinate.
        pairs: number of pairs of the rows whose basis is the nearest pairs; 0 for no such row.
    """
    plain = replace(best, curved=False)
    free = replace(plain, rate=rate)
    small = replace(plain, candidates=few)
    k = best.basis.keep
    made = {
        "naive": replace(alone, candidates=1, curved=False),
        "search_only": replace(alone, steps=0, curved=False),
        "no_basis": alone,
        "full": best,
        "linear": replace(free, basis=Basis(k, "linear")),
        "softmax": replace(free, basis=Basis(k, "softmax")),
        "official_code": replace(free, basis=Basis(k, "softmax", "random"), noise=0.01),
        "augclip_refined": replace(plain, views=views),
        "augclip_chosen": replace(small, chosen=views),
        "augclip_both": replace(small, chosen=views, views=views),
    }
    made |= {f"m_{count}": replace(plain, candidates=count) for count in candidates}
    made |= {f"k_{count}": replace(plain, basis=Basis(count)) for count in keeps}
    if pairs:
        stored = replace(plain, pairs=pairs)
        made |= {f"stored_k_{n}": replace(stored, basis=Basis(n)) for n in (2, k)}
    return made


def rows(
    study: FuseDreamStudy, prompts: Sequence[AvatarPrompt], table: Mapping[str, Row], scored: int
) -> Iterator[tuple[str, dict[str, float], Tensor]]:
    """Yields name, figures and an image per prompt of each row.

    Args:
        study: study whose seed draws.
        prompts: captions.
        table: the rows.
        scored: views of AugCLIP in the final measurement.
    """
    texts = [prompt.text for prompt in prompts]
    condition = study.condition(texts)
    searches = _Searches(study, texts, max(row.basis.keep for row in table.values()))
    for name, row in table.items():
        study.say(name)
        points, searching = searches.points(row)
        start = study.start(points, row.basis)
        curve = _Curve(study, prompts, start, row.curved, searching)
        ends = start
        begun = time.perf_counter()
        if row.steps:
            curve.read(start.values, 0)
            ends = study.refined(
                start,
                study.energy(condition, row.views),
                steps=row.steps,
                rate=row.rate,
                noise=row.noise,
                on_step=curve.watch,
            )
        images = study.images(ends)
        refining = time.perf_counter() - begun - curve.spent
        yield (
            name,
            {
                "satisfied": satisfied(study, images, prompts),
                "similarity": float(study.scores(images, condition).mean()),
                "augclip": float(study.scores(images, condition, scored).mean()),
                "search_seconds": searching,
                "seconds": searching + refining,
                **curve.figures,
            },
            images,
        )


def satisfied(study: FuseDreamStudy, images: Tensor, prompts: Sequence[AvatarPrompt]) -> float:
    """Returns the share of satisfied constraints."""
    satisfied = study.satisfied(images, [prompt.constraints for prompt in prompts])
    return statistics.fmean(flag for one in satisfied for flag in one.values())


class _Searches:
    """Runs each search once; the basis of a smaller k is the head of a larger one."""

    def __init__(self, study: FuseDreamStudy, texts: Sequence[str], most: int) -> None:
        self.study, self.condition, self.most = study, study.condition(texts), most
        self._found: dict[tuple[int, int, int], tuple[Tensor, float]] = {}

    def points(self, row: Row) -> tuple[Tensor, float]:
        """Returns the best candidates or nearest pairs, and the seconds of the search."""
        key = (row.candidates, row.chosen, 0) if not row.pairs else (0, 0, row.pairs)
        if key not in self._found:
            if row.pairs:
                self.study.pool.first(row.pairs)  # their making is shared by all rows and texts
            begun = time.perf_counter()
            self._found[key] = self._points(row), time.perf_counter() - begun
        return self._found[key]

    def _points(self, row: Row) -> Tensor:
        if row.pairs:
            return self.study.nearest(self.condition, row.pairs, min(self.most, row.pairs))
        keep = min(self.most, row.candidates)
        return self.study.search(self.condition, row.candidates, keep, views=row.chosen).points


class _Curve:
    """Returns the judge's figures during a refinement, with the elapsed seconds."""

    def __init__(
        self,
        study: FuseDreamStudy,
        prompts: Sequence[AvatarPrompt],
        latents: Latents,
        wanted: bool,
        searching: float,
    ) -> None:
        self.study, self.prompts, self.latents = study, prompts, latents
        self.steps = CURVE if wanted else ()
        self.figures: dict[str, float] = {}
        self.begun, self.spent = time.perf_counter() - searching, 0.0

    def watch(self, snapshot: Snapshot) -> None:
        """Measures at a step of a refinement."""
        self.read(snapshot.state.position, snapshot.state.step)

    def read(self, values: Tensor, step: int) -> None:
        """Judges at the steps of the curve; the time of judging is excluded."""
        if step not in self.steps:
            return
        since = time.perf_counter()
        images = self.study.images(self.latents, values)
        self.figures[f"after_{step}"] = satisfied(self.study, images, self.prompts)
        self.figures[f"after_{step}_seconds"] = since - self.begun - self.spent
        self.spent += time.perf_counter() - since
