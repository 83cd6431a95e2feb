"""Rows of settings steered by class with the same models, for the tables of digits and faces."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import torch
from torch import Tensor

from ....core.auxiliary import Classifier
from ....core.energies.bayes import bayes
from ....core.energies.classification import classification
from ....core.energy import Energy
from ....core.generator import Generator
from ....core.latents import Latents
from ....core.metrics.classes import ClassifierOutputs, classifier_outputs
from ....core.refine.kernel import Rule
from ....core.refine.rules import Adam, Langevin
from ....core.translators.training import Training
from ....core.translators.translator import TranslatorKind
from ...recipes.tr0n.digits import ADAM_RATE, INVERSE_TEMPERATURE
from ..session import Progress, Session

__all__ = ["Figures", "Setting", "Study"]

STEPS = 25
Figures: TypeAlias = Callable[[Tensor], dict[str, float]]


@dataclass(frozen=True)
class Setting:
    """A row of the table.

    Attributes:
        start: prior, mixture or deterministic.
        candidates: M.
        refiner: langevin, adam, or None for no error correction.
        bayes: beta1 and beta2 of E'_Bayes, instead of the cross-entropy.
        views: random views of each image that the refinement averages over; 0 for the image.
    """

    start: str
    candidates: int = 1
    refiner: str | None = "langevin"
    bayes: tuple[float, float] | None = None
    views: int = 0


class Study:
    """A generator steered to the classes of a classifier.

    Args:
        generator: G.
        classifier: f, on the same device.
        pairs: number of synthetic pairs to train on.
        training: hyperparameters of the training.
        kinds: kinds of translators.
        per_class: samples of each class, in the order of the classes.
        seed: seed of pairs, training, starts and noise.
        device: device of the models.
        say: callback with messages on progress.
    """

    def __init__(
        self,
        generator: Generator,
        classifier: Classifier,
        *,
        pairs: int,
        training: Training,
        kinds: Sequence[TranslatorKind],
        per_class: int,
        seed: int,
        device: torch.device,
        say: Progress,
    ) -> None:
        self.classifier, self.seed, self.say = classifier, seed, say
        self.condition = classifier.condition(
            [name for name in classifier.classes for _ in range(per_class)]
        )
        self.wanted = self.condition.embedding.argmax(dim=1)
        self.session = Session(
            generator,
            classifier,
            pairs=pairs,
            training=training,
            kinds=kinds,
            seed=seed,
            device=device,
            say=say,
        )

    def rows(
        self, table: Mapping[str, Setting], figures: Figures
    ) -> Iterator[tuple[str, dict[str, float], Tensor]]:
        """Yields name, figures and images of each row."""
        for name, setting in table.items():
            self.say(f"seed {self.seed}: {name}")
            begun = time.perf_counter()
            images = self.session.images(self.latents(setting))
            seconds = time.perf_counter() - begun
            yield name, {**figures(images), "seconds": seconds}, images

    def latents(self, setting: Setting) -> Latents:
        """Returns the final latents of a row of the table."""
        # Chosen by the image itself: views are only used in the refinement.
        choice = self.energy(replace(setting, views=0))
        latents = self.session.start(
            setting.start, self.condition, energy=choice, candidates=setting.candidates
        )
        if setting.refiner is None:
            return latents
        return self.session.refined(latents, self.energy(setting), _rule(setting), steps=STEPS)

    def energy(self, setting: Setting) -> Energy:
        """Returns the energy of a row."""
        if setting.bayes is None:
            return classification(self.classifier, self.condition, views=setting.views)
        first, second = setting.bayes
        return bayes(
            self.session.generator,
            self.classifier,
            self.condition,
            prior_weight=first,
            likelihood_weight=second,
        )

    def outputs(self, classifier: Classifier, images: Tensor) -> ClassifierOutputs:
        """Returns the outputs of a classifier for images."""
        return classifier_outputs(classifier, images, self.session.chunking, self.session.device)

    def probabilities(self, images: Tensor) -> Tensor:
        """Returns the probability of the target class of each image under f."""
        seen = self.outputs(self.classifier, images).probabilities
        return seen.gather(1, self.wanted[:, None])[:, 0]


def _rule(setting: Setting) -> Rule:
    if setting.refiner == "adam":
        return Adam(learning_rate=ADAM_RATE)
    # The weights of E'_Bayes include its temperature.
    beta = INVERSE_TEMPERATURE if setting.bayes is None else 1.0
    return Langevin(inverse_temperature=beta)
