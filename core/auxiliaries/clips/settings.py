"""What users and hosts choose about a CLIP; imports no network."""

import importlib.util
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias

__all__ = ["Activation", "VisionSettings", "architectures"]

Activation: TypeAlias = Literal["auto", "quickgelu", "gelu"]


@dataclass(frozen=True)
class VisionSettings:
    """Settings of a vision transformer that its tensors leave open.

    Attributes:
        heads: number of heads of each attention.
        activation: "gelu", "gelu_pytorch_tanh" or "quick_gelu".
        image_size: side of the square images in pixels.
        mean: channel means, for images in [0, 1].
        std: channel standard deviations.
    """

    heads: int
    activation: str
    image_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@cache
def architectures() -> tuple[str, ...]:
    """Lists open_clip's configurations without importing it; empty if it is not installed."""
    found = importlib.util.find_spec("open_clip")
    places = [] if found is None else list(found.submodule_search_locations or ())
    names = {path.stem for place in places for path in Path(place, "model_configs").glob("*.json")}
    return tuple(sorted(names, key=_natural))


def _natural(name: str) -> list[tuple[int, str]]:
    # Numbers sort by value: RN50x4 before RN50x16.
    parts = re.findall(r"\d+|\D+", name.lower())
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]
