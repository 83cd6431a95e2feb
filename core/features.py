"""Features that images are compared by: vectors for a kernel, maps for a perceptual distance."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from .auxiliary import AttributeJudge, Classifier
from .clip import Clip
from .devices import placed
from .errors import ConditionMismatch, InvalidInput
from .generator import Generator

__all__ = [
    "FeatureMap",
    "FeatureMaps",
    "FeatureModel",
    "Features",
    "clip_features",
    "feature_distance",
    "feature_map",
]

Images4 = Float[Tensor, "batch 3 height width"]
Vectors: TypeAlias = Callable[[Images4], Float[Tensor, "batch features"]]
FeatureMaps: TypeAlias = tuple[Tensor, ...]
"""Feature maps, each (batch, channels, high, wide)."""
EPSILON = 1e-10
SQUARE = 1e-20
"""Lower bound of a feature's squared length: the square root has no derivative at 0."""
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
    of: Vectors
    modules: tuple[nn.Module, ...]

    def __str__(self) -> str:
        return self.name


def feature_map(model: FeatureModel, kind: str = "") -> FeatureMap:
    """Returns a feature map of a model.

    Discriminators, classifiers and judges have `penultimate` and `logits` features (the kernel of
    the predecessor paper uses the output of SN-GAN's discriminator). CLIPs have `normalised` and
    `raw` embeddings: the paper does not say which it uses; raw ones have norms about 10, where a
    kernel of bandwidth 1 is about 0.

    Args:
        model: model to take features from; of a generator, its discriminator.
        kind: kind of features; the first of those listed if empty.

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
    name, identity = f"{model.name} {chosen}", f"{model.id}/{chosen}"
    return FeatureMap(name, identity, known[chosen], _modules(model))


def _features(model: FeatureModel) -> Mapping[str, Vectors]:
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


@dataclass(frozen=True)
class Features:
    """Feature maps of a frozen network, for a perceptual distance.

    Attributes:
        name: display name, used in labels.
        id: id of the weights.
        modules: networks that the maps run.
        maps: function from images in [0, 1] to feature maps, each (batch, channels, high, wide).
        heads: non-negative weight per channel of each map; None for 1 everywhere.
    """

    name: str
    id: str
    modules: tuple[nn.Module, ...]
    maps: Callable[[Images4], FeatureMaps]
    heads: tuple[Float[Tensor, "1 _ 1 1"], ...] | None = None


def feature_distance(
    features: Features, seen: FeatureMaps, wanted: FeatureMaps
) -> Float[Tensor, " batch"]:
    """Distance sum_l mean_hw sum_c h_lc (f_lc - g_lc)^2, features normalised over the channels.

    With heads this is LPIPS (Zhang et al. 2018, eq. 1), without heads its "baseline".

    Args:
        features: features that the maps are from.
        seen: maps of the images.
        wanted: maps of the references: one per image, or one for all.
    """
    total = seen[0].new_zeros(len(seen[0]))
    for place, (one, two) in enumerate(zip(seen, wanted, strict=True)):
        squares = (_unit(one) - _unit(two)).square()
        if features.heads is not None:
            squares = squares * placed(features.heads[place], squares)
        total = total + squares.sum(dim=1).mean(dim=(1, 2))
    return total


def clip_features(clip: Clip) -> Features:
    """Features from the stages of a CLIP's image encoder.

    Raises:
        ConditionMismatch: this CLIP exposes no stages.
    """
    stages = clip.stages
    if stages is None:
        raise ConditionMismatch(
            f"{clip.name!r} has no feature maps to compare images by. Use pixels, or the weights "
            "of a VGG16 or an AlexNet."
        )
    return Features(
        name=f"features of {clip.name}",
        id=clip.id,
        modules=clip.modules,
        maps=lambda images: stages(clip.module, clip.pixels(images)),
    )


def _unit(maps: Tensor) -> Tensor:
    length = maps.square().sum(dim=1, keepdim=True).clamp_min(SQUARE).sqrt()
    return maps / (length + EPSILON)
