"""`latentsteer reproduce edit_image`: edits that users write, by the node Edit Image, on avatars.

Edits are the eight of `core/zoo/avatar_edits_plain.json`. Settings of the node were chosen on
pictures 0 to 23; other pictures are edited here. All pictures of an edit are one run of the node
with its defaults, with several results of each. Seconds are those of a run with one picture.
"""

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from statistics import fmean

import torch
from torch import Tensor

from ....core.chunking import Chunking
from ....core.latents import decode
from ....core.tasks.edit import inverted
from ....core.zoo import shipped as catalogue
from ....core.zoo.avatar_edits import UserEdit, user_edits
from ....core.zoo.avatars import ATTRIBUTES, visible
from ....nodes.images import grid, to_host
from ....nodes.standalone.api.node import NodeOutput
from ....nodes.standalone.host import StandaloneHost, use
from ....nodes.standalone.registry import load_nodes
from ....nodes.tasks.models import task_models
from ..avatars_models import avatars_models
from ..edited import figures_of_pictures
from ..ledger import Ledger, mean_and_deviation

__all__ = ["Budget", "EditImageStudy", "edited_by_node", "mean_of_edits", "run"]

AVATARS = "avatars (embedded)"
SHOWN = 8
"""Pictures in a grid."""


@dataclass(frozen=True)
class Budget:
    """Size of the study.

    Attributes:
        seeds: seeds of the node.
        pictures: pictures of each edit.
        results: results of each picture.
        edits: how many edits, the first ones.
        first: number of the first picture that may be edited.
    """

    seeds: tuple[int, ...]
    pictures: int
    results: int
    edits: int
    first: int = 1000


BUDGETS: Mapping[str, Budget] = {"ci": Budget((0,), 2, 2, 1), "full": Budget((0,), 60, 4, 8)}


def edited_by_node(
    host: StandaloneHost, pictures: Tensor, edit: UserEdit, *, results: int, seed: int
) -> Tensor:
    """Returns what Edit Image returns with its defaults, as a host runs it.

    Args:
        host: where the node runs.
        pictures: images in [0, 1].
        edit: what to change.
        results: number of results of each picture.
        seed: the node's seed.
    """
    node = load_nodes()["LatentSteer_EditImage"]
    own = {"words": edit.words, "instead": edit.instead, "results": results, "seed": seed}
    with use(host), torch.inference_mode():
        done = node.execute(image=to_host(pictures), **own)
    assert isinstance(done, NodeOutput)
    images = done.args[0]
    assert isinstance(images, Tensor)
    return images.movedim(3, 1).clone()


class EditImageStudy:
    """Held-out avatars, their judge, and the node.

    Args:
        host: where the node runs.
        budget: size of the study.
    """

    def __init__(self, host: StandaloneHost, budget: Budget) -> None:
        self.host, self.device, self.budget = host, host.device(), budget
        self.judge = avatars_models(self.device).judge
        self.models = task_models(AVATARS, "automatic", "automatic")
        for module in self.models.modules:
            module.to(self.device)
        pictures, values = catalogue.reference_images("avatars held out (embedded)")
        names = ATTRIBUTES.items()
        self.pictures = pictures[budget.first :]
        self.shown = [
            visible({n: a[i] for (n, a), i in zip(names, row, strict=True)})
            for row in values[budget.first :].tolist()
        ]

    def measured(self, edit: UserEdit, seed: int) -> tuple[dict[str, float], Tensor]:
        """Returns the figures of an edit; and pictures, as drawn, above their results.

        `kept` compares with the pictures as the generator draws them, `kept_of_given` with those
        that the node was given.
        """
        rows = [n for n, shown in enumerate(self.shown) if edit.applies(shown)]
        pictures = self.pictures[rows[: self.budget.pictures]]
        begun = time.process_time()
        self._edited(edit, pictures[:1], seed)
        seconds = time.process_time() - begun
        after, drawn = self._edited(edit, pictures, seed), self._drawn(pictures, seed)
        given, before, found = (
            self.judge.likeliest(images.to(self.device)) for images in (pictures, drawn, after)
        )
        figures = figures_of_pictures(self.judge, before, found, edit.sets)
        of_given = figures_of_pictures(self.judge, given, found, edit.sets)
        figures |= {f"{key}_of_given": of_given[key] for key in ("reached", "kept")}
        own = after.unflatten(0, (-1, self.budget.results))[:SHOWN]
        sheet = torch.cat([pictures[:SHOWN], drawn[:SHOWN], *own.unbind(1)])
        return figures | {"seconds": seconds}, sheet

    def _edited(self, edit: UserEdit, pictures: Tensor, seed: int) -> Tensor:
        return edited_by_node(self.host, pictures, edit, results=self.budget.results, seed=seed)

    def _drawn(self, pictures: Tensor, seed: int) -> Tensor:
        """The pictures as the generator draws them, from where the node starts."""
        generator = self.models.generator
        chunking = Chunking.of("fixed", generator.image_size)
        start = inverted(self.models, pictures, seed=seed, chunking=chunking, device=self.device)
        return decode(start, generator, chunking, self.device)


def run(args: argparse.Namespace) -> int:
    """Prints the figures, writes their flat keys, and pictures of the first seed."""
    out = (args.out or args.base / "out") / "edit_image"
    out.mkdir(parents=True, exist_ok=True)
    host = StandaloneHost(args.base, out, args.device)
    budget = BUDGETS[args.budget]
    say = partial(print, flush=True)
    ledger = Ledger(args.json, {"name": "edit_image", "budget": repr(budget)}, say)
    study, edits = EditImageStudy(host, budget), user_edits()[: budget.edits]

    def of_edit(edit: UserEdit, seed: int) -> dict[str, float]:
        figures, sheet = study.measured(edit, seed)
        name = edit.words.replace(" ", "_")
        if seed == budget.seeds[0]:
            grid(sheet, min(SHOWN, budget.pictures)).save(out / f"{name}.png")
        reached, kept = figures["reached"], figures["kept"]
        say(f"{edit.words}: reached {reached:.2f}, kept {kept:.2f}, {figures['seconds']:.1f} s")
        return {f"{name}_{key}": value for key, value in figures.items()}

    def of_seed(seed: int) -> dict[str, float]:
        flat: dict[str, float] = {}
        for edit in edits:
            flat |= ledger.part(f"seed {seed}, {edit.words}", partial(of_edit, edit, seed))
        return flat | mean_of_edits(flat)

    flat = mean_and_deviation(map(of_seed, budget.seeds))
    flat |= {"seeds": len(budget.seeds), "pictures": budget.pictures, "results": budget.results}
    for key, value in flat.items():
        say(f"{key:<44}{value:>10.3f}")
    say(f"pictures in {out}")
    ledger.finish(flat)
    return 0


def mean_of_edits(flat: Mapping[str, float]) -> dict[str, float]:
    """Returns the means of all edits' figures, with a 95 % interval from their standard errors.

    The interval is that of other pictures for the same edits, and takes the pictures of an edit
    as drawn apart from those of the others.

    Args:
        flat: figures of edits, `EDIT_KEY`.
    """
    means: dict[str, float] = {}
    for key in ("reached", "kept"):
        for own in (key, f"{key}_of_given"):
            means[f"mean_{own}"] = fmean(v for k, v in flat.items() if k.endswith(f"_{own}"))
        errors = [v for k, v in flat.items() if k.endswith(f"_{key}_error")]
        half = 1.96 * sum(error**2 for error in errors) ** 0.5 / len(errors)
        means[f"mean_{key}_low"] = means[f"mean_{key}"] - half
        means[f"mean_{key}_high"] = means[f"mean_{key}"] + half
    return means
