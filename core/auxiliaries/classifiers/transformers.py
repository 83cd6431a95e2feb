"""Loads image classifiers of the transformers library from model folders."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ...auxiliary import Classifier
from ...errors import CheckpointError
from ..transformers_folder import Folder
from .names import class_names
from .preprocessing import (
    IMAGENET,
    Colours,
    Preparation,
    checked_classes,
    chosen_colours,
    model_id,
    usual,
    without,
)

__all__ = ["classifier_types", "is_classifier", "load_transformers_classifier"]

UNFIT = {
    "dinat": "needs the package natten, which is compiled",
    "imagegpt": "quantises colours to clusters, which blocks the gradient",
    "shieldgemma2": "is a language model",
    "siglip2": "takes patches instead of pixels",
    "timm_wrapper": "is timm's, but does not name its architecture",
}
"""Unsupported model types, each with its reason."""
SIDE = 224


def classifier_types() -> dict[str, tuple[str, ...]]:
    """Returns the supported model types and their classes in transformers."""
    from transformers.models.auto import modeling_auto

    names: Any = modeling_auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES
    return {
        str(kind): (classes,) if isinstance(classes, str) else tuple(classes)
        for kind, classes in names.items()
        if kind not in UNFIT
    }


def is_classifier(folder: Folder) -> bool:
    """Whether the configuration declares a classification head."""
    named = folder.config.get("architectures") or ()
    return any("ForImageClassification" in str(name) for name in named)


def load_transformers_classifier(folder: Folder, options: Mapping[str, object]) -> Classifier:
    """Opens an image classifier's folder; nothing is downloaded and none of its code is run.

    Args:
        folder: a folder whose model type is in `classifier_types`.
        options: `classes`, `mean` and `std`.

    Raises:
        CheckpointError: weights are missing or do not fit, or there is no classification head.
        InvalidInput: options are out of range.
    """
    import transformers

    _check_head(folder)
    prepared = _preparation(folder, options)
    model = folder.model(getattr(transformers, _class(folder)))
    count = checked_classes(folder.name, int(model.config.num_labels))
    names = class_names(folder.name, count, options, _own_names(folder, model.config.id2label))
    taken = model.main_input_name
    body = without(model, *_heads(model, count))

    def logits(images: Tensor) -> Tensor:
        return model(**{taken: prepared(images)}).logits

    return Classifier(
        name=folder.name,
        id=model_id(folder.id(), options, usual(_preparation(folder, {}))),
        module=model,
        classes=names,
        logits=logits,
        features=lambda images: body(**{taken: prepared(images)}).logits.flatten(1),
    )


def _class(folder: Folder) -> str:
    kind = str(folder.config.get("model_type"))
    known = classifier_types().get(kind, ())
    if not known:
        why = UNFIT.get(kind, "is of an unknown kind")
        raise CheckpointError(
            f"The folder {folder.name} holds a model of type {kind!r}, which {why}. Known "
            f"classifiers of transformers: {', '.join(classifier_types())}."
        )
    named = [str(name) for name in folder.config.get("architectures") or known[:1]]
    fitting = [name for name in named if name in known]
    if not fitting:
        raise CheckpointError(
            f"The folder {folder.name} holds {', '.join(named)}, which has no class logits; "
            f"expected {' or '.join(known)}."
        )
    return fitting[0]


def _check_head(folder: Folder) -> None:
    """Refuses heads of other tasks before anything is built."""
    labels = folder.config.get("id2label")
    count = len(labels) if isinstance(labels, dict) else folder.config.get("num_labels")
    if isinstance(count, int):
        checked_classes(folder.name, count)
    problem = folder.config.get("problem_type")
    if problem in ("regression", "multi_label_classification"):
        raise CheckpointError(
            f"{folder.name} was trained for {problem.replace('_', ' ')}; the classes of a "
            "classifier exclude each other. Use a single-label classifier."
        )


def _heads(model: Any, count: int) -> list[str]:  # noqa: ANN401 - transformers is not typed
    """Returns a model's last layers outside of its backbone; their inputs are the features."""
    last: dict[str, str] = {}
    for name, module in model.named_modules():
        first = name.partition(".")[0]
        made = getattr(module, "out_features", getattr(module, "out_channels", None))
        if isinstance(module, nn.Linear | nn.Conv2d) and made == count:
            last[first] = name
    return [name for first, name in last.items() if first != model.base_model_prefix]


def _own_names(folder: Folder, labels: Mapping[Any, Any]) -> list[str] | None:
    if "id2label" not in folder.config:
        return None
    return [str(labels[number]) for number in sorted(labels, key=int)]


def _preparation(folder: Folder, options: Mapping[str, object]) -> Preparation:
    said = folder.preprocessing
    try:
        scaled, size = _sizes(folder)
        mean, std = _colours(folder)
        high, wide = size
        if min(high, wide, *std) <= 0:
            raise ValueError(f"size {size}, std {std}")
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"The preprocessor_config.json of {folder.name} has no usable size, mean or std: "
            f"{error!r}."
        ) from error
    flipped = bool(said.get("do_flip_channel_order", False))
    return Preparation(scaled, size, *chosen_colours(options, (mean, std)), flipped)


def _pair(value: Any) -> tuple[int, int]:  # noqa: ANN401 - of a JSON file
    """Returns (height, width) from any of the notations for a size."""
    if isinstance(value, dict):
        if "shortest_edge" in value:
            return int(value["shortest_edge"]), int(value["shortest_edge"])
        return int(value["height"]), int(value["width"])
    if isinstance(value, list | tuple):
        high, wide = value
        return int(high), int(wide)
    return int(value), int(value)


def _processor(said: Mapping[str, Any]) -> str:
    return str(said.get("image_processor_type") or said.get("feature_extractor_type"))


def _sizes(folder: Folder) -> tuple[int | tuple[int, int], tuple[int, int]]:
    """Returns the size after resizing, and the size of the centre crop."""
    said, vision = folder.preprocessing, folder.config.get("vision_config")
    own = (vision if isinstance(vision, dict) else folder.config).get("image_size")
    size = said.get("size") or (SIDE if own is None else own)
    edge = isinstance(size, dict) and "shortest_edge" in size
    high, wide = _pair(size)
    if said.get("crop_pct") is not None:
        if high >= 384 and "PoolFormer" not in _processor(said):
            # ConvNeXt's processor, which ResNets use too, does not crop large images.
            return (high, wide), (high, wide)
        return int(high / float(said["crop_pct"])), (high, wide)
    crop = _pair(said["crop_size"]) if said.get("crop_size") else (high, wide)
    if "Levit" in _processor(said) and edge:
        return int(256 / 224 * high), crop
    if not said.get("do_center_crop", False):
        crop = high, wide
    return (max(high, *crop) if edge else (max(high, crop[0]), max(wide, crop[1]))), crop


def _colours(folder: Folder) -> tuple[Colours, Colours]:
    """Returns mean and std for images in [0, 1], including the processor's own scaling."""
    said = folder.preprocessing
    asked = said.get("do_normalize")
    if asked is None:
        # MobileViT's processor lists a mean and std that it does not use.
        asked = not said or ("image_mean" in said and "MobileViT" not in _processor(said))
    normalised = bool(asked)
    mean, std = folder.colours(*IMAGENET) if normalised else ((0.0,) * 3, (1.0,) * 3)
    if normalised and said.get("include_top"):
        # EfficientNet's processor divides by the std twice.
        std = tuple(number * number for number in std)
    scale = 255 * float(said.get("rescale_factor", 1 / 255)) if said.get("do_rescale", True) else 1
    offset = 1.0 if said.get("rescale_offset") else 0.0
    m1, m2, m3 = ((number + offset) / scale for number in mean)
    s1, s2, s3 = (number / scale for number in std)
    return (m1, m2, m3), (s1, s2, s3)
