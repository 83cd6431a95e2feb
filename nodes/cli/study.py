"""What the demos and the reproductions share: rows of settings steered with the same models."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

import torch
from torch import Tensor

from ...core.auxiliary import Classifier
from ...core.chunks import Chunking
from ...core.energies.bayes import bayes
from ...core.energies.classification import classification
from ...core.energy import Energy
from ...core.evaluation import Judged, judged
from ...core.generator import Generator
from ...core.initialise import Start, from_prior, from_translator
from ...core.latents import Latents
from ...core.refine.kernel import Rule
from ...core.refine.refinement import Refinement, refine
from ...core.refine.rules import adam, langevin
from ...core.rng import SampleRng
from ...core.training import Training, fit_translator, new_translator, synthetic_pairs
from ...core.translator import TranslatorKind

__all__ = ["Figures", "Progress", "Setting", "Study", "moved"]

STEPS = 25
INVERSE_TEMPERATURE = 20.0
Progress: TypeAlias = Callable[[str], None]
Figures: TypeAlias = Callable[[Tensor], dict[str, float]]
Model = TypeVar("Model", Generator, Classifier)


@dataclass(frozen=True)
class Setting:
    """A row of the table.

    Attributes:
        start: prior, mixture or deterministic.
        candidates: M.
        refiner: langevin, adam, or None for no error correction.
        bayes: beta1 and beta2 of E'_Bayes, in place of the cross-entropy.
        views: random views of each image that the refinement averages over; 0 for the image.
    """

    start: str
    candidates: int = 1
    refiner: str | None = "langevin"
    bayes: tuple[float, float] | None = None
    views: int = 0


class Study:
    """Two models, and the translators that one seed trains between them.

    Args:
        generator: G.
        classifier: f, on the same device.
        pairs: synthetic pairs to train on.
        training: how.
        kinds: of the translators.
        per_class: samples of each class, in the order of the classes.
        seed: of pairs, training, starts and noise.
        device: where the models are.
        say: told what is being done.
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
        self.generator, self.classifier = generator, classifier
        self.seed, self.device, self.say = seed, device, say
        self.chunking = Chunking.of("fixed", generator.image_size)
        self.condition = classifier.condition(
            [name for name in classifier.classes for _ in range(per_class)]
        )
        self.wanted = self.condition.embedding.argmax(dim=1)
        say(f"seed {seed}: {pairs} pairs, translator {' and '.join(kinds)}")
        drawn = synthetic_pairs(
            generator, classifier, pairs, seed=seed, chunking=self.chunking, device=device
        )
        self.translators = {
            kind: fit_translator(
                new_translator(generator, classifier, kind=kind, seed=seed).to(device),
                drawn,
                training,
                seed=seed,
            )
            for kind in kinds
        }

    def rows(
        self, table: Mapping[str, Setting], figures: Figures
    ) -> Iterator[tuple[str, dict[str, float], Tensor]]:
        """Name, figures and images of every row."""
        for name, setting in table.items():
            self.say(f"seed {self.seed}: {name}")
            begun = time.perf_counter()
            images = self.images(self.latents(setting))
            seconds = time.perf_counter() - begun
            yield name, {**figures(images), "seconds": seconds}, images

    def latents(self, setting: Setting) -> Latents:
        """Where a row of the table ends."""
        rng = SampleRng.of(self.seed, len(self.condition), setting.start)
        energy = self.energy(setting)
        start = self._start(setting, rng)
        generator = self.generator
        names = tuple(range(len(rng)))
        latents = Latents(start.values.cpu(), start.chart, generator.id, generator.name, names)
        if setting.refiner is None:
            return latents
        job = Refinement(
            title=setting.refiner,
            generator=generator,
            energy=energy,
            rule=_rule(setting),
            steps=STEPS,
            seed=self.seed,
            chunking=self.chunking,
            device=self.device,
        )
        return refine(job, latents)[0]

    def energy(self, setting: Setting) -> Energy:
        """What a row lowers."""
        if setting.bayes is None:
            return classification(self.classifier, self.condition, views=setting.views)
        first, second = setting.bayes
        return bayes(
            self.generator,
            self.classifier,
            self.condition,
            prior_weight=first,
            likelihood_weight=second,
        )

    def images(self, latents: Latents) -> Tensor:
        """What latents show."""
        with torch.no_grad():
            (images,) = self.chunking.apply_random(
                lambda v, part: (self.generator(v, part),),
                latents.values.to(self.device),
                latents.rng(0, "decode"),
            )
        return images.cpu()

    def seen(self, classifier: Classifier, images: Tensor) -> Judged:
        """What a classifier sees in images."""
        return judged(classifier, images, self.chunking, self.device)

    def probabilities(self, images: Tensor) -> Tensor:
        """What f gives to the wanted class of every image."""
        seen = self.seen(self.classifier, images).probabilities
        return seen.gather(1, self.wanted[:, None])[:, 0]

    def _start(self, setting: Setting, rng: SampleRng) -> Start:
        # Chosen by the image itself whatever the views: they are for the refinement.
        energy = self.energy(replace(setting, views=0))
        if setting.start == "prior":
            return from_prior(
                self.generator,
                rng,
                energy=energy,
                candidates=setting.candidates,
                chunking=self.chunking,
                device=self.device,
            )
        return from_translator(
            self.translators[setting.start],
            self.generator,
            self.condition,
            rng,
            energy=energy,
            candidates=setting.candidates,
            chunking=self.chunking,
        )


def moved(model: Model, device: torch.device) -> Model:
    """A model, with its networks on a device."""
    for module in model.modules:
        module.to(device)
    return model


def _rule(setting: Setting) -> Rule:
    if setting.refiner == "adam":
        return adam(learning_rate=0.01)
    # The temperature of E'_Bayes is in its weights.
    beta = INVERSE_TEMPERATURE if setting.bayes is None else 1.0
    return langevin(inverse_temperature=beta)
