"""What a kernel compares images by: the features d of a frozen network."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from .auxiliary import AttributeJudge, Classifier
from .clip import Clip
from .errors import InvalidInput
from .generator import Generator

__all__ = ["FeatureMap", "FeatureModel", "feature_kinds", "feature_map"]

Images4 = Float[Tensor, "batch 3 height width"]
Features: TypeAlias = Callable[[Images4], Float[Tensor, "batch features"]]
FeatureModel: TypeAlias = Generator | Clip | Classifier | AttributeJudge
"""Whose features there are; of a generator, its discriminator's."""


@dataclass(frozen=True)
class FeatureMap:
    """d of the kernel exp(-|d(x) - d(x')|^2), row by row.

    Attributes:
        name: for people.
        id: tells it from all others: of the model's weights, and the kind.
        of: images in [0, 1] to features.
        modules: the networks.
    """

    name: str
    id: str
    of: Features
    modules: tuple[nn.Module, ...]

    def __str__(self) -> str:
        return self.name


def feature_kinds(model: FeatureModel) -> tuple[str, ...]:
    """The kinds of features that a model has, the usual one first."""
    return tuple(_features(model))


def feature_map(model: FeatureModel, kind: str = "") -> FeatureMap:
    """The features of a model.

    Discriminators have `penultimate` and `logits` (the predecessor's kernel is on the output of
    SN-GAN's), classifiers and judges the same, CLIPs `normalised` and `raw` embeddings (the paper
    does not say which; raw ones have norms about 10, where a kernel of bandwidth 1 is about 0).

    Args:
        model: a generator stands for its discriminator.
        kind: which; the first of `feature_kinds` if empty.

    Raises:
        InvalidInput: the model has no such features.
    """
    known = _features(model)
    chosen = kind or next(iter(known))
    if chosen not in known:
        raise InvalidInput(
            f"{model.name!r} has no features {kind!r}; it has {', '.join(known)}. Choose one of "
            "these, or another model."
        )
    name, identity = f"{model.name} {chosen}", f"{model.id}/{chosen}"
    return FeatureMap(name, identity, known[chosen], _modules(model))


def _features(model: FeatureModel) -> Mapping[str, Features]:
    if isinstance(model, Generator):
        opponent = model.discriminator
        if opponent is None:
            raise InvalidInput(
                f"The file of generator {model.name!r} holds no discriminator. Use the features "
                "of a CLIP or a classifier."
            )
        return {
            "penultimate": opponent.features,
            "logits": lambda images: opponent.logits(images)[:, None],
        }
    if isinstance(model, Clip):
        return {
            "normalised": lambda images: functional.normalize(model.embed(images), dim=1),
            "raw": model.embed,
        }
    if isinstance(model, AttributeJudge):
        return {
            "penultimate": model.features,
            "logits": lambda images: torch.cat(list(model.logits(images).values()), dim=1),
        }
    return {"penultimate": model.features, "logits": model.logits}


def _modules(model: FeatureModel) -> tuple[nn.Module, ...]:
    if not isinstance(model, Generator):
        return model.modules
    return () if model.discriminator is None else (model.discriminator.module,)
