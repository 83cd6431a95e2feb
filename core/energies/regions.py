"""Energy CLIP of the best matching region of an image."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..clip import Clip
from ..condition import Condition
from ..energy import Energy
from ..images import Box, resized
from ..rng import SampleRng
from ..snapshot import comparable
from ..spaces import IMAGES
from ..terms import Measure, Term
from .example import EnergyExample, toy_clip

__all__ = ["EXAMPLE", "somewhere"]

Images4 = Float[Tensor, "batch 3 height width"]


def somewhere(clip: Clip, condition: Condition, boxes: Sequence[Box]) -> Energy:
    """The energy -max_r cos(f(r(x)), c) over the whole image and enlarged boxes; in [-1, 1].

    The sum over several texts describes an image of several objects, each of which may be
    anywhere. The papers do not have it: FuseDream scores the whole image with the whole text,
    which needs a CLIP trained on images of several objects. The gradient is that of the best
    matching region.

    Args:
        clip: CLIP f.
        condition: rows of embeddings of this CLIP.
        boxes: boxes in pixels of the images, such as the placements of a foreground.

    Raises:
        ConditionMismatch: the condition belongs to another auxiliary.
    """
    condition.check_auxiliary(clip.id, clip.name)

    def fits(images: Images4, wanted: Tensor) -> Float[Tensor, " batch"]:
        seen = functional.normalize(clip.embed(images).to(images), dim=1)
        return (seen * wanted).sum(dim=1)

    def evaluate(images: Tensor, rng: SampleRng) -> Tensor:
        wanted = functional.normalize(condition.at(rng.rows, images), dim=1)
        with torch.no_grad():
            found = torch.stack([fits(region, wanted) for region in _regions(images, boxes)])
        best = comparable(-found).argmin(dim=0)
        rows = torch.arange(len(images), device=images.device)
        return -fits(torch.stack(_regions(images, boxes))[best, rows], wanted)

    return Energy.of(
        Term(
            label=f"somewhere({clip.name}, {len(boxes)} boxes)",
            domain=IMAGES,
            evaluate=evaluate,
            modules=clip.modules,
            condition=condition,
            measure=Measure("similarity", lambda values: -values),
        )
    )


def _regions(images: Images4, boxes: Sequence[Box]) -> list[Images4]:
    """Returns the whole images, and the content of each box enlarged to their size."""
    size = (images.shape[2], images.shape[3])
    return [images, *(resized(images[:, :, box.rows, box.columns], size) for box in boxes)]


def _example() -> EnergyExample:
    clip = toy_clip()
    points = torch.rand(4, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    rows = torch.randn(4, clip.embed_dim, generator=torch.Generator().manual_seed(1))
    condition = Condition(rows, ("a", "b", "c", "d"), clip.id, clip.name)
    boxes = (Box(0, 0, 3, 3), Box(0, 1, 3, 3), Box(0, 2, 3, 3))
    return EnergyExample(somewhere(clip, condition, boxes), points)


EXAMPLE = _example
