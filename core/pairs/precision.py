"""Storage of conditions in fp32, fp16 or int8."""

from collections.abc import Mapping
from typing import Literal, TypeAlias, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InvalidInput

__all__ = ["PRECISIONS", "ConditionStorage", "packed", "row_bytes", "unpacked"]

ConditionStorage: TypeAlias = Literal["fp32", "fp16", "int8"]
PRECISIONS: tuple[ConditionStorage, ...] = get_args(ConditionStorage)
BYTES: Mapping[ConditionStorage, int] = {"fp32": 4, "fp16": 2, "int8": 1}
LEVELS = 127
"""Largest magnitude of an int8."""


def packed(
    conditions: Float[Tensor, "rows embed"], precision: ConditionStorage
) -> dict[str, Tensor]:
    """Returns the tensors to store, by name: `values` and, for int8, one `scale` per row.

    fp32 is exact. fp16 rounds by at most 2^-11 of a value, or 2^-25 below 2^-14. int8 rounds by at
    most half a level, the row's largest magnitude / 254.

    Raises:
        InvalidInput: another precision, or a value above the range of fp16.
    """
    if precision == "fp32":
        return {"values": conditions.float()}
    if precision == "fp16":
        most = float(conditions.abs().max()) if conditions.numel() else 0.0
        values = conditions.half()
        if not bool(values.isfinite().all()):
            raise InvalidInput(
                f"Conditions up to {most:g} exceed the range of fp16, 65504. Store them as fp32 "
                "or int8."
            )
        return {"values": values}
    if precision == "int8":
        scale = conditions.float().abs().amax(dim=1) / LEVELS
        step = torch.where(scale > 0, scale, 1)
        return {"values": (conditions / step[:, None]).round().to(torch.int8), "scale": scale}
    raise InvalidInput(f"ConditionStorage {precision!r}; expected one of {', '.join(PRECISIONS)}.")


def unpacked(
    values: Tensor, scale: Tensor | None, room: Tensor | None = None
) -> Float[Tensor, "rows embed"]:
    """Returns stored conditions as float32; those stored in fp32 without a copy.

    Args:
        values: stored values.
        scale: scales of int8 values.
        room: float32 memory of at least as many rows, which the result overwrites.
    """
    if room is None or values.dtype == torch.float32:
        found = values.float()
        return found if scale is None else found * scale[:, None]
    found = room[: len(values)].copy_(values)
    return found if scale is None else found.mul_(scale[:, None])


def row_bytes(precision: ConditionStorage, width: int) -> int:
    """Returns the number of bytes of a stored condition."""
    return BYTES[precision] * width + (4 if precision == "int8" else 0)
