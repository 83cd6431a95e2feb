"""The logit of a generator's discriminator, how real an image looks, as log p(c|x)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..auxiliary import Discriminator
from ..condition import Condition
from ..energy import Energy
from ..errors import InvalidInput
from ..generator import Generator
from ..images import resized
from ..rng import SampleRng
from ..spaces import IMAGES
from ..terms import Measure, Term
from .example import EnergyExample, toy_generator

__all__ = ["CLASSES_EXAMPLE", "EXAMPLE", "Form", "discriminator"]

Form: TypeAlias = Literal["logit", "log-sigmoid"]


def discriminator(
    generator: Generator, *, form: Form = "logit", classes: Sequence[int] = ()
) -> Energy:
    """The energy -d(x) on images: p(c|x) proportional to e^d(x) of KRR flow, the energy of DDLS.

    The paper uses the logit, which is unbounded. -log sigmoid(d(x)) behaves alike for images that
    look fake and saturates for images that look real. Images of another size than the generator's
    are resampled.

    Args:
        generator: generator with the discriminator d.
        form: `logit` or `log-sigmoid`.
        classes: class numbers, one for all samples or one each; empty for the logit without a
            class (BigGAN's unconditional part, StyleGAN2's mean over all classes).

    Raises:
        InvalidInput: the generator has no discriminator; an unknown form; classes unknown to the
            discriminator.
    """
    discriminator = generator.discriminator
    if discriminator is None:
        raise InvalidInput(
            f"The file of generator {generator.name!r} holds no discriminator. Load a file that "
            "does, or steer by a CLIP or a classifier."
        )
    if form not in get_args(Form):
        raise InvalidInput(f"Form {form!r}; expected one of {', '.join(get_args(Form))}.")
    condition = _condition(generator, discriminator, classes) if classes else None
    logits = _logits(discriminator, condition)

    def evaluate(images: Tensor, rng: SampleRng) -> Tensor:
        found = logits(resized(images, generator.image_size), rng)
        return -found if form == "logit" else functional.softplus(-found)

    of = "" if condition is None else f", classes {_shown(classes)}"
    return Energy.of(
        Term(
            label=f"discriminator({generator.name}, {form}{of})",
            domain=IMAGES,
            evaluate=evaluate,
            modules=(discriminator.module,),
            condition=condition,
            measure=_measure(form),
        )
    )


def _measure(form: Form) -> Measure:
    if form == "logit":
        return Measure("logit", lambda values: -values)
    return Measure("realness", lambda values: (-values).exp())


def _condition(
    generator: Generator, discriminator: Discriminator, classes: Sequence[int]
) -> Condition:
    if discriminator.of_classes is None:
        raise InvalidInput(
            f"The discriminator of {generator.name!r} knows no classes, but {_shown(classes)} "
            "was asked for. Leave the classes empty."
        )
    unknown = [number for number in classes if not 0 <= number < discriminator.classes]
    if unknown:
        raise InvalidInput(
            f"The discriminator of {generator.name!r} has no class {_shown(unknown)}; its "
            f"{discriminator.classes} are numbered from 0."
        )
    numbers = torch.tensor(classes).float()[:, None]
    names = tuple(f"class {number}" for number in classes)
    return Condition(numbers, names, generator.id, generator.name, called="classes")


def _logits(
    discriminator: Discriminator, condition: Condition | None
) -> Callable[[Tensor, SampleRng], Tensor]:
    of_classes = discriminator.of_classes

    def logits(images: Tensor, rng: SampleRng) -> Tensor:
        if condition is None or of_classes is None:
            return discriminator.logits(images)
        wanted = condition.at(rng.rows, images.float())[:, 0].long()
        return of_classes(images, wanted)

    return logits


def _shown(classes: Sequence[int]) -> str:
    return ", ".join(map(str, classes[:8])) + (" ..." if len(classes) > 8 else "")


def _toy() -> Generator:
    """The toy generator with a smooth discriminator of two classes."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(75, 8), nn.Tanh(), nn.Linear(8, 2))
    stream = torch.Generator().manual_seed(5)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.3, generator=stream)
    discriminator = Discriminator(
        network.eval().requires_grad_(False),
        logits=lambda images: network(images).mean(dim=1),
        features=lambda images: network[:3](images),
        of_classes=lambda images, classes: network(images).gather(1, classes[:, None])[:, 0],
        classes=2,
    )
    return replace(toy_generator(), discriminator=discriminator)


def _example(form: Form, classes: Sequence[int] = ()) -> EnergyExample:
    points = torch.rand(4, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    return EnergyExample(discriminator(_toy(), form=form, classes=classes), points)


EXAMPLE = partial(_example, "logit")
CLASSES_EXAMPLE = partial(_example, "log-sigmoid", (0, 1, 1, 0))
