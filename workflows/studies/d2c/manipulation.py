"""Manipulation of held-out avatars: each move of D2C, and words, by the judge."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property, partial

from torch import Tensor

from ....core.d2c.bank_means import bank_mean
from ....core.d2c.editing import Editing, edit_by_condition
from ....core.d2c.moves import GradientMove, LatentMove, boundary_move
from ....core.errors import InvalidInput
from ....core.pairs.moving import moved_until
from ....core.pairs.search import MoveSearch
from ....core.rng import SampleRng
from ....core.zoo.avatar_edits import AvatarEdit
from ....core.zoo.avatars import ATTRIBUTES
from ..edited import edit_figures
from .labels import FewLabels
from .models import D2CStudy
from .tasks import key_of
from .words import direction_of_words

__all__ = ["EDITED", "MOVES", "EditRows"]

EDITED = 1900
"""Number of the first edited avatar; the settings were chosen on 1800 to 1899."""
MOVES = ("default", "mean", "mean_same", "vector", "gradient", "words")
"""Rows of an edit, in the table's order."""
HARD = ("hat", "beard", "blue_background")
"""Edits that are made by words, too: those that a mean difference often misses."""
DEFAULT = Editing()
"""As the node edits: the ways of a bank, each avatar somewhat beyond its smallest strength."""
SEARCHED = Editing(strength=8.0, mode="smallest", grid=8, beyond=0.0)
"""Each avatar by its smallest strength."""
SAME = replace(SEARCHED, mode="same", strength=6.0)
VECTOR = replace(SEARCHED, strength=16.0)
GRADIENT = replace(SEARCHED, strength=12.0)
BY_WORDS = MoveSearch(most=8.0, grid=8, bisections=2, certainty=0.7)


class EditRows:
    """The moves of one edit, and one seed of labels.

    Args:
        study: the models, the bank and the avatars.
        wanted: the value that the edit sets.
        seed: seed of the labels and of the correction.
        count: number of avatars.
        first: number of the first one among the held-out avatars.
    """

    def __init__(
        self, study: D2CStudy, wanted: AvatarEdit, seed: int, count: int, first: int = EDITED
    ) -> None:
        self.study, self.wanted, self.seed = study, wanted, seed
        self.few = FewLabels(study, wanted, seed)
        self.avatars = slice(first, first + count)

    def rows(self) -> Mapping[str, Callable[[], dict[str, float]]]:
        """Returns the measurement of each move, by name."""
        hard = key_of(self.wanted) in HARD
        names = [name for name in MOVES if hard or name != "words"]
        return {name: partial(self._measured, name) for name in names}

    @cached_property
    def before(self) -> list[dict[str, str]]:
        """What the judge sees in the decoded avatars before any edit."""
        return self._judged(self.start)

    @cached_property
    def start(self) -> Tensor:
        """The avatars as the generator draws them."""
        return self.study.images(self.study.latents[self.avatars])

    def edited(self, name: str) -> Tensor:
        """Returns the avatars after an edit by a move.

        Raises:
            InvalidInput: the move cannot be made.
        """
        return self._by_words() if name == "words" else self._by_condition(name)

    def reached(self, images: Tensor) -> list[bool]:
        """Returns which images show the value, by the judge."""
        wanted = self.wanted.sets.items()
        return [wanted <= values.items() for values in self._judged(images)]

    def _measured(self, name: str) -> dict[str, float]:
        try:
            images = self.edited(name)
        except InvalidInput as error:
            # A move that cannot be made reaches nothing.
            self.study.say(f"{self.wanted.wanted}, {name}: {error}")
            return {"reached": 0.0}
        after = self._judged(images)
        return edit_figures(self.study.judge, self.before, after, self.wanted.sets)

    def _by_condition(self, name: str) -> Tensor:
        study, few = self.study, self.few
        move: LatentMove
        if name == "vector":
            move, editing = boundary_move(few.condition, study.generator), VECTOR
        elif name == "gradient":
            move, editing = GradientMove(few.condition, study.prior), GRADIENT
        else:
            given = study.bank, few.condition, study.generator
            if name == "default":
                move, editing = bank_mean(*given), DEFAULT
            else:
                move = bank_mean(*given, modes=0, near=0.0)
                editing = SAME if name == "mean_same" else SEARCHED
        return edit_by_condition(
            study.pictures[self.avatars],
            study.generator,
            few.condition,
            study.prior,
            move,
            editing,
            seed=self.seed,
            chunking=study.chunking,
            device=study.device,
        ).images

    def _by_words(self) -> Tensor:
        """Moves along a contrast of texts until the CLIP sees what is wanted, then corrects."""
        study = self.study
        moved = moved_until(
            study.named(study.latents[self.avatars]),
            direction_of_words(study, self.wanted),
            study.generator,
            study.clip,
            search=BY_WORDS,
            chunking=study.chunking,
            device=study.device,
        )
        rng = SampleRng.of(self.seed, len(moved.latents), "words")
        values = SEARCHED.correction(study.prior, moved.latents.values.to(study.device), rng)
        return study.images(values)

    def _judged(self, images: Tensor) -> list[dict[str, str]]:
        names = list(ATTRIBUTES.items())
        return [
            {name: of[number] for (name, of), number in zip(names, row, strict=True)}
            for row in self.study.seen(images).values.tolist()
        ]
