"""Energy CLIP: dissimilarity of images to a text or an image under a frozen CLIP."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from ..clip import Clip, Precision
from ..condition import Condition
from ..energy import Energy
from ..errors import InvalidInput
from ..rng import SampleRng
from ..spaces import IMAGES
from ..terms import Measure, Term
from ..views.augclip import (
    OPERATIONS,
    ResizeRatio,
    ViewParameters,
    augmented,
    checked_operations,
    checked_ratio,
    draw_views,
)
from .example import EnergyExample, toy_clip

__all__ = [
    "EXAMPLE",
    "VIEWS_EXAMPLE",
    "automatic_chunk",
    "automatic_precision",
    "detached_gradient",
    "directions",
    "similarity",
    "view_parts",
]

Images4 = Float[Tensor, "batch 3 height width"]
Scores: TypeAlias = Callable[[Images4, int], Float[Tensor, " batch"]]

BIG = 20_000_000
"""Number of parameters from which bf16 saves more time than the conversions cost."""
ROOM = {
    precision: views * 88_000_000 * 224**2 for precision, views in (("fp32", 13), ("bf16", 20))
}
"""Memory budget of a chunk of views, in parameters of the network times pixels of images."""
MOST_AT_ONCE = 64


def similarity(
    clip: Clip,
    condition: Condition,
    *,
    views: int = 0,
    operations: Sequence[str] = OPERATIONS,
    resize_ratio: ResizeRatio = "sample",
    chunk: int = 0,
    precision: Literal["auto"] | Precision = "auto",
    device: torch.device | None = None,
    scaled: bool = False,
) -> Energy:
    """The energy -cos(f(x), c) on images, TR0N eq. (2) with its section 5.2; in [-1, 1].

    With views it is FuseDream's AugCLIP, eq. (3), negated: the mean over random views of x (see
    `core.views.augclip`), fresh at every evaluation. Where a gradient is needed, it is accumulated
    at the images while chunks of views are scored and dropped. The computation of the images is
    then differentiated once: memory does not grow with the number of views.

    Args:
        clip: CLIP f.
        condition: rows of embeddings of this CLIP, of any norm.
        views: 0 for the image itself; else the number of random views, 50 in the papers.
        operations: operations that make the views, a subset of OPERATIONS.
        resize_ratio: `sample` for one ratio for all views of an image in an evaluation, as in the
            released code; `view` for one per view.
        chunk: views of any images that the network sees at a time; 0 for as many as need about the
            memory of thirteen views of a ViT-B/32 in fp32.
        precision: precision of the CLIP. `auto` is bf16 for networks of 20 million parameters or
            more where the device supports it, else fp32. Cosines are always computed in fp32 or
            better.
        device: device of the evaluation, for `auto`; that of the CLIP if None.
        scaled: whether to multiply by the logit scale of the CLIP, about 100: log p(c|x) up to a
            constant, as in its training. KRR flow does not state which of the two it uses.

    Raises:
        ConditionMismatch: the condition belongs to another auxiliary.
        InvalidInput: negative views or chunk; an unknown operation, ratio or precision; `scaled`
            for a CLIP without a logit scale.

    Departures: the papers' code keeps the CLIP in fp32 on CPUs and in fp16 on GPUs.
    """
    condition.check_auxiliary(clip.id, clip.name)
    if views < 0:
        raise InvalidInput(f"{views} views of an image; expected 0 (the image itself) or more.")
    if chunk < 0:
        raise InvalidInput(f"{chunk} views at a time; expected 0 (automatic) or more.")
    on = checked_operations(operations)
    ratio = checked_ratio(resize_ratio)
    scale = _scale(clip) if scaled else 1.0
    chosen = automatic_precision(clip, device) if precision == "auto" else precision
    at_once = chunk or automatic_chunk(clip, chosen)
    seeing = clip.in_precision(chosen)

    def evaluate(images: Tensor, rng: SampleRng) -> Tensor:
        wanted = functional.normalize(condition.at(rng.rows, images), dim=1)
        if views == 0:
            return -scale * (directions(seeing, seeing.pixels(images)) * wanted).sum(dim=1)
        drawn = draw_views(rng, views, images, operations=on, resize_ratio=ratio)
        parts = list(view_parts(len(images), views, at_once))

        def scores(images: Tensor, number: int) -> Tensor:
            return -scale * _scores(seeing, images, drawn, wanted, parts[number])

        return detached_gradient(scores, images, len(parts))

    moves = f", {views} views, {'+'.join(on)}, ratio per {ratio}, {at_once} at a time"
    times = f", times {scale:g}" if scaled else ""
    return Energy.of(
        Term(
            label=f"similarity({clip.name}{moves if views else ''}, {chosen}{times})",
            domain=IMAGES,
            evaluate=evaluate,
            modules=seeing.modules,
            condition=condition,
            measure=Measure("similarity", lambda values: -values / scale),
        )
    )


def _scale(clip: Clip) -> float:
    if clip.logit_scale is None:
        raise InvalidInput(
            f"The file of {clip.name!r} has no usable logit scale. Use raw cosines and a weight "
            "in its place (about 100 for CLIPs)."
        )
    return clip.logit_scale


def automatic_precision(clip: Clip, device: torch.device | None = None) -> Precision:
    """Returns the fastest safe precision: bf16 for large networks where it is native.

    Args:
        clip: the CLIP.
        device: device of the evaluation; that of the CLIP if None.
    """
    device = device or next(clip.module.parameters()).device
    if _numbers(clip) < BIG:
        return "fp32"
    if device.type == "cuda":
        # Native from Ampere on; older devices would emulate it.
        return "bf16" if torch.cuda.get_device_capability(device)[0] >= 8 else "fp32"
    native = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return "bf16" if device.type == "cpu" and native() else "fp32"


def automatic_chunk(clip: Clip, precision: Precision = "fp32") -> int:
    """Returns the views that need the memory of 13 of a ViT-B/32 in fp32, or 20 in bf16; 1 to 64.

    Args:
        clip: the CLIP.
        precision: precision of its computations.
    """
    fitting = round(ROOM[precision] / (_numbers(clip) * clip.image_size**2))
    return max(1, min(MOST_AT_ONCE, fitting))


def _numbers(clip: Clip) -> int:
    return sum(parameter.numel() for parameter in clip.module.parameters())


def directions(clip: Clip, pixels: Tensor) -> Float[Tensor, "batch embed"]:
    """Returns unit embeddings of pixels that are already resized and normalised."""
    return functional.normalize(clip.encode_pixels(pixels).to(pixels.dtype), dim=1)


ViewPart: TypeAlias = tuple[range, int, int]
"""A part of the views: images, and the range [first, last) of their views."""


def view_parts(batch: int, views: int, at_once: int) -> Iterator[ViewPart]:
    """Splits into all views of a few images, or a few views of one, independent of the batch.

    The number of images is a power of two, which divides the 8 of fixed chunks, so that parts are
    equal. All parts of one image but the last are full: memory does not depend on their number.
    """
    if at_once >= 2 * views:
        several = 1 << ((at_once // views).bit_length() - 1)
        for first in range(0, batch, several):
            yield range(first, min(first + several, batch)), 0, views
        return
    for row in range(batch):
        for first in range(0, views, at_once):
            yield range(row, row + 1), first, min(first + at_once, views)


def _scores(
    clip: Clip, images: Images4, drawn: ViewParameters, wanted: Tensor, part: ViewPart
) -> Float[Tensor, " batch"]:
    """Returns the sum of cosines of a part's views divided by the number of all views; else 0."""
    rows, first, last = part
    seen = [
        augmented(
            images[row], drawn.of(row, first, last), clip.image_size, mean=clip.mean, std=clip.std
        )
        for row in rows
    ]
    found = directions(clip, torch.cat(seen)).unflatten(0, (len(rows), -1))
    cosines = torch.einsum("rve,re->r", found, wanted[rows.start : rows.stop])
    place = torch.arange(rows.start, rows.stop, device=images.device)
    share = cosines / drawn.ratio.shape[1]
    return share.new_zeros(len(images)).index_add(0, place, share)


def detached_gradient(scores: Scores, images: Images4, parts: int) -> Float[Tensor, " batch"]:
    """Sums parts of row-wise scores, each differentiated and dropped before the next.

    Args:
        scores: maps images and the number of a part to one number per image; a row must depend
            only on its own image.
        images: images at which a gradient may be needed.
        parts: number of parts.

    Returns:
        The sum. Its backward pass returns the gradient at the images that is already computed.
    """
    if not (torch.is_grad_enabled() and images.requires_grad):
        return torch.stack([scores(images, number) for number in range(parts)]).sum(dim=0)
    leaf = images.detach().requires_grad_()
    values, slope = images.new_zeros(len(images)), torch.zeros_like(images)
    for number in range(parts):
        found = scores(leaf, number)
        values += found.detach()
        slope += torch.autograd.grad(found.sum(), leaf)[0]
    return _Attached.apply(images, values, slope)  # pyright: ignore[reportReturnType]


class _Attached(torch.autograd.Function):
    """Values whose gradient at the images is already computed."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, values: Tensor, slope: Tensor) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(slope)
        return values.clone()

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any,  # noqa: ANN401
        *grad_outputs: Tensor,
    ) -> tuple[Tensor, None, None]:
        (slope,) = ctx.saved_tensors
        return grad_outputs[0][:, None, None, None] * slope, None, None


def _example(views: int) -> EnergyExample:
    clip = toy_clip()
    points = torch.rand(4, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    rows = torch.randn(4, clip.embed_dim, generator=torch.Generator().manual_seed(1))
    condition = Condition(rows, ("a", "b", "c", "d"), clip.id, clip.name)
    return EnergyExample(similarity(clip, condition, views=views), points)


EXAMPLE = partial(_example, 0)
VIEWS_EXAMPLE = partial(_example, 3)
