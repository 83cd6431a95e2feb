"""AugCLIP's views computed step by step at the image's own size, the baseline of the fast form.

Written from the description of the released augmentation. Each step processes all views at once
and allocates the tensors that the released code does: copies, index grids and a mask.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from ....core.views.augclip import ViewParameters

__all__ = ["step_by_step"]

Views = Float[Tensor, "views 3 height width"]
Numbers = Float[Tensor, " views"]


def step_by_step(
    image: Float[Tensor, "3 height width"],
    parameters: ViewParameters,
    size: int,
    *,
    mean: Sequence[float] = (0.0, 0.0, 0.0),
    std: Sequence[float] = (1.0, 1.0, 1.0),
) -> Float[Tensor, "views 3 size size"]:
    """Views of one image.

    Args:
        image: image in [0, 1].
        parameters: parameters of the views, (views,) each.
        size: side of the square views in pixels.
        mean: mean per channel, subtracted from the views.
        std: standard deviation per channel, by which the views are divided.
    """
    x = (2 * image - 1).repeat(len(parameters.ratio), 1, 1, 1)
    x = _coloured(x, parameters)
    x = _translated(x, parameters.down, parameters.right)
    ratios = parameters.ratio.tolist()
    if len(set(ratios)) == 1:
        x = _resized(x, ratios[0])
    else:
        x = torch.cat([_resized(view[None], r) for view, r in zip(x, ratios, strict=True)])
    if bool(parameters.hole.any()):
        x = _cut(x, parameters)
    x = functional.interpolate((x + 1) / 2, (size, size), mode="bilinear", align_corners=False)
    return (x - x.new_tensor(mean)[:, None, None]) / x.new_tensor(std)[:, None, None]


def _coloured(x: Views, parameters: ViewParameters) -> Views:
    def per_view(value: Numbers) -> Tensor:
        return value.to(x)[:, None, None, None]

    x = x + per_view(parameters.brightness)
    grey = x.mean(dim=1, keepdim=True)
    x = grey + per_view(parameters.saturation) * (x - grey)
    level = x.mean(dim=(1, 2, 3), keepdim=True)
    return level + per_view(parameters.contrast) * (x - level)


def _translated(x: Views, down: Numbers, right: Numbers) -> Views:
    height, width = x.shape[2:]
    view, row, column = _grid(x, len(x), height, width)
    # A border of zeros represents everything outside.
    row = (row - down.to(row)[:, None, None] + 1).clamp(0, height + 1)
    column = (column - right.to(column)[:, None, None] + 1).clamp(0, width + 1)
    bordered = functional.pad(x, (1, 1, 1, 1)).permute(0, 2, 3, 1).contiguous()
    return bordered[view, row, column].permute(0, 3, 1, 2).contiguous()


def _resized(x: Views, ratio: float) -> Views:
    height, width = x.shape[2:]
    new = (int(ratio * height), int(ratio * width))
    x = functional.interpolate(x, new, mode="bilinear", align_corners=False)
    if new[0] < height or new[1] < width:
        top, left = (height - new[0]) // 2, (width - new[1]) // 2
        return functional.pad(x, (left, width - new[1] - left, top, height - new[0] - top))
    top, left = (new[0] - height) // 2, (new[1] - width) // 2
    return x[:, :, top : top + height, left : left + width]


def _cut(x: Views, parameters: ViewParameters) -> Views:
    height, width = x.shape[2:]
    rows, columns = int(height * 0.5 + 0.5), int(width * 0.5 + 0.5)
    view, row, column = _grid(x, len(x), rows, columns)
    row = row + parameters.hole_row.to(row)[:, None, None] - rows // 2
    column = column + parameters.hole_column.to(column)[:, None, None] - columns // 2
    mask = x.new_ones(len(x), height, width)
    mask[view, row.clamp(0, height - 1), column.clamp(0, width - 1)] = 0
    return x * mask[:, None]


def _grid(x: Tensor, *sides: int) -> tuple[Int[Tensor, "views rows columns"], ...]:
    places = [torch.arange(side, device=x.device) for side in sides]
    return torch.meshgrid(*places, indexing="ij")
