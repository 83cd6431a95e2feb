"""Plans of Steer: how many starts, candidates and steps make a sample."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

from ..errors import InvalidInput
from .models import TaskModels

__all__ = [
    "BY_TRANSLATOR",
    "CLASSES_FROM_PAIRS",
    "FROM_PAIRS",
    "FROM_PRIOR",
    "QUALITIES",
    "Quality",
    "SteerPlan",
    "plan_of",
    "starts_from",
]

Quality: TypeAlias = Literal["draft", "good", "best"]
QUALITIES: tuple[Quality, ...] = get_args(Quality)
NOISE = 0.2
"""Noise on the rendered latents, for texts."""


@dataclass(frozen=True)
class SteerPlan:
    """How samples are made.

    Attributes:
        candidates: starts that the energy ranks for each spare, at least 1.
        spares: starts of each sample, of which the one of lowest energy goes on.
        first: steps of every spare before that choice.
        steps: steps of the chosen ones.
        noise: deviation of noise on the rendered latents, fresh at every step, of texts. It keeps
            the CLIP from being fooled, so that its energies show which samples are good.
        strength: factor on the pull of the condition, above 0: on the learning rate of Adam for
            texts, on the inverse temperature of Langevin dynamics for classes.
        basis: number of pairs whose weighted sum a start is; 1 for single pairs, the best of
            `candidates` each. Points and weights are refined together: FuseDream eq. (4).
        mixed: number of pairs in each of the `candidates`, see `from_pairs`.
        encoded: whether starts become the latents of their own images, where the generator has an
            encoder. What fools the CLIP is lost on the way, so that the choice among spares is
            a better one.
    """

    candidates: int
    spares: int
    first: int
    steps: int
    noise: float = 0.0
    strength: float = 1.0
    basis: int = 1
    mixed: int = 1
    encoded: bool = False

    def __post_init__(self) -> None:
        least = (self.candidates, self.spares, self.steps, self.basis, self.mixed)
        if min(least) < 1 or self.first < 0:
            raise InvalidInput(
                f"{self}: expected numbers of at least 1, and `first` of 0 or more."
            )
        if not 0 < self.strength < math.inf:
            raise InvalidInput(f"A strength of {self.strength:g}; expected a number above 0.")

    @property
    def work(self) -> int:
        """The number of reports of a run: looks at candidates, and steps."""
        looks = self.candidates if self.basis == 1 else self.basis
        return looks + self.encoded + self.first + self.steps


FROM_PAIRS: Mapping[Quality, SteerPlan] = {
    "draft": SteerPlan(1, 1, 0, 20, NOISE / 2, basis=5),
    "good": SteerPlan(12, 24, 0, 10, NOISE, mixed=4, encoded=True),
    "best": SteerPlan(20, 32, 0, 20, NOISE, mixed=4, encoded=True),
}
"""Texts, from the nearest pairs, by sums of some of them."""
CLASSES_FROM_PAIRS: Mapping[Quality, SteerPlan] = {
    "draft": SteerPlan(1, 1, 0, 20, NOISE / 2),
    "good": SteerPlan(1, 8, 10, 20, NOISE),
    "best": SteerPlan(1, 16, 12, 40, NOISE),
}
"""Classes without a translator, from the nearest pairs, which the energy ranks already."""
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
        raise InvalidInput(f"Quality {quality!r}; expected one of {', '.join(QUALITIES)}.")
    kind = starts_from(models)
    pairs = FROM_PAIRS if models.by_text else CLASSES_FROM_PAIRS
    table = {"translator": BY_TRANSLATOR, "pairs": pairs, "prior": FROM_PRIOR}[kind]
    return replace(table[quality], strength=strength)


def starts_from(models: TaskModels) -> Literal["translator", "pairs", "prior"]:
    """Returns where starts come from: a translator for classes, else pairs, else the prior.

    Classes take a translator first, since the pairs nearest to a class are all alike.
    """
    if models.translator is not None and not (models.by_text and models.pairs is not None):
        return "translator"
    return "prior" if models.pairs is None else "pairs"
