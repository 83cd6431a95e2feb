"""Loads image classifiers of timm from their folders: `config.json` and the weights."""

import dataclasses
import math
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import torch
from torch import nn

from ...auxiliary import Classifier
from ...checkpoints.architecture import load_network
from ...checkpoints.record import Checkpoint
from ...errors import CheckpointError
from ..transformers_folder import Folder
from .names import class_names, imagenet_names
from .preprocessing import IMAGENET, Preparation, checked_classes, chosen_colours, model_id, usual

__all__ = ["is_timm", "load_timm"]

REFUSED = frozenset(
    {
        "cache_dir",
        "checkpoint_path",
        "features_only",
        "pretrained",
        "pretrained_cfg",
        "pretrained_cfg_overlay",
        "pretrained_model_args",
        "scriptable",
    }
)
"""Arguments of `timm.create_model` that access other files or build no classifier."""
SEEN = ("input_size", "fixed_input_size", "pool_size", "num_classes")
"""Entries of the pretrained configuration that the constructors read."""


def is_timm(folder: Folder) -> bool:
    """Whether the configuration is timm's, which names an architecture instead of a class."""
    return isinstance(folder.config.get("architecture"), str)


def load_timm(folder: Folder, options: Mapping[str, object]) -> Classifier:
    """Opens a timm folder; nothing is downloaded.

    Args:
        folder: a folder that `is_timm`.
        options: `classes`, `mean` and `std`.

    Raises:
        CheckpointError: timm is missing, lacks the architecture, or the weights do not fit.
        InvalidInput: options are out of range.
    """
    config = _described(folder)
    cfg = config["pretrained_cfg"]
    count = cfg.get("num_classes", 1000)
    if not isinstance(count, int):
        raise CheckpointError(f"{folder.name} has {count!r} classes in its config.json.")
    classes = checked_classes(folder.name, count)
    prepared = _preparation(folder, cfg, options)
    names = class_names(folder.name, classes, options, _own_names(cfg, classes))
    network = _filled(folder, _built(folder, config, classes))
    return Classifier(
        name=folder.name,
        id=model_id(folder.id(), options, usual(_preparation(folder, cfg, {}))),
        module=network,
        classes=names,
        logits=lambda images: network(prepared(images)),
        features=lambda images: _features(network, prepared(images)),
    )


def _described(folder: Folder) -> dict[str, Any]:
    """Returns the configuration in the newer form, with the weights' part in `pretrained_cfg`."""
    config = dict(folder.config)
    inner = config.get("pretrained_cfg")
    cfg: dict[str, Any] = dict(inner) if isinstance(inner, dict) else dict(config)
    for name in ("num_classes", "label_names", "label_descriptions"):
        if config.get(name) is not None:
            cfg[name] = config[name]
    cfg.setdefault("label_names", cfg.get("labels"))
    arguments = config.get("model_args") or {}
    if not isinstance(arguments, dict) or not REFUSED.isdisjoint(arguments):
        there = sorted(REFUSED & set(arguments)) if isinstance(arguments, dict) else arguments
        raise CheckpointError(f"{folder.name} has model_args that are not supported: {there}.")
    return {
        "architecture": str(config["architecture"]),
        "pretrained_cfg": cfg,
        "model_args": {k: v for k, v in arguments.items() if k != "num_classes"},
    }


def _built(folder: Folder, config: Mapping[str, Any], classes: int) -> nn.Module:
    """Returns an untrained model; the global random state is unchanged."""
    try:
        import timm
        from timm.models import PretrainedCfg
    except ImportError as error:
        raise CheckpointError(
            f"The folder {folder.name} holds a model of timm, which is not installed. Install it: "
            "pip install timm (open_clip_torch brings it too)."
        ) from error
    name = config["architecture"].partition(".")[0]
    if not timm.is_model(name):
        close = get_close_matches(name, timm.list_models(), n=3, cutoff=0.4)
        raise CheckpointError(
            f"{folder.name} is of the architecture {name!r}, which timm {timm.__version__} does "
            f"not have. {'Closest: ' + ', '.join(close) + '. ' if close else ''}Newer versions of "
            "timm may have it."
        )
    known = {field.name for field in dataclasses.fields(PretrainedCfg)}
    cfg = config["pretrained_cfg"]
    seen = {key: cfg[key] for key in SEEN if key in known and cfg.get(key) is not None}
    try:
        with torch.random.fork_rng(devices=[]):
            return timm.create_model(
                name,
                pretrained=False,
                pretrained_cfg={**seen, "num_classes": classes},
                num_classes=classes,
                **config["model_args"],
            )
    except (AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as e:
        raise CheckpointError(
            f"timm {timm.__version__} cannot build {folder.name}, {name} with "
            f"{config['model_args']}: {e!r}"
        ) from e


def _filled(folder: Folder, network: nn.Module) -> nn.Module:
    checkpoint = Checkpoint(folder.path, folder.tensors(), folder.id())
    return load_network(network, checkpoint)


def _features(network: Any, pixels: torch.Tensor) -> torch.Tensor:  # noqa: ANN401
    return network.forward_head(network.forward_features(pixels), pre_logits=True).flatten(1)


def _preparation(
    folder: Folder, cfg: Mapping[str, Any], options: Mapping[str, object]
) -> Preparation:
    try:
        channels, *size = (int(number) for number in cfg.get("input_size") or (3, 224, 224))
        high, wide = size
        share = float(cfg.get("crop_pct") or 0.875)
        mean, std = (
            tuple(float(number) for number in cfg.get(key) or default)
            for key, default in zip(("mean", "std"), IMAGENET, strict=True)
        )
        (m1, m2, m3), (s1, s2, s3) = mean, std
        scaled = (math.floor(high / share), math.floor(wide / share))
        if min(*size, *std, share) <= 0 or share > 1:
            raise ValueError(f"size {size}, crop_pct {share}, std {std}")
    except (ArithmeticError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"The config.json of {folder.name} has no usable input_size, crop_pct, mean or std: "
            f"{error}."
        ) from error
    if channels != 3:
        raise CheckpointError(f"{folder.name} takes images of {channels} channels; expected 3.")
    colours = chosen_colours(options, ((m1, m2, m3), (s1, s2, s3)))
    squashed = cfg.get("crop_mode") == "squash" or high != wide
    return Preparation(scaled if squashed else scaled[0], (high, wide), *colours)


def _own_names(cfg: Mapping[str, Any], classes: int) -> list[str] | None:
    """Returns the configuration's class names, described in words where possible."""
    names = cfg.get("label_names")
    if isinstance(names, dict):
        names = [names.get(str(number)) for number in range(len(names))]
    if not isinstance(names, list):
        standard = imagenet_names() if classes == 1000 else None
        return None if standard is None else list(standard)
    described = cfg.get("label_descriptions")
    words = described if isinstance(described, dict) else {}
    return [str(words.get(name, name)) for name in names]
