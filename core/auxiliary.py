"""Frozen auxiliary models f: images to the condition space in which samples are steered."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from .condition import Condition
from .errors import ConditionMismatch

__all__ = ["AttributeJudge", "Auxiliary", "Classifier", "Discriminator", "Reward", "Tower"]

Images4 = Float[Tensor, "batch 3 height width"]


@runtime_checkable
class Auxiliary(Protocol):
    """Any frozen f from images in [0, 1] to rows of its condition space."""

    @property
    def name(self) -> str:
        """Display name."""
        ...

    @property
    def id(self) -> str:
        """Sha256 of the weights; conditions and translators store it."""
        ...

    @property
    def embed_dim(self) -> int:
        """Size of one condition."""
        ...

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The networks."""
        ...

    def embed(self, images: Images4) -> Float[Tensor, "batch embed"]:
        """Returns the conditions f(x), which a translator learns to invert."""
        ...


@dataclass(frozen=True)
class Classifier:
    """A frozen classifier p(c given x); its condition space is the probability vectors.

    Attributes:
        name: display name.
        id: sha256 of the weights.
        module: the network.
        classes: class names, in the order of the logits.
        logits: maps images in [0, 1] to one logit per class, through the module.
        features: maps images to the penultimate layer, for distances between sets of images.
    """

    name: str
    id: str
    module: nn.Module
    classes: tuple[str, ...]
    logits: Callable[[Images4], Float[Tensor, "batch classes"]]
    features: Callable[[Images4], Float[Tensor, "batch features"]]

    @property
    def embed_dim(self) -> int:
        """Number of classes."""
        return len(self.classes)

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The network."""
        return (self.module,)

    def embed(self, images: Images4) -> Float[Tensor, "batch classes"]:
        """Returns the class probabilities."""
        return self.logits(images).softmax(dim=1)

    def condition(self, classes: Sequence[int | str]) -> Condition:
        """Returns a one-hot row per entry.

        Args:
            classes: class names, or indices from 0.

        Raises:
            ConditionMismatch: there is no entry, or one is not a class of this classifier.
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
    """A frozen network that predicts the values of several attributes of an image.

    Attributes:
        name: display name.
        id: sha256 of the weights.
        module: the network.
        attributes: attribute name to values, in the order of the logits.
        logits: maps images in [0, 1] to (batch, values) per attribute, through the module.
        features: maps images to the penultimate layer, for distances between sets of images.
        visible: keeps the attributes that are visible given the others: without hair, no hair
            colour.
        stated_in: parses the constraints that a text states.
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
        """Number of values of all attributes."""
        return sum(len(values) for values in self.attributes.values())

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The network."""
        return (self.module,)

    def embed(self, images: Images4) -> Float[Tensor, "batch embed"]:
        """Returns the probabilities of the values, attribute by attribute."""
        logits = self.logits(images)
        return torch.cat([logits[name].softmax(dim=1) for name in self.attributes], dim=1)

    @torch.no_grad()
    def likeliest(self, images: Images4) -> list[dict[str, str]]:
        """Returns the likeliest value of every attribute, one entry per image."""
        best = {name: found.argmax(dim=1).tolist() for name, found in self.logits(images).items()}
        return [
            {name: values[best[name][row]] for name, values in self.attributes.items()}
            for row in range(len(images))
        ]

    def satisfied(
        self, images: Images4, constraints: Sequence[Mapping[str, str]]
    ) -> list[dict[str, bool]]:
        """Returns which constraints each image satisfies: visible, and with the stated value."""
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
        logits: maps images in [0, 1] to one logit each.
        features: maps images to the input of the last linear layer.
        of_classes: maps images and their class indices to one logit each, for a conditional
            discriminator.
        classes: number of classes, 0 for an unconditional one.
    """

    module: nn.Module
    logits: Callable[[Images4], Float[Tensor, " batch"]]
    features: Callable[[Images4], Float[Tensor, "batch features"]]
    of_classes: Callable[[Images4, Int[Tensor, " batch"]], Float[Tensor, " batch"]] | None = None
    classes: int = 0


@dataclass(frozen=True)
class Tower:
    """The image tower of a reward, so that `score` is `head` of `features`.

    Attributes:
        key: equal for equal features of equal images.
        features: maps images in [0, 1] to features, row by row.
        head: maps features and an encoded prompt to scores.
    """

    key: Hashable
    features: Callable[[Images4], Tensor]
    head: Callable[[Tensor, Tensor], Float[Tensor, " batch"]]

    def score(self, images: Images4, said: Tensor) -> Float[Tensor, " batch"]:
        """Returns the scores of images for an encoded prompt."""
        return self.head(self.features(images), said)


@dataclass(frozen=True)
class Reward:
    """A frozen model of what people like: one number per image, for a prompt or for itself.

    Attributes:
        name: display name.
        id: sha256 of the weights.
        kind: which reward it is, a name of `core.energies.reward.REWARDS`.
        modules: the networks that score images.
        score: maps images in [0, 1], of any size, and an encoded prompt to one number each, higher
            for better; row by row. Scores compare only for one prompt.
        encode: maps a prompt to what `score` takes, (1, ...), and notes for the user; None for a
            reward of the image itself, which takes an empty tensor.
        tower: the network before the head, where other rewards may have the same one.
    """

    name: str
    id: str
    kind: str
    modules: tuple[nn.Module, ...]
    score: Callable[[Images4, Tensor], Float[Tensor, " batch"]]
    encode: Callable[[str], tuple[Tensor, tuple[str, ...]]] | None = None
    tower: "Tower | None" = None

    @property
    def prompted(self) -> bool:
        """Whether it needs a prompt."""
        return self.encode is not None

    def __str__(self) -> str:
        return self.name
