"""Names and files of the models and data shipped with the package."""

import json
from pathlib import Path

import numpy as np
import torch
from einops import rearrange, repeat
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from ..data.subsets import Order, Portion, portion
from ..errors import InvalidInput
from .names import (
    AUXILIARIES,
    COMPANIONS,
    EMBEDDED_CLIPS,
    GENERATORS,
    PAIRS,
    PRIORS,
    TRANSLATORS,
)
from .showing import pictures_showing

__all__ = [
    "AUXILIARIES",
    "COMPANIONS",
    "EMBEDDED_CLIPS",
    "EXAMPLES",
    "GENERATORS",
    "PAIRS",
    "PRIORS",
    "REFERENCES",
    "TRANSLATORS",
    "embedded",
    "is_embedded",
    "reference_images",
    "reference_portion",
]

HERE = Path(__file__).parent
TILE = 64
"""Side in pixels of an image in an atlas."""

REFERENCES = {
    "avatars held out (embedded)": "avatars_held_out.png",
    "digits held out (embedded)": "digits_held_out.npz",
}
"""Real images on which no embedded model was trained."""
EXAMPLES = {
    name: HERE / name for name in ("latentsteer_avatar.png", "latentsteer_avatar_masked.png")
}
"""One of the held-out avatars, enlarged, and the same with a transparent part."""
_EMBEDDED = GENERATORS | AUXILIARIES | PAIRS | TRANSLATORS | PRIORS


def is_embedded(name: str) -> bool:
    """Whether a name belongs to a shipped model, translator, prior or set of pairs."""
    return name in _EMBEDDED


def embedded(name: str) -> Path:
    """Returns the path of a shipped model, translator or prior, or the folder of shipped pairs.

    Raises:
        InvalidInput: nothing of that name is shipped.
    """
    if not is_embedded(name):
        raise InvalidInput(f"No embedded model {name!r}. Known: {', '.join(_EMBEDDED)}.")
    return HERE / _EMBEDDED[name]


def reference_images(
    name: str,
) -> tuple[Float[Tensor, "batch 3 height width"], Int[Tensor, "batch ..."]]:
    """Returns real images in [0, 1] with their classes, or with a value index per attribute.

    Raises:
        InvalidInput: there is no reference of that name.
    """
    if name not in REFERENCES:
        raise InvalidInput(f"No reference {name!r}. Known: {', '.join(REFERENCES)}.")
    path = HERE / REFERENCES[name]
    if path.suffix == ".png":
        values = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["values"]
        return _tiles(path), torch.tensor(values)
    with np.load(path, allow_pickle=False) as held:
        images = torch.from_numpy(held["images"]).float().div(255)
        colour = repeat(images, "batch height width -> batch 3 height width")
        return colour, torch.from_numpy(held["labels"]).long()


def reference_portion(
    name: str,
    *,
    order: Order = "as filed",
    seed: int = 0,
    part: Portion = "all",
    showing: str = "",
) -> Float[Tensor, "batch 3 height width"]:
    """Returns a part of the real images, in a given order.

    Args:
        name: name of the reference.
        order: as for `core.data.subsets.portion`; `balanced` over classes, or over combinations of
            attributes.
        seed: seed of the order.
        part: all images, or a half.
        showing: what the images of the part show, see `pictures_showing`; empty for all.

    Raises:
        InvalidInput: the reference, order or part is unknown, or nothing is stated.
    """
    images, labels = reference_images(name)
    rows = [tuple(row) for row in labels.reshape(len(labels), -1).tolist()]
    numbers = portion(len(images), order=order, seed=seed, part=part, labels=rows)
    if showing.strip():
        shown = pictures_showing(labels, showing)
        numbers = [number for number in numbers if shown[number]]
    return images if numbers == list(range(len(images))) else images[numbers]


def _tiles(path: Path) -> Tensor:
    """Splits an atlas into its square images, row by row."""
    with Image.open(path) as atlas:
        sheet = torch.from_numpy(np.array(atlas.convert("RGB")))
    tiles = rearrange(
        sheet,
        "(rows height) (columns width) colours -> (rows columns) colours height width",
        height=TILE,
        width=TILE,
    )
    return tiles.contiguous().float().div_(255)
