"""Few-shot generation: samples with an attribute by each method, from the same 100 labels."""

from collections.abc import Callable, Mapping
from functools import cached_property, partial

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ....core.conditions.few_shot import FewShot
from ....core.d2c.bank import LatentBank
from ....core.d2c.guidance import guided_sample, langevin_sample
from ....core.d2c.langevin import CorrectedLangevin
from ....core.d2c.rejection import Acceptance, AcceptanceRule, rejection_sample
from ....core.errors import NothingAccepted
from ....core.rng import SampleRng, stream_of
from ....core.zoo.avatar_edits import AvatarEdit
from .labels import FewLabels
from .models import BANK_STEPS, GAUSSIANS, D2CStudy, Seen
from .pictures_classifier import image_probabilities, train_on_pictures
from .tasks import key_of
from .words import condition_of_words

__all__ = ["LANGEVIN", "ROWS", "SCALES", "FewShotRows"]

SCALES = (1, 3)
"""Scales of the guidance."""
LANGEVIN = CorrectedLangevin(steps=30, step_size=0.1)
"""Langevin dynamics with correction; chosen on label seed 7."""
EXACT, THRESHOLD = Acceptance("exact"), Acceptance("threshold", threshold=0.5)
SELECTED = ("exact", "threshold", "words", "words_threshold", "positives", "positives_threshold")
ROWS = (
    *("naive", *SELECTED, "image", "image_threshold", *GAUSSIANS),
    *(f"guidance_{scale}" for scale in SCALES),
    "langevin",
)
"""Rows of the table, in its order."""


class FewShotRows:
    """The rows of one value and one seed of labels.

    Args:
        study: the models and the bank.
        wanted: the value.
        seed: seed of the labels and the draws.
        count: number of samples of each row.
    """

    def __init__(self, study: D2CStudy, wanted: AvatarEdit, seed: int, count: int) -> None:
        self.study, self.wanted, self.seed, self.count = study, wanted, seed, count
        self.few = FewLabels(study, wanted, seed)

    def rows(self) -> Mapping[str, Callable[[], dict[str, float]]]:
        """Returns the measurement of each row, by name."""
        rules: Mapping[str, Acceptance] = {"": EXACT, "_threshold": THRESHOLD}
        found: dict[str, Callable[[], dict[str, float]]] = {"naive": self._naive}
        for ending, rule in rules.items():
            found[rule.rule] = partial(self._selected, lambda: self.few.condition, rule)
            found[f"words{ending}"] = partial(self._selected, lambda: self.by_words, rule)
            found[f"positives{ending}"] = partial(
                self._selected, lambda: self.few.from_positives, rule
            )
            found[f"image{ending}"] = partial(self._by_image, rule)
        for kind in GAUSSIANS:
            found[kind] = partial(self._of_gaussian, kind)
        for scale in SCALES:
            found[f"guidance_{scale}"] = partial(self._guided, float(scale))
        found["langevin"] = self._langevin
        return {name: found[name] for name in ROWS}

    @cached_property
    def by_words(self) -> FewShot:
        """The condition of a contrast of words, without any label."""
        return condition_of_words(self.study, self.wanted)

    @cached_property
    def image_ratios(self) -> Float[Tensor, " members"]:
        """Probability of each image of the bank, by the classifier of images."""
        pictures = self.study.pictures[self.few.rows]
        network = train_on_pictures(pictures, self.few.labels, self.seed)
        return image_probabilities(network, self.study.bank_images)

    def chosen(self, ratios: Tensor, rule: AcceptanceRule) -> Int[Tensor, " accepted"]:
        """Returns the members of the bank that a rule accepts, for pictures."""
        accepts = THRESHOLD if rule == "threshold" else EXACT
        stream = stream_of(self.seed, key_of(self.wanted), "shown")
        uniform = torch.rand(len(ratios), generator=stream)
        return accepts.accepts(ratios, uniform.to(ratios)).nonzero()[:, 0]

    def _naive(self) -> dict[str, float]:
        rows = torch.arange(self.count).remainder(self.study.bank_size)
        return self._figures(self.study.bank_seen.rows(rows))

    def _selected(self, condition: Callable[[], FewShot], rule: Acceptance) -> dict[str, float]:
        r = condition().probability(self.study.bank.values.double())
        return self._accepted(r, rule)

    def _by_image(self, rule: Acceptance) -> dict[str, float]:
        return self._accepted(self.image_ratios, rule)

    def _accepted(
        self, ratios: Tensor, rule: Acceptance, seen: Callable[[Tensor], Seen] | None = None
    ) -> dict[str, float]:
        """Figures of the members that a rule accepts with these probabilities; of the bank."""
        # A bank of numbers: rejection sees nothing but the probabilities.
        numbers = LatentBank(torch.arange(len(ratios)).double()[:, None], "", "")
        try:
            accepted = rejection_sample(
                None,
                lambda part: ratios[part[:, 0].long()],
                self._rng("rejection"),
                acceptance=rule,
                bank=numbers,
                device=torch.device("cpu"),
            )
        except NothingAccepted:
            return {"acceptance": 0.0, "accepted": 0.0}
        rows = accepted.values[:, 0].long()
        own = {"acceptance": accepted.rate, "accepted": float(len(rows))}
        shown = seen or self.study.bank_seen.rows
        return (self._figures(shown(rows)) if len(rows) > 1 else {}) | own

    def _of_gaussian(self, kind: str) -> dict[str, float]:
        """Figures of rejection from draws of the VAE's priors instead of the diffusion's."""
        draws = self.study.gaussians[kind]
        r = self.few.condition.probability(draws.values.double())
        return self._accepted(r, EXACT, draws.seen)

    def _guided(self, scale: float) -> dict[str, float]:
        guided = guided_sample(
            self.study.prior,
            self.few.condition,
            self.study.generator,
            self._rng("guided"),
            scale=scale,
            steps=BANK_STEPS,
            device=self.study.device,
        )
        return self._of_latents(guided.latents.values)

    def _langevin(self) -> dict[str, float]:
        moved = langevin_sample(
            self.study.prior,
            self.few.condition,
            self.study.generator,
            self._rng("langevin"),
            LANGEVIN,
            steps=BANK_STEPS,
            device=self.study.device,
        )
        return self._of_latents(moved.latents.values)

    def _rng(self, purpose: str) -> SampleRng:
        return SampleRng.of(self.seed, self.count, f"{key_of(self.wanted)} {purpose}")

    def _of_latents(self, values: Tensor) -> dict[str, float]:
        return self._figures(self.study.seen(self.study.images(values)))

    def _figures(self, seen: Seen) -> dict[str, float]:
        return self.study.figures(seen, self.wanted)
