"""`latentsteer reproduce fusedream`: FuseDream on the embedded avatars.

The captions, the generator, the CLIP and the judge are those of `reproduce avatars`. M, k, the
steps, the learning rates and the views were chosen on seeds 7 and 8, on the same captions (the
rate with one weight per vector on every third caption, with M = 100); the reported figures are of
seeds 0, 1 and 2. There are two exceptions: FGSM's epsilon was chosen on images that are among the
reported ones, and the list of two persons was made easier (two constraints each instead of three)
after results of seed 7.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import torch

from ....core.composition.placement import Placement, placements
from ....core.zoo.avatar_captions import captions
from ....core.zoo.avatar_pairs import person_pairs
from ...recipes.fusedream.avatars import COMPOSED, SCALE
from ...recipes.fusedream.avatars_graph import START
from ..ledger import Ledger, mean_and_deviation
from .cases import SWITCHES, Figures, attacks, odd_starts, wrong_starts
from .scenes import two_persons
from .study import Basis, FuseDreamStudy
from .table import Row, ablations, rows
from .text import table

__all__ = ["BUDGETS", "Budget", "run"]

RATE, RATE_PER_COORDINATE, RATE_ALONE = 0.03, 0.01, 0.03
"""Adam's learning rates: over a basis with one weight per vector, with one per coordinate, and
without a basis. A step of the same length in each coordinate of points and weights moves the
latent several times as far as a step in the latent alone."""
EPSILON = 0.01
"""Epsilon of FGSM: less than three of 255 levels."""
WRONG_RATE = 0.03
COMPOSED_RATE = COMPOSED["learning_rate"]
KEEP = START["keep"]


@dataclass(frozen=True)
class Budget:
    """Size of the study.

    Attributes:
        seeds: seeds of the table and of the analogue of figure 12; the case studies use the first.
        every: stride through the captions.
        best: row of the table that others are ablations of.
        candidates: values of M of the curve.
        keeps: values of k of the curve.
        few: M for the comparison of the choice by views with that by the image.
        views: views of AugCLIP in the table.
        attacked: number of attacked images.
        compared: number of real images for Frechet distances.
        attack_views: views of AugCLIP in the attack.
        measured: views that AugCLIP is measured with.
        starts: wrong starts of each case.
        wrong_candidates: M of each wrong start.
        wrong_steps: steps from the wrong starts.
        wrong_views: views of AugCLIP there.
        pairs: number of pairs of persons.
        pair_candidates: M of the pairs.
        composed: steps of the composition.
        stored: number of pairs (z, f(G(z))) of the rows whose basis is the nearest of them.
        places: places of its foregrounds.
    """

    seeds: tuple[int, ...]
    every: int
    best: Row
    candidates: tuple[int, ...]
    keeps: tuple[int, ...]
    few: int
    views: int
    attacked: int
    compared: int
    attack_views: int
    measured: int
    starts: int
    wrong_candidates: int
    wrong_steps: int
    wrong_views: int
    pairs: int
    pair_candidates: int
    composed: int
    stored: int
    places: tuple[Placement, ...]


BUDGETS: Mapping[str, Budget] = {
    "full": Budget(
        seeds=(0, 1, 2),
        every=1,
        best=Row(Basis(KEEP), candidates=400, steps=50, rate=RATE, curved=True),
        candidates=(10, 50),
        keeps=(2, 10),
        few=50,
        views=4,
        attacked=100,
        compared=1000,
        attack_views=50,
        measured=100,
        starts=20,
        wrong_candidates=20,
        wrong_steps=60,
        wrong_views=8,
        pairs=30,
        pair_candidates=200,
        composed=COMPOSED["steps"],
        stored=20_000,
        places=placements((SCALE,)),
    ),
    "ci": Budget(
        seeds=(0,),
        every=16,
        best=Row(Basis(2), candidates=6, steps=3, rate=RATE, curved=True),
        candidates=(4,),
        keeps=(3,),
        few=4,
        views=2,
        attacked=6,
        compared=40,
        attack_views=4,
        measured=4,
        starts=1,
        wrong_candidates=4,
        wrong_steps=3,
        wrong_views=2,
        pairs=2,
        pair_candidates=6,
        composed=2,
        stored=64,
        places=placements((SCALE,), "bottom right"),
    ),
}


def run(args: argparse.Namespace) -> int:
    """Prints the tables and writes their flat keys."""
    from ....nodes.standalone.host import StandaloneHost

    device = StandaloneHost(device=args.device).device()
    budget = BUDGETS[args.budget]
    say = partial(print, flush=True)
    ledger = Ledger(args.json, {"name": "fusedream", "budget": repr(budget)}, say)
    flat = mean_and_deviation(
        _over_seeds(FuseDreamStudy(seed, device, say), budget, ledger) for seed in budget.seeds
    )
    flat |= _cases(FuseDreamStudy(budget.seeds[0], device, say), budget, ledger)
    flat |= {"seeds": len(budget.seeds), "captions": len(captions()[:: budget.every])}
    flat |= {"threads": torch.get_num_threads()}
    print(table(flat, list(_rows(budget))))
    ledger.finish(flat)
    return 0


def _rows(budget: Budget) -> dict[str, Row]:
    best = budget.best
    return ablations(
        best,
        replace(best, basis=Basis(1), rate=RATE_ALONE),
        candidates=budget.candidates,
        keeps=budget.keeps,
        few=budget.few,
        views=budget.views,
        rate=RATE_PER_COORDINATE,
        pairs=budget.stored,
    )


def _over_seeds(study: FuseDreamStudy, budget: Budget, ledger: Ledger) -> Figures:
    prompts = captions()[:: budget.every]

    def measured() -> Figures:
        table = rows(study, prompts, _rows(budget), budget.measured)
        return {f"{name}_{k}": value for name, figures, _ in table for k, value in figures.items()}

    flat = ledger.part(f"table of seed {study.seed}", measured)
    best = budget.best
    odd = partial(
        odd_starts,
        study,
        prompts,
        candidates=budget.few,
        keep=best.basis.keep,
        steps=best.steps,
        rate=best.rate,
        compared=budget.compared,
    )
    return flat | ledger.part(f"odd starts of seed {study.seed}", lambda: odd()[0])


def _cases(study: FuseDreamStudy, budget: Budget, ledger: Ledger) -> Figures:
    best = budget.best
    cases: dict[str, Callable[[], Figures]] = {
        "attacks": lambda: attacks(
            study,
            captions(),
            images=budget.attacked,
            epsilon=EPSILON,
            views=budget.attack_views,
            measured=budget.measured,
        ),
        "wrong starts": lambda: wrong_starts(
            study,
            SWITCHES,
            starts=budget.starts,
            candidates=budget.wrong_candidates,
            steps=budget.wrong_steps,
            rate=WRONG_RATE,
            views=budget.wrong_views,
        )[0],
        "two persons": lambda: two_persons(
            study,
            person_pairs()[: budget.pairs],
            candidates=budget.pair_candidates,
            keep=best.basis.keep,
            refined=best.steps,
            rate=best.rate,
            composed=budget.composed,
            composed_rate=COMPOSED_RATE,
            places=budget.places,
        )[0],
    }
    flat: Figures = {}
    for name, measure in cases.items():
        study.say(name)
        flat |= ledger.part(name, measure)
    return flat
