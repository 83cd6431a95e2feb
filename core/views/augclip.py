"""AugCLIP's random views: FuseDream section 3.1 in the form that its authors and TR0N's released.

The paper names colourisation, translation, resize and cutout (after DiffAugment) and gives no
ranges; those here are the released code's, in this order, on x = 2 image - 1 at the image's own
size, so that what is filled in with 0 is mid-grey:

* color: x + U(-1/2, 1/2); then differences from the mean of the channels times U(0, 2); then
  differences from the mean of everything times U(1/2, 3/2);
* translation: whole pixels, uniform up to an eighth of the side either way on each axis;
* resize: by U(4/5, 6/5), rounded down to pixels, then padded with 0 or cropped about the centre;
* cutout: 0 in a rectangle of half the sides, its centre uniform over the image;

and then (x + 1) / 2, resized to the CLIP's size, bilinear without antialiasing, never clamped.

Here a view is made at the CLIP's size at once. With brightness b, saturation s, contrast c, mu the
mean of x, and L the linear map of the moves and the final resize (module `separable`), it is
c s L(x) + c (1 - s) mean_channels(L(x)) + (b + (1 - c) mu) L(1): the same up to rounding.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias, get_args

import torch
from einops import repeat
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..devices import placed
from ..errors import InvalidInput
from ..rng import SampleRng
from .separable import Maps, Taps, maps_of, taps

__all__ = [
    "OPERATIONS",
    "Operation",
    "ResizeRatio",
    "ViewParameters",
    "augmented",
    "checked_operations",
    "checked_ratio",
    "draw_views",
]

Operation: TypeAlias = Literal["color", "translation", "resize", "cutout"]
ResizeRatio: TypeAlias = Literal["sample", "view"]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)
Images4 = Float[Tensor, "batch 3 height width"]
Image3 = Float[Tensor, "3 height width"]
Draws = Float[Tensor, "*batch views"]

MOST_SHIFT = 0.125
LEAST_RATIO, MOST_RATIO = 0.8, 1.2
HOLE = 0.5


@dataclass(frozen=True)
class ViewParameters:
    """What was drawn for some views; operations that are off hold the values that do nothing.

    In float64 on the CPU whatever the images, so that numbers of pixels are the same everywhere.

    Attributes:
        brightness: added to x, in [-1/2, 1/2).
        saturation: in [0, 2).
        contrast: in [1/2, 3/2).
        down: pixels of the shift towards the bottom.
        right: pixels of the shift towards the right.
        ratio: of the resize, in [0.8, 1.2).
        hole_row: of the centre of the hole, from 0 to the height.
        hole_column: of the centre of the hole, from 0 to the width.
        hole: 1 where there is one, else 0.
    """

    brightness: Draws
    saturation: Draws
    contrast: Draws
    down: Draws
    right: Draws
    ratio: Draws
    hole_row: Draws
    hole_column: Draws
    hole: Draws

    def of(self, row: int, first: int = 0, last: int | None = None) -> "ViewParameters":
        """Those of one image of a batch, of its views from `first` to before `last`."""
        return ViewParameters(
            **{part.name: getattr(self, part.name)[row, first:last] for part in fields(self)}
        )


def checked_operations(operations: Iterable[str]) -> tuple[Operation, ...]:
    """The operations, each once, in the order in which they are done.

    Raises:
        InvalidInput: none, or an unknown one.
    """
    wanted = tuple(operations)
    strange = [name for name in wanted if name not in OPERATIONS]
    if strange or not wanted:
        raise InvalidInput(
            f"Operations {', '.join(map(repr, strange)) or '(none)'} of views given; choose from "
            f"{', '.join(OPERATIONS)}."
        )
    return tuple(name for name in OPERATIONS if name in wanted)


def checked_ratio(resize_ratio: str) -> ResizeRatio:
    """What the resize ratio is drawn for.

    Raises:
        InvalidInput: neither `sample` nor `view`.
    """
    for known in get_args(ResizeRatio):
        if resize_ratio == known:
            return known
    raise InvalidInput(f"Resize ratio per {resize_ratio!r}; it is per 'sample' or per 'view'.")


def draw_views(
    rng: SampleRng,
    views: int,
    like: Images4,
    *,
    operations: Sequence[str] = OPERATIONS,
    resize_ratio: ResizeRatio = "sample",
) -> ViewParameters:
    """Parameters of fresh views of every image, (batch, views) each, from its own stream.

    What an operation draws does not depend on which others are on.

    Args:
        rng: a stream per image.
        views: of every image, at least 1.
        like: the images, or anything of their height and width.
        operations: a subset of OPERATIONS; their order is fixed.
        resize_ratio: `sample`, one ratio for all views of an image at one look, as the released
            code draws it; or `view`, one each.

    Raises:
        InvalidInput: fewer than 1 view, no or an unknown operation, an unknown resize_ratio.

    Departures: the released code assumes square images; here each axis goes by its own side. It
    draws the ratio from NumPy's global state, once per call.
    """
    if views < 1:
        raise InvalidInput(f"{views} views of an image asked for; at least 1 needed.")
    on, per = checked_operations(operations), checked_ratio(resize_ratio)
    drawn = rng.uniform(views, 8, like=torch.empty(0, dtype=torch.float64)).unbind(dim=2)
    nothing = torch.zeros_like(drawn[0])
    height, width = like.shape[-2:]
    color, moved, resized = ("color" in on, "translation" in on, "resize" in on)
    ratio = drawn[5] if per == "view" else drawn[5][:, :1].expand_as(nothing)
    return ViewParameters(
        brightness=drawn[0] - 0.5 if color else nothing,
        saturation=2 * drawn[1] if color else nothing + 1,
        contrast=drawn[2] + 0.5 if color else nothing + 1,
        down=_shift(drawn[3], height) if moved else nothing,
        right=_shift(drawn[4], width) if moved else nothing,
        ratio=LEAST_RATIO + (MOST_RATIO - LEAST_RATIO) * ratio if resized else nothing + 1,
        hole_row=_centre(drawn[6], height),
        hole_column=_centre(drawn[7], width),
        hole=nothing + ("cutout" in on),
    )


def _shift(drawn: Tensor, side: int) -> Tensor:
    most = int(side * MOST_SHIFT + 0.5)
    return (drawn * (2 * most + 1)).floor() - most


def _hole_side(side: int) -> int:
    return int(side * HOLE + 0.5)


def _centre(drawn: Tensor, side: int) -> Tensor:
    """Uniform over the pixels, and the one behind the last where the hole's side is even."""
    return (drawn * (side + 1 - _hole_side(side) % 2)).floor()


def augmented(
    image: Image3,
    parameters: ViewParameters,
    size: int,
    *,
    mean: Sequence[float] = (0.0, 0.0, 0.0),
    std: Sequence[float] = (1.0, 1.0, 1.0),
) -> Float[Tensor, "views 3 size size"]:
    """Views of one image, which differentiate by the image once.

    Nothing larger than the image and the views is made, so views of many may be made in parts.

    Args:
        image: in [0, 1], in float32 or float64.
        parameters: of these views of this image, (views,) each.
        size: side of the square views, in pixels.
        mean: of the channels, taken off the views.
        std: of the channels, that they are divided by.
    """
    height, width = image.shape[1:]
    down = _axis(height, size, parameters.down, parameters.hole_row, parameters)
    right = _axis(width, size, parameters.right, parameters.hole_column, parameters)
    light = _outer(down.whole, right.whole) - _outer(down.hidden, right.hidden)
    contrast = parameters.contrast[:, None, None]
    mixing = parameters.saturation[:, None, None] * torch.eye(3, dtype=torch.float64)
    mixing = contrast * (mixing + (1 - parameters.saturation[:, None, None]) / 3)
    # (x + 1) / 2 less the mean, over the standard deviation.
    gain = 0.5 / torch.tensor(std, dtype=torch.float64)
    offset = gain * (1 - 2 * torch.tensor(mean, dtype=torch.float64))
    plan = _Plan(
        maps=maps_of(down, right, image),
        light=placed(light, image),
        mixing=placed(2 * gain[:, None] * mixing, image),
        added=placed(gain * (parameters.brightness - parameters.contrast)[:, None], image),
        share=placed(gain * (1 - parameters.contrast)[:, None], image),
        offset=placed(offset, image),
    )
    return _Augmented.apply(image, plan)  # pyright: ignore[reportReturnType]


def _axis(side: int, size: int, shift: Tensor, centre: Tensor, parameters: ViewParameters) -> Taps:
    length = _hole_side(side)
    first = (centre - length // 2).clamp(0, side)
    last = (centre - length // 2 + length).clamp(0, side)
    last = torch.where(parameters.hole > 0, last, first)
    return taps(side, size, shift=shift, ratio=parameters.ratio, first=first, last=last)


def _outer(down: Tensor, right: Tensor) -> Tensor:
    return down.sum(dim=2)[:, :, None] * right.sum(dim=2)[:, None, :]


@dataclass(frozen=True)
class _Plan:
    """Views as mixing L(image) + (added + share mean(x)) L(1) + offset, x = 2 image - 1.

    Attributes:
        maps: L.
        light: L(1), (views, size, size).
        mixing: of the channels, (views, 3, 3).
        added: (views, 3).
        share: (views, 3).
        offset: (3,).
    """

    maps: Maps
    light: Tensor
    mixing: Tensor
    added: Tensor
    share: Tensor
    offset: Tensor


class _Augmented(torch.autograd.Function):
    """A plan's views. They are affine in the image, so nothing of it needs to be kept."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, plan: _Plan) -> Tensor:  # noqa: ANN401
        ctx.plan, ctx.shape = plan, image.shape
        level = 2 * image.mean() - 1
        moved = plan.maps.apply(image)
        seen = torch.cat([moved, plan.light[:, None]], dim=1)
        light = plan.added + plan.share * level
        weights = torch.cat([plan.mixing, light[:, :, None]], dim=2)
        offset = repeat(plan.offset, "colours -> views colours 1", views=len(seen))
        return torch.baddbmm(offset, weights, seen.flatten(2)).unflatten(2, seen.shape[2:])

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any,  # noqa: ANN401
        *grad_outputs: Tensor,
    ) -> tuple[Tensor, None]:
        plan: _Plan = ctx.plan
        (vector,) = grad_outputs
        flat = vector.flatten(2)
        slope = plan.maps.adjoint((plan.mixing.mT @ flat).unflatten(2, vector.shape[2:]))
        level = (plan.share * (flat @ plan.light.flatten(1)[:, :, None])[:, :, 0]).sum()
        return slope + level * (2 / ctx.shape.numel()), None
