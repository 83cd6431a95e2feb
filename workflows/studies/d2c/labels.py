"""The few labels of the study of D2C, and the conditions that are made of them."""

from functools import cached_property

import torch
from jaxtyping import Int
from torch import Tensor

from ....core.conditions.few_shot import FewShot
from ....core.d2c.few_shot import fit_few_shot, fit_positive_unlabelled
from ....core.rng import stream_of
from ....core.zoo.avatar_edits import AvatarEdit
from .models import D2CStudy
from .tasks import key_of, shows

__all__ = ["LABELLED", "OF_EACH", "POSITIVES", "FewLabels"]

LABELLED = 1800
"""Held-out avatars that may be labelled: the first ones. The others are edited."""
OF_EACH = 50
"""Labels of each class, as in the paper."""
POSITIVES = 100
"""Positives of the conditions from positives and unlabelled avatars, as in the paper."""


class FewLabels:
    """Labels of one value for one seed, and the conditions of them.

    Args:
        study: the models and the labelled avatars.
        wanted: the value.
        seed: seed of the choice of avatars and of the folds.
    """

    def __init__(self, study: D2CStudy, wanted: AvatarEdit, seed: int) -> None:
        self.study, self.wanted, self.seed = study, wanted, seed
        stream = stream_of(seed, key_of(wanted), "labels")
        order = torch.randperm(LABELLED, generator=stream)
        has = shows(study.values[:LABELLED], wanted)[order]
        self._with, self._without = order[has], order[~has]

    @property
    def rows(self) -> Int[Tensor, " labels"]:
        """Numbers of the labelled avatars: those that show the value first."""
        return torch.cat([self._with[:OF_EACH], self._without[:OF_EACH]])

    @property
    def labels(self) -> Int[Tensor, " labels"]:
        """1 for the avatars that show the value, 0 for the others."""
        own = len(self._with[:OF_EACH])
        return (torch.arange(len(self.rows)) < own).long()

    @cached_property
    def condition(self) -> FewShot:
        """The condition of the labels, corrected to the bank's share of the value."""
        return fit_few_shot(
            self.study.latents[self.rows],
            self.labels,
            ("rest", self.wanted.wanted),
            1,
            self.study.generator,
            unlabelled=self.study.bank.values,
            coordinates=self.study.coordinates,
            seed=self.seed,
        )

    @cached_property
    def from_positives(self) -> FewShot:
        """The condition of positives, all other avatars that may be labelled being unlabelled."""
        positives = self._with[:POSITIVES]
        unlabelled = torch.cat([self._with[POSITIVES:], self._without]).sort().values
        return fit_positive_unlabelled(
            self.study.latents[positives],
            self.study.latents[unlabelled],
            self.study.generator,
            wanted=self.wanted.wanted,
            coordinates=self.study.coordinates,
            seed=self.seed,
        )
