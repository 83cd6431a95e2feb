"""What is shipped with the library: names for people, and where the files lie."""

import json
from pathlib import Path

import numpy as np
import torch
from einops import rearrange, repeat
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from ..data.subsets import Order, Part, portion
from ..errors import InvalidInput

__all__ = [
    "AUXILIARIES",
    "GENERATORS",
    "REFERENCES",
    "embedded",
    "is_embedded",
    "reference_images",
    "reference_portion",
]

HERE = Path(__file__).parent
TILE = 64
"""Pixels a side of an image in an atlas."""

GENERATORS = {
    "avatars (embedded)": "avatars-generator.safetensors",
    "digits (embedded)": "digits-generator.safetensors",
}
AUXILIARIES = {
    "avatars CLIP (embedded)": "avatars-clip.safetensors",
    "avatars judge (embedded)": "avatars-judge.safetensors",
    "digits classifier (embedded)": "digits-classifier.safetensors",
    "digits judge (embedded)": "digits-judge.safetensors",
}
REFERENCES = {
    "avatars held out (embedded)": "avatars_held_out.png",
    "digits held out (embedded)": "digits_held_out.npz",
}
"""Real images that no embedded model was trained on."""


def is_embedded(name: str) -> bool:
    """Whether a name is that of a shipped model."""
    return name in GENERATORS or name in AUXILIARIES


def embedded(name: str) -> Path:
    """The file of a shipped model.

    Raises:
        InvalidInput: no shipped model of that name.
    """
    if not is_embedded(name):
        there = ", ".join([*GENERATORS, *AUXILIARIES])
        raise InvalidInput(f"No embedded model {name!r}. There are: {there}.")
    return HERE / (GENERATORS | AUXILIARIES)[name]


def reference_images(
    name: str,
) -> tuple[Float[Tensor, "batch 3 height width"], Int[Tensor, "batch ..."]]:
    """Real images, in [0, 1], and what they show: classes, or a value number per attribute.

    Raises:
        InvalidInput: no reference of that name.
    """
    if name not in REFERENCES:
        raise InvalidInput(f"No reference {name!r}. There are: {', '.join(REFERENCES)}.")
    path = HERE / REFERENCES[name]
    if path.suffix == ".png":
        values = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["values"]
        return _tiles(path), torch.tensor(values)
    with np.load(path, allow_pickle=False) as held:
        images = torch.from_numpy(held["images"]).float().div(255)
        colour = repeat(images, "batch height width -> batch 3 height width")
        return colour, torch.from_numpy(held["labels"]).long()


def reference_portion(
    name: str, *, order: Order = "as filed", seed: int = 0, part: Part = "all"
) -> Float[Tensor, "batch 3 height width"]:
    """Real images of a part of an order.

    Args:
        name: of the reference.
        order: as of `core.data.subsets.portion`, `balanced` over classes, or over all attributes
            taken together.
        seed: of the order.
        part: all of them, or a half.

    Raises:
        InvalidInput: no reference of that name; an unknown order or part.
    """
    images, labels = reference_images(name)
    rows = [tuple(row) for row in labels.reshape(len(labels), -1).tolist()]
    numbers = portion(len(images), order=order, seed=seed, part=part, labels=rows)
    return images if numbers == list(range(len(images))) else images[numbers]


def _tiles(path: Path) -> Tensor:
    """The square images that an atlas shows, row by row."""
    with Image.open(path) as atlas:
        sheet = torch.from_numpy(np.array(atlas.convert("RGB"))).float().div(255)
    return rearrange(
        sheet,
        "(rows height) (columns width) colours -> (rows columns) colours height width",
        height=TILE,
        width=TILE,
    ).contiguous()
