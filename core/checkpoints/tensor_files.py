"""Reads the tensors of safetensors files into memory."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from .pickles.records import Refused

__all__ = ["tensors_in"]

HEAD: Final = 8
DTYPES: Final = {
    **{"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16},
    **{"F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2, "C64": torch.complex64},
    **{"I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8},
    **{"U64": torch.uint64, "U32": torch.uint32, "U16": torch.uint16, "U8": torch.uint8},
    "BOOL": torch.bool,
}


def tensors_in(path: Path, names: Collection[str]) -> dict[str, Tensor]:
    """Reads tensors by name, each into memory of its own.

    The library safetensors maps the file instead: what a network keeps would change or end the
    process with a file that is written over, and a copy would have it in memory twice.

    Args:
        path: a file whose header the library has accepted.
        names: names of its tensors.

    Raises:
        Refused: a tensor is of a type without weights, or the file has become shorter.
    """
    found: dict[str, Tensor] = {}
    with path.open("rb") as file:
        length = int.from_bytes(file.read(HEAD), "little")
        header: dict[str, Any] = json.loads(file.read(length))
        for name in names:
            entry = header[name]
            if (dtype := DTYPES.get(entry["dtype"])) is None:
                raise Refused(f"has the tensor {name:.99} of {entry['dtype']}, no type of weights")
            tensor = torch.empty(entry["shape"], dtype=dtype)
            begin, end = entry["data_offsets"]
            file.seek(HEAD + length + begin)
            if end > begin:
                held = tensor.reshape(-1).view(torch.uint8).numpy()
                if file.readinto(held.data) != end - begin:
                    raise Refused("ends within a tensor. Fetch or save it again")
            found[name] = tensor
    return found
