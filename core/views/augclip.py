"""Random views of AugCLIP, FuseDream section 3.1, as in the released code of FuseDream and TR0N.

The paper names colourisation, translation, resize and cutout (after DiffAugment) without ranges.
The ranges and the order here are those of the released code, applied to x = 2 image - 1 at the
image's own size, so that padding with 0 is mid-grey:

* color: x + U(-1/2, 1/2); then the difference from the mean of the channels times U(0, 2); then
  the difference from the mean of the image times U(1/2, 3/2);
* translation: whole pixels, uniform up to an eighth of the side in both directions on each axis;
* resize: by U(4/5, 6/5), rounded down to pixels, then padded with 0 or centre-cropped;
* cutout: 0 in a rectangle of half the sides, with its centre uniform over the image;

followed by (x + 1) / 2 and a bilinear resize to the CLIP's size, without antialiasing or clamping.

This implementation computes views directly at the CLIP's size. With brightness b, saturation s,
contrast c, the mean mu of x, and the linear map L of translation, resizes and cutout (module
`separable`), a view is c s L(x) + c (1 - s) mean_channels(L(x)) + (b + (1 - c) mu) L(1), equal up
to rounding.
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
from .separable import Taps, ViewMaps, maps_of, taps

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
    """Drawn parameters of views; disabled operations have the values of the identity.

    Always in float64 on the CPU, so that pixel counts are the same on every device.

    Attributes:
        brightness: offset added to x, in [-1/2, 1/2).
        saturation: factor in [0, 2).
        contrast: factor in [1/2, 3/2).
        down: shift towards the bottom, in pixels.
        right: shift towards the right, in pixels.
        ratio: ratio of the resize, in [0.8, 1.2).
        hole_row: row of the centre of the cutout, from 0 to the height.
        hole_column: column of the centre of the cutout, from 0 to the width.
        hole: 1 where there is a cutout, else 0.
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
        """Parameters of views `first` to `last` (exclusive) of one image of the batch."""
        return ViewParameters(
            **{part.name: getattr(self, part.name)[row, first:last] for part in fields(self)}
        )


def checked_operations(operations: Iterable[str]) -> tuple[Operation, ...]:
    """The given operations without repetitions, in the order in which they are applied.

    Raises:
        InvalidInput: no operation, or an unknown one.
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
    """The given resize ratio mode, checked.

    Raises:
        InvalidInput: it is neither `sample` nor `view`.
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
    """Draws the parameters of new views, (batch, views) each, from the stream of each image.

    The draws of an operation do not depend on which others are enabled.

    Args:
        rng: one stream per image.
        views: number of views per image, at least 1.
        like: the images, or any tensor of their height and width.
        operations: subset of OPERATIONS; their order is fixed.
        resize_ratio: `sample` draws one ratio for all views of an image per call, as the released
            code does; `view` draws one per view.

    Raises:
        InvalidInput: fewer than 1 view, no or an unknown operation, or an unknown resize_ratio.

    Departures: the released code assumes square images; here each axis uses its own side. The
    released code draws the ratio from NumPy's global state, once per call.
    """
    if views < 1:
        raise InvalidInput(f"{views} views per image requested; at least 1 is needed.")
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
    """Uniform over the pixels, plus the one after the last if the hole's side is even."""
    return (drawn * (side + 1 - _hole_side(side) % 2)).floor()


def augmented(
    image: Image3,
    parameters: ViewParameters,
    size: int,
    *,
    mean: Sequence[float] = (0.0, 0.0, 0.0),
    std: Sequence[float] = (1.0, 1.0, 1.0),
) -> Float[Tensor, "views 3 size size"]:
    """Computes views of one image; differentiable once with respect to the image.

    Nothing larger than the image and the views is allocated, so many views can be made in parts.

    Args:
        image: image in [0, 1], in float32 or float64.
        parameters: parameters of the views, (views,) each.
        size: side of the square views, in pixels.
        mean: mean per channel, subtracted from the views.
        std: standard deviation per channel, by which the views are divided.
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
    """Views in the form mixing L(image) + (added + share mean(x)) L(1) + offset, x = 2 image - 1.

    Attributes:
        maps: the linear maps L.
        light: L(1), (views, size, size).
        mixing: matrices over the channels, (views, 3, 3).
        added: factor of L(1), (views, 3).
        share: factor of mean(x) L(1), (views, 3).
        offset: constant per channel, (3,).
    """

    maps: ViewMaps
    light: Tensor
    mixing: Tensor
    added: Tensor
    share: Tensor
    offset: Tensor


class _Augmented(torch.autograd.Function):
    """Views of a plan. They are affine in the image, so backward does not need to save it."""

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
