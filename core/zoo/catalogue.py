"""What is shipped with the library: names for people, and where the files lie."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import InvalidInput

__all__ = [
    "AUXILIARIES",
    "GENERATORS",
    "REFERENCES",
    "embedded",
    "is_embedded",
    "reference_images",
]

HERE = Path(__file__).parent

GENERATORS = {"digits (embedded)": "digits-generator.safetensors"}
AUXILIARIES = {
    "digits classifier (embedded)": "digits-classifier.safetensors",
    "digits judge (embedded)": "digits-judge.safetensors",
}
REFERENCES = {"digits held out (embedded)": "digits_held_out.npz"}
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
) -> tuple[Float[Tensor, "batch 3 height width"], Int[Tensor, " batch"]]:
    """Real images and their classes.

    Raises:
        InvalidInput: no reference of that name.
    """
    if name not in REFERENCES:
        raise InvalidInput(f"No reference {name!r}. There are: {', '.join(REFERENCES)}.")
    with np.load(HERE / REFERENCES[name], allow_pickle=False) as held:
        images = torch.from_numpy(held["images"]).float().div(255)
        return images[:, None].expand(-1, 3, -1, -1), torch.from_numpy(held["labels"]).long()
