"""Features d of frozen networks, by which a kernel compares images."""

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
from .generators.stylegan.networks.discriminator import MinibatchStd

__all__ = ["FeatureMap", "FeatureModel", "feature_kinds", "feature_map"]

Images4 = Float[Tensor, "batch 3 height width"]
Features: TypeAlias = Callable[[Images4], Float[Tensor, "batch features"]]
FeatureModel: TypeAlias = Generator | Clip | Classifier | AttributeJudge
"""Models that have features; a generator has those of its discriminator."""


@dataclass(frozen=True)
class FeatureMap:
    """Feature map d of the kernel exp(-|d(x) - d(x')|^2), applied to each image independently.

    Attributes:
        name: display name.
        id: unique id, made of the model's id and the kind of features.
        of: function from images in [0, 1] to features.
        modules: networks that it runs.
    """

    name: str
    id: str
    of: Features
    modules: tuple[nn.Module, ...]

    def __str__(self) -> str:
        return self.name


def feature_kinds(model: FeatureModel) -> tuple[str, ...]:
    """Kinds of features that a model has, the default first."""
    return tuple(_features(model))


def feature_map(model: FeatureModel, kind: str = "") -> FeatureMap:
    """Returns a feature map of a model.

    Discriminators, classifiers and judges have `penultimate` and `logits` features (the kernel of
    the predecessor paper uses the output of SN-GAN's discriminator). CLIPs have `normalised` and
    `raw` embeddings: the paper does not say which it uses; raw ones have norms about 10, where a
    kernel of bandwidth 1 is about 0. A discriminator with minibatch statistics sees one image at a
    time.

    Args:
        model: model to take features from; of a generator, its discriminator.
        kind: kind of features; the first of `feature_kinds` if empty.

    Raises:
        InvalidInput: the model has no features of this kind.
    """
    known = _features(model)
    chosen = kind or next(iter(known))
    if chosen not in known:
        raise InvalidInput(
            f"{model.name!r} has no features {kind!r}; it has {', '.join(known)}. Choose one of "
            "these, or another model."
        )
    modules = _modules(model)
    of = known[chosen]
    if any(isinstance(part, MinibatchStd) for module in modules for part in module.modules()):
        of = _one_by_one(of)
    return FeatureMap(f"{model.name} {chosen}", f"{model.id}/{chosen}", of, modules)


def _features(model: FeatureModel) -> Mapping[str, Features]:
    if isinstance(model, Generator):
        discriminator = model.discriminator
        if discriminator is None:
            raise InvalidInput(
                f"The file of generator {model.name!r} holds no discriminator. Use the features "
                "of a CLIP or a classifier."
            )
        return {
            "penultimate": discriminator.features,
            "logits": lambda images: discriminator.logits(images)[:, None],
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


def _one_by_one(of: Features) -> Features:
    return lambda images: torch.cat([of(image[None]) for image in images])
