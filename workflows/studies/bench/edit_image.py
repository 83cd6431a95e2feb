"""`latentsteer bench edit_image`: seconds of a run of Edit Image with four results of a picture.

Each run opens the models and makes its direction from the pairs, as a run of the node does. The
first one also measures how well the generator draws its own images. The nodes are loaded before.
"""

import argparse
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from ....core.zoo import shipped as catalogue
from ....core.zoo.avatar_edits import UserEdit, user_edits
from ....nodes.standalone.host import StandaloneHost
from ....nodes.standalone.registry import load_nodes
from ..tasks.edit_image import edited_by_node
from .harness import Check, conclude, medians

__all__ = ["FULL", "QUICK", "Plan", "checks_of", "run"]

PICTURE = 1000
"""Number of the held-out avatar that is edited."""
MOST = 5.0
"""Largest seconds of a run with four results on two cores."""


@dataclass(frozen=True)
class Plan:
    """Plan of the measurements.

    Attributes:
        edits: how many edits, the first ones.
        repeats: runs of the first edit, of which the median counts; the others run once.
        results: results of each run.
    """

    edits: int
    repeats: int
    results: int


FULL, QUICK = Plan(8, 5, 4), Plan(1, 1, 1)


def run(args: argparse.Namespace) -> int:
    """Measures, prints the table and writes all numbers."""
    plan = QUICK if args.quick else FULL
    host = StandaloneHost(device=args.device)
    pictures, _ = catalogue.reference_images("avatars held out (embedded)")
    picture, edits = pictures[PICTURE : PICTURE + 1], user_edits()[: plan.edits]

    def step(edit: UserEdit) -> None:
        edited_by_node(host, picture, edit, results=plan.results, seed=0)

    load_nodes()  # as a host does when it starts
    begun = time.perf_counter()
    step(edits[0])
    flat: dict[str, Any] = {"first_seconds": time.perf_counter() - begun}
    for edit, repeats in zip(edits, (plan.repeats, *[1] * plan.edits), strict=False):
        found = medians({edit.words: partial(step, edit)}, repeats)
        flat[f"{edit.words.replace(' ', '_')}_seconds"] = found[edit.words]
    for key, seconds in flat.items():
        print(f"{key:<32}{seconds:>7.2f}")
    checks = [] if args.quick else list(checks_of(flat, edits))
    flat |= {
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
        "machine": platform.processor() or platform.machine(),
        "device": str(host.device()),
        "results": plan.results,
        "repeats": plan.repeats,
        "quick": args.quick,
    }
    conclude(flat, checks, args.json)
    return 0


def checks_of(flat: Mapping[str, Any], edits: Sequence[UserEdit]) -> Iterator[Check]:
    """Requirements on the numbers."""
    for key in ("first", *(edit.words.replace(" ", "_") for edit in edits)):
        yield Check(f"{key}: seconds of a run", flat[f"{key}_seconds"], MOST, most=True)
