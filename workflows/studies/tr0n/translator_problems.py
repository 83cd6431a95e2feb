"""The two problems of `reproduce translator`: digits by class, and avatars by text."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from ....core.auxiliaries import load_auxiliary
from ....core.auxiliary import Auxiliary
from ....core.chunking import Chunking
from ....core.condition import Condition
from ....core.conditions.prompts import text_condition
from ....core.energies.classification import classification
from ....core.energies.similarity import similarity
from ....core.energy import Energy
from ....core.generator import Generator
from ....core.generators import load_generator
from ....core.metrics.classes import classifier_outputs, evaluate
from ....core.metrics.distances import frechet_distance, within_class_diversity
from ....core.translators.training import Training
from ....core.zoo import shipped as catalogue
from ....core.zoo.avatar_captions import captions
from ....nodes.kinds import as_classifier
from ...recipes.tr0n import avatars_graph as avatars_recipe
from ...recipes.tr0n import digits as digits_recipe
from ..avatars_models import avatars_models
from ..session import moved
from .avatars_rows import ADAM_RATE, TRAINING, share

__all__ = ["PROBLEMS", "Problem", "avatars", "digits"]


@dataclass(frozen=True)
class Problem:
    """Models, a condition for each sample, and how images are judged.

    Attributes:
        generator: generator G.
        auxiliary: auxiliary f, on the same device.
        condition: condition with a row per sample; the samples of a class or text are consecutive.
        energy: energy of the condition.
        figures: returns the figures of an image per sample: `f` (mean probability of the class by
            f, or cosine of the CLIP), `judge` (share that a judge calls right: images of digits,
            constraints of avatars), `fd` (Frechet distance of the judge's features to real images
            that trained no model) and `diversity` (of the judge's features in a class or text).
        inverse_temperature: beta of Langevin dynamics.
        adam_rate: learning rate of Adam.
        training: hyperparameters of the translators' training.
        hidden: hidden width H of the translators.
    """

    generator: Generator
    auxiliary: Auxiliary
    condition: Condition
    energy: Energy
    figures: Callable[[Tensor], dict[str, float]]
    inverse_temperature: float
    adam_rate: float
    training: Training
    hidden: int


Make: TypeAlias = Callable[[int, int, torch.device], Problem]
"""Makes a problem from the numbers of conditions and of samples of each, and the device."""


def digits(classes: int, each: int, device: torch.device) -> Problem:
    """Returns the problem of the embedded digits, an unconditional GAN steered to classes.

    Args:
        classes: number of classes, from 0 on.
        each: samples of each class.
        device: device of the models.
    """
    path = catalogue.embedded
    generator = moved(load_generator(path("digits (embedded)")), device)
    classifier = moved(as_classifier(load_auxiliary(path("digits classifier (embedded)"))), device)
    judge = moved(as_classifier(load_auxiliary(path("digits judge (embedded)"))), device)
    chunking = Chunking.of("fast", generator.image_size)
    names = [name for name in classifier.classes[:classes] for _ in range(each)]
    condition = classifier.condition(names)
    wanted = condition.embedding.argmax(dim=1)
    held, _ = catalogue.reference_images("digits held out (embedded)")
    real = classifier_outputs(judge, held, chunking, device).features

    def figures(images: Tensor) -> dict[str, float]:
        by_f = classifier_outputs(classifier, images, chunking, device).probabilities
        by_judge = classifier_outputs(judge, images, chunking, device)
        numbers = evaluate(by_judge, wanted=wanted, reference=real).numbers()
        return {
            "f": float(by_f.gather(1, wanted[:, None]).mean()),
            "judge": numbers["agreement"],
            "fd": numbers["frechet_distance"],
            "diversity": numbers["diversity"],
        }

    return Problem(
        generator,
        classifier,
        condition,
        classification(classifier, condition),
        figures,
        inverse_temperature=digits_recipe.INVERSE_TEMPERATURE,
        adam_rate=digits_recipe.ADAM_RATE,
        training=Training(),
        hidden=100,
    )


def avatars(texts: int, each: int, device: torch.device) -> Problem:
    """Returns the problem of the embedded avatars, an unconditional VAE steered to captions.

    Args:
        texts: number of captions, spread evenly over the 48 of `reproduce avatars`.
        each: samples of each caption.
        device: device of the models.
    """
    generator, clip, judge = avatars_models(device)
    chunking = Chunking.of("fast", generator.image_size)
    every = captions()
    prompts = [every[n * len(every) // texts] for n in range(texts) for _ in range(each)]
    condition = text_condition(clip, "\n".join(one.text for one in prompts)).condition
    numbers = torch.arange(texts).repeat_interleave(each)

    @torch.no_grad()
    def features(images: Tensor) -> Tensor:
        return chunking.apply(lambda part: judge.features(part.to(device)).cpu(), images)

    real = features(catalogue.reference_images("avatars held out (embedded)")[0])

    @torch.no_grad()
    def figures(images: Tensor) -> dict[str, float]:
        seen = clip.embed(images.to(device)).cpu()
        own = features(images)
        satisfied = judge.satisfied(images.to(device), [one.constraints for one in prompts])
        return {
            "f": float(torch.cosine_similarity(seen, condition.embedding, dim=1).mean()),
            "judge": share(satisfied),
            "fd": frechet_distance(own, real),
            "diversity": within_class_diversity(own, numbers),
        }

    return Problem(
        generator,
        clip,
        condition,
        similarity(clip, condition, views=avatars_recipe.VIEWS),
        figures,
        inverse_temperature=avatars_recipe.INVERSE_TEMPERATURE,
        adam_rate=ADAM_RATE,
        training=TRAINING,
        hidden=avatars_recipe.HIDDEN,
    )


PROBLEMS: Mapping[str, Make] = {"digits": digits, "avatars": avatars}
