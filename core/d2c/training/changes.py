"""Changes of a configuration of D2C by text, as a command line gives them."""

import json
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from ...errors import InvalidInput
from .settings import D2CConfiguration

__all__ = ["changed_configuration"]

PARTS = ("training", "contrast", "views")
OPTIONAL = ("contrast.hidden", "training.diffusion_batch_size", "diffusion_batch_size")
"""Those whose value can be none."""


def changed_configuration(
    configuration: D2CConfiguration, settings: Sequence[str]
) -> D2CConfiguration:
    """Returns a configuration with other hyperparameters.

    Args:
        configuration: the configuration.
        settings: entries "NAME=VALUE": a field of `D2CTraining`, or "contrast.NAME=VALUE" and
            "views.NAME=VALUE" of the contrastive term. Values are numbers, words, true, false,
            none, or numbers in brackets.

    Raises:
        InvalidInput: there is no such field, or the value is of another type or out of range.
    """
    changes: dict[str, dict[str, Any]] = {part: {} for part in PARTS}
    parts = {
        "training": configuration.training,
        "contrast": configuration.contrast,
        "views": configuration.contrast.views,
    }
    for setting in settings:
        name, equals, text = setting.partition("=")
        part, dot, field = name.strip().rpartition(".")
        part = part if dot else "training"
        known = [own.name for own in fields(parts[part])] if part in parts else []
        known = [own for own in known if own != "views"]
        if not equals or field not in known:
            there = ", ".join(known) or "training, contrast and views"
            raise InvalidInput(
                f"--set {setting!r}: expected NAME=VALUE with a name among {there}."
            )
        changes[part][field] = _value(setting, text.strip(), getattr(parts[part], field))
    views = replace(configuration.contrast.views, **changes["views"])
    return replace(
        configuration,
        contrast=replace(configuration.contrast, views=views, **changes["contrast"]),
        training=replace(configuration.training, **changes["training"]),
    )


def _value(setting: str, text: str, usual: object) -> object:
    """Returns the value of a text, of the kind of the usual one."""
    try:
        found: Any = None if text.lower() == "none" else json.loads(text.lower())
    except ValueError:
        found = text
    if isinstance(found, list):
        found = tuple(float(one) for one in found if isinstance(one, int | float))
    if isinstance(usual, float) and isinstance(found, int) and not isinstance(found, bool):
        found = float(found)
    kinds = (int, type(None)) if usual is None or setting.startswith(OPTIONAL) else (type(usual),)
    right = isinstance(found, kinds) and isinstance(found, bool) == isinstance(usual, bool)
    if isinstance(found, tuple) and isinstance(usual, tuple):
        right = len(found) == len(usual)
    if not right:
        raise InvalidInput(f"--set {setting!r}: expected a value like {usual!r}.")
    return found
