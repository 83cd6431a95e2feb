"""Frozen auxiliary models f: images to the condition space that samples are steered in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from .condition import Condition
from .errors import ConditionMismatch

__all__ = ["AttributeJudge", "Auxiliary", "Classifier", "Discriminator"]

Images4 = Float[Tensor, "batch 3 height width"]


@runtime_checkable
class Auxiliary(Protocol):
    """Any frozen f: images in [0, 1] to rows of its condition space."""

    @property
    def name(self) -> str:
        """To display."""
        ...

    @property
    def id(self) -> str:
        """The sha256 of its weights; conditions and translators remember it."""
        ...

    @property
    def embed_dim(self) -> int:
        """Numbers in one condition."""
        ...

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The networks."""
        ...

    def embed(self, images: Images4) -> Float[Tensor, "batch embed"]:
        """The condition f(x), what a translator learns to invert."""
        ...


@dataclass(frozen=True)
class Classifier:
    """A frozen classifier p(c given x); its condition space is the probability vectors.

    Attributes:
        name: to display.
        id: the sha256 of its weights.
        module: the network.
        classes: their names, in the order of the logits.
        logits: images in [0, 1] to one logit per class, through the module.
        features: images to the penultimate layer, for distances between sets of images.
    """

    name: str
    id: str
    module: nn.Module
    classes: tuple[str, ...]
    logits: Callable[[Images4], Float[Tensor, "batch classes"]]
    features: Callable[[Images4], Float[Tensor, "batch features"]]

    @property
    def embed_dim(self) -> int:
        """One number per class."""
        return len(self.classes)

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The network."""
        return (self.module,)

    def embed(self, images: Images4) -> Float[Tensor, "batch classes"]:
        """The probabilities of the classes."""
        return self.logits(images).softmax(dim=1)

    def condition(self, classes: Sequence[int | str]) -> Condition:
        """One one-hot row per entry.

        Args:
            classes: names, or numbers counted from 0.

        Raises:
            ConditionMismatch: no entry, or one that is no class of this classifier.
        """
        if not classes:
            raise ConditionMismatch(f"No class given. {self._offer()}")
        numbers = [self._number(entry) for entry in classes]
        hot = torch.nn.functional.one_hot(torch.tensor(numbers), len(self.classes)).float()
        return Condition(hot, tuple(self.classes[n] for n in numbers), self.id, self.name)

    def _number(self, entry: int | str) -> int:
        if isinstance(entry, str) and entry in self.classes:
            return self.classes.index(entry)
        try:
            number = int(entry)
        except ValueError:
            number = -1
        if not 0 <= number < len(self.classes):
            raise ConditionMismatch(f"{self.name!r} has no class {entry!r}. {self._offer()}")
        return number

    def _offer(self) -> str:
        shown = ", ".join(self.classes[:20]) + (" ..." if len(self.classes) > 20 else "")
        return f"There are {len(self.classes)}, by name or by number from 0: {shown}."


@dataclass(frozen=True)
class AttributeJudge:
    """A frozen network that classifies an image by several attributes.

    Attributes:
        name: to display.
        id: the sha256 of its weights.
        module: the network.
        attributes: name to values, in the order of the logits.
        logits: images in [0, 1] to (batch, values) per attribute, through the module.
        features: images to the penultimate layer, for distances between sets of images.
        visible: the attributes that can be seen where the others are as they are: no hair, no
            colour of hair.
        stated_in: the values of attributes that a text states, its constraints.
    """

    name: str
    id: str
    module: nn.Module
    attributes: Mapping[str, tuple[str, ...]]
    logits: Callable[[Images4], dict[str, Tensor]]
    features: Callable[[Images4], Float[Tensor, "batch features"]]
    visible: Callable[[Mapping[str, str]], Mapping[str, str]]
    stated_in: Callable[[str], Mapping[str, str]]

    @property
    def embed_dim(self) -> int:
        """One number per value of every attribute."""
        return sum(len(values) for values in self.attributes.values())

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The network."""
        return (self.module,)

    def embed(self, images: Images4) -> Float[Tensor, "batch embed"]:
        """The probabilities of the values, attribute by attribute."""
        logits = self.logits(images)
        return torch.cat([logits[name].softmax(dim=1) for name in self.attributes], dim=1)

    @torch.no_grad()
    def likeliest(self, images: Images4) -> list[dict[str, str]]:
        """The likeliest value of every attribute, an entry per image."""
        best = {name: found.argmax(dim=1).tolist() for name, found in self.logits(images).items()}
        return [
            {name: values[best[name][row]] for name, values in self.attributes.items()}
            for row in range(len(images))
        ]

    def satisfied(
        self, images: Images4, constraints: Sequence[Mapping[str, str]]
    ) -> list[dict[str, bool]]:
        """Which of its constraints every image satisfies: visible, and of the value stated."""
        if len(images) != len(constraints):
            raise ConditionMismatch(f"{len(constraints)} sets of constraints for {len(images)}.")
        seen = [self.visible(values) for values in self.likeliest(images)]
        return [
            {name: found.get(name) == value for name, value in wanted.items()}
            for found, wanted in zip(seen, constraints, strict=True)
        ]


@dataclass(frozen=True)
class Discriminator:
    """A generator's frozen discriminator D: real images get high logits.

    All functions are row by row: what an image gets does not depend on the rest of the batch.

    Attributes:
        module: the network.
        logits: images in [0, 1] to one logit each.
        features: images to what the logit is a linear function of.
        of_classes: images and the numbers of their classes to one logit each, where it knows
            classes.
        classes: how many it knows, 0 for none.
    """

    module: nn.Module
    logits: Callable[[Images4], Float[Tensor, " batch"]]
    features: Callable[[Images4], Float[Tensor, "batch features"]]
    of_classes: Callable[[Images4, Int[Tensor, " batch"]], Float[Tensor, " batch"]] | None = None
    classes: int = 0
