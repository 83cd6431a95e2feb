"""How Edit Image moves: by words over pairs, by labels, or by a search."""

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias, get_args

from torch import Tensor

from ...core.chunking import ChunkMode
from ...core.conditions.few_shot import FewShot
from ...core.d2c.bank import bank_of
from ...core.d2c.encoding import check_encodes
from ...core.diffusion.prior import DiffusionPrior
from ...core.errors import InvalidInput, SteerError
from ...core.generator import Generator
from ...core.latents import Latents
from ...core.tasks.edit import EditPlan, edited
from ...core.tasks.edit_labels import EditLabels, edited_by_labels
from ...core.tasks.edit_search import EditSearch, searched
from ...core.tasks.models import TaskModels
from ...core.tasks.words import Change
from ...core.zoo.names import PRIORS
from ..host import autograd
from ..model_files import find, offered
from ..work import Work, working
from .watching import BarWatch

__all__ = [
    "MOVES",
    "EditBy",
    "EditEnds",
    "Moves",
    "by_labels",
    "by_search",
    "by_words",
    "labels_plan",
]

FOLDER = "latentsteer_priors"

Moves: TypeAlias = Literal["words", "labels", "search"]
MOVES: tuple[Moves, ...] = get_args(Moves)


class EditEnds(NamedTuple):
    """Edited latents, those that they started from, and what the node says of them."""

    latents: Latents
    start: Latents
    said: str


@dataclass(frozen=True)
class EditBy:
    """An edit of images, as the node was asked for it.

    Attributes:
        models: the models.
        pictures: images in [0, 1], of the generator's size.
        results: number of results of each.
        seed: seed of everything random.
    """

    models: TaskModels
    pictures: Tensor
    results: int
    seed: int


def by_words(
    asked: EditBy, wanted: tuple[Change, ...], plan: EditPlan, work: Work, watch: BarWatch
) -> EditEnds:
    """Edits by what pairs say of words.

    Raises:
        SteerError: see `core.tasks.edit.edited`.
    """
    found = edited(
        asked.models,
        asked.pictures,
        wanted,
        plan,
        results=asked.results,
        seed=asked.seed,
        chunking=work.chunking,
        device=work.device,
        watch=watch,
    )
    return EditEnds(found.latents, found.start, found.summary())


def by_search(
    asked: EditBy, wanted: tuple[Change, ...], plan: EditSearch, work: Work, watch: BarWatch
) -> EditEnds:
    """Edits by refinement.

    Raises:
        SteerError: see `core.tasks.edit_search.searched`.
    """
    latents, start = searched(
        asked.models,
        asked.pictures,
        wanted,
        plan,
        results=asked.results,
        seed=asked.seed,
        chunking=work.chunking,
        device=work.device,
        watch=watch,
    )
    return EditEnds(latents, start, f"{plan.steps} steps of search")


def labels_plan(
    models: TaskModels, condition: FewShot | None, strength: float, chunk: ChunkMode
) -> EditLabels:
    """Returns the moves of a few-shot condition.

    Raises:
        InvalidInput: no condition, a generator without an encoder, or too few latents that show
            what is wanted.
        GeneratorMismatch: a condition of another generator.
    """
    if condition is None:
        raise InvalidInput(
            "Nothing is connected to `few_shot`, from which moves by labels are made. Connect "
            "Few-Shot Condition, which learns from a few labelled images, or set `moves` to words."
        )
    generator = models.generator
    condition.check(generator)
    check_encodes(generator)
    with autograd():
        prior = fitting_prior(generator)
    with working("Edit Image: bank", 0, generator, prior, chunk=chunk) as work:
        bank = bank_of(generator, models.pairs, prior, device=work.device)
        return EditLabels.of(condition, generator, bank, prior, strength)


def by_labels(asked: EditBy, plan: EditLabels, work: Work, watch: BarWatch) -> EditEnds:
    """Edits by a few-shot condition.

    Raises:
        SteerError: see `core.tasks.edit_labels.edited_by_labels`.
    """
    found = edited_by_labels(
        asked.models.generator,
        asked.pictures,
        plan,
        results=asked.results,
        seed=asked.seed,
        chunking=work.chunking,
        device=work.device,
        report=lambda done: watch.looked(),
    )
    return EditEnds(found.latents, found.start, found.summary())


def fitting_prior(generator: Generator) -> DiffusionPrior | None:
    """Returns the first diffusion prior in the list of its loader that fits, None without any."""
    from ...core.diffusion.prior_files import load_prior

    for name in offered(FOLDER, list(PRIORS)):
        try:
            found = load_prior(find(FOLDER, name))
            found.check(generator)
        except SteerError:
            continue
        return found
    return None
