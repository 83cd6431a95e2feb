"""`latentsteer reproduce edits`: edits of avatars by words, along directions made of pairs.

The twelve edits were chosen before any of them was tried (`core/zoo/avatar_edits.json`). The
contexts and other texts of two, and the settings here, were then chosen on pictures 0 to 23. The
figures are of other pictures, by a judge that took no part.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor

from ....core.charts import Start
from ....core.chunking import Chunking
from ....core.condition import Condition
from ....core.conditions.prompts import text_condition
from ....core.errors import InvalidInput
from ....core.latents import Latents, decode
from ....core.pairs.contrast import sharpness
from ....core.pairs.directions import LatentDirection, contrast_direction
from ....core.pairs.in_memory import synthetic_pairs
from ....core.pairs.moving import moved_along, moved_until
from ....core.pairs.pairs import Pairs
from ....core.pairs.search import MoveSearch
from ....core.pairs.stored import StoredPairs
from ....core.spaces import Identity
from ....core.zoo import shipped as catalogue
from ....core.zoo.avatar_edits import AvatarEdit, avatar_edits
from ....nodes.images import grid
from ..avatars_models import avatars_models
from ..edited import edit_figures
from ..ledger import Ledger, mean_and_deviation
from ..session import Progress

__all__ = ["Budget", "EditStudy", "measured", "run"]

FIRST = 1000
"""Number of the first edited picture."""
ONE_STRENGTH = 5.0
"""Strength of the figures with one direction and one strength for all samples."""
KEEP = 3.0
"""Weight of keeping the rest, of the figures with a goal for each sample."""
SEARCH = MoveSearch(most=8.0, grid=8, bisections=2, certainty=0.7)
"""Search of the figures with a goal for each sample."""
SHIPPED_SEED = 0
"""Seed of the shipped pairs."""
SHOWN = 10
"""Avatars in a picture."""


@dataclass(frozen=True)
class Budget:
    """Size of the study.

    Attributes:
        seeds: seeds of the pairs.
        pairs: number of pairs.
        avatars: number of edited pictures.
        edits: wanted texts of the edits; all if empty.
    """

    seeds: tuple[int, ...]
    pairs: int
    avatars: int
    edits: tuple[str, ...] = ()


BUDGETS: Mapping[str, Budget] = {
    "ci": Budget((0,), 500, 6, ("sunglasses", "blue background")),
    "full": Budget((0,), 20_000, 60),
}


class EditStudy:
    """The embedded avatars, pairs of them, and held-out pictures with their latents.

    Args:
        seed: seed of the pairs.
        budget: size of the study.
        device: device of the models.
        say: callback with messages on progress.
    """

    def __init__(self, seed: int, budget: Budget, device: torch.device, say: Progress) -> None:
        self.generator, self.clip, self.judge = avatars_models(device)
        self.device, self.say = device, say
        self.chunking = Chunking.of("fast", self.generator.image_size)
        say(f"seed {seed}: {budget.pairs} pairs")
        self.pairs = self._pairs(seed, budget.pairs)
        pictures, _ = catalogue.reference_images("avatars held out (embedded)")
        self.latents = self._encoded(pictures[FIRST : FIRST + budget.avatars])
        self.images = self._decoded(self.latents)
        self.before = self.judge.likeliest(self.images.to(device))

    def _pairs(self, seed: int, count: int) -> Pairs:
        """Returns the first pairs of a seed, the shipped ones where those are enough."""
        if seed == SHIPPED_SEED:
            shipped = StoredPairs(catalogue.embedded("avatars pairs (embedded)"), count=count)
            if len(shipped) == count:
                return shipped.loaded()
        return synthetic_pairs(
            self.generator,
            self.clip,
            count,
            seed=seed,
            chunking=self.chunking,
            device=self.device,
        )

    @torch.no_grad()
    def _encoded(self, pictures: Tensor) -> Latents:
        encode = self.generator.encode
        assert encode is not None
        values = encode(pictures.to(self.device))
        return Latents.of(Start(values, Identity(self.generator.source)), self.generator)

    def _decoded(self, latents: Latents) -> Tensor:
        return decode(latents, self.generator, self.chunking, self.device)

    def direction(self, edit: AvatarEdit) -> LatentDirection:
        """Returns the direction of an edit."""
        return contrast_direction(
            self.pairs,
            self.generator,
            self._texts(edit.wanted),
            self._texts(*edit.instead) if edit.instead else None,
            context=self._texts(edit.context) if edit.context else None,
            scale=sharpness(self.clip),
            keep=KEEP,
        )

    def _texts(self, *texts: str) -> Condition:
        return text_condition(self.clip, "\n".join(texts)).condition

    def edited(self, edit: AvatarEdit) -> tuple[dict[str, float], Tensor]:
        """Returns the figures of an edit, and avatars above their edits.

        An edit that the CLIP cannot distinguish is never reached, and has no other figures.
        """
        try:
            direction = self.direction(edit)
        except InvalidInput as error:
            self.say(f"{edit.wanted}: {error}")
            return {"reached": 0.0}, self.images[:SHOWN]
        self.say(direction.summary())
        moved = moved_until(
            self.latents,
            direction,
            self.generator,
            self.clip,
            search=SEARCH,
            chunking=self.chunking,
            device=self.device,
        )
        own = self._decoded(moved.latents)
        figures = self._judged(edit, own)
        if direction.unit > 0:
            same = self._decoded(moved_along(self.latents, direction, ONE_STRENGTH))
            figures |= {f"same_{name}": value for name, value in self._judged(edit, same).items()}
        figures["according_to_clip"] = float(moved.reached.double().mean())
        figures["strength"] = float(moved.strengths.mean())
        return figures, torch.cat([self.images[:SHOWN], own[:SHOWN]])

    def _judged(self, edit: AvatarEdit, images: Tensor) -> dict[str, float]:
        """Returns how many avatars show what is wanted, and what they keep, by the judge."""
        after = self.judge.likeliest(images.to(self.device))
        return edit_figures(self.judge, self.before, after, edit.sets)


def measured(study: EditStudy, edits: Sequence[AvatarEdit], out: Path | None) -> dict[str, float]:
    """Returns the figures of edits, and their means; writes pictures where a folder is given."""
    found: dict[str, dict[str, float]] = {}
    for edit in edits:
        found[edit.wanted], pictures = study.edited(edit)
        if out is not None:
            name = edit.wanted.replace(" ", "_")
            grid(pictures, len(pictures) // 2).save(out / f"edit_{name}.png")
    flat = {
        f"{text.replace(' ', '_')}_{name}": value
        for text, figures in found.items()
        for name, value in figures.items()
    }
    names = dict.fromkeys(name for figures in found.values() for name in figures)
    return flat | {
        f"mean_{name}": fmean(own[name] for own in found.values() if name in own) for name in names
    }


def run(args: argparse.Namespace) -> int:
    """Prints the figures of each edit, writes their flat keys, and pictures of the first seed."""
    from ....nodes.standalone.host import StandaloneHost

    device = StandaloneHost(device=args.device).device()
    out = (args.out or args.base / "out") / "edits"
    out.mkdir(parents=True, exist_ok=True)
    budget = BUDGETS[args.budget]
    say = partial(print, flush=True)
    ledger = Ledger(args.json, {"name": "edits", "budget": repr(budget)}, say)
    edits = [one for one in avatar_edits() if not budget.edits or one.wanted in budget.edits]

    def of_seed(seed: int) -> dict[str, float]:
        study = EditStudy(seed, budget, device, say)
        return measured(study, edits, out if seed == budget.seeds[0] else None)

    flat = mean_and_deviation(
        ledger.part(f"seed {seed}", partial(of_seed, seed)) for seed in budget.seeds
    )
    flat |= {"seeds": len(budget.seeds), "pairs": budget.pairs, "avatars": budget.avatars}
    print(table(flat, edits))
    print(f"pictures in {out}")
    ledger.finish(flat)
    return 0


def table(flat: Mapping[str, float], edits: Sequence[AvatarEdit]) -> str:
    """Returns the figures as text, a line per edit."""
    columns = ("reached", "kept", "strength", "according_to_clip", "same_reached", "same_kept")
    lines = [f"{'':<18}" + "".join(f"{name.replace('_', ' '):>18}" for name in columns)]
    for text in [*(one.wanted for one in edits), "mean"]:
        row = [flat.get(f"{text.replace(' ', '_')}_{name}") for name in columns]
        cells = "".join(f"{'-' if x is None else f'{x:.2f}':>18}" for x in row)
        lines.append(f"{text:<18}{cells}")
    return "\n".join(lines)
