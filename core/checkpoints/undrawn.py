"""Builds networks whose weights a file will replace, without filling them first."""

import functools
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final

from torch import nn

__all__ = ["undrawn"]

FILLS: Final = (
    *("uniform_", "normal_", "trunc_normal_", "orthogonal_", "sparse_"),
    *("xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_"),
    *("zeros_", "ones_"),
)
"""Functions of `torch.nn.init` that fill a tensor, from the global stream or with a constant."""
PLACES: Final = (nn.init, nn.modules.activation)
"""Modules by whose names PyTorch's layers call them; attention has imported its own."""
_local = threading.local()
_lock = threading.Lock()
_depth = 0
_kept: list[tuple[ModuleType, str, Callable[..., Any]]] = []


@contextmanager
def undrawn() -> Generator[None, None, None]:
    """Context in which layers leave their weights as memory has them.

    Drawing takes longer than reading the same number of weights from a file, and memory that is
    not filled is not taken. Only this thread is affected, and no draw with a generator: others
    depend on the global stream, so no result may depend on them. What a network has beside the
    tensors of its file is made by `torch.zeros` and the like.
    """
    global _depth
    outer = getattr(_local, "on", False)
    with _lock:
        if _depth == 0:
            for place in PLACES:
                for name in filter(place.__dict__.__contains__, FILLS):
                    _kept.append((place, name, getattr(place, name)))
                    setattr(place, name, _unless_undrawn(getattr(place, name)))
        _depth += 1
    _local.on = True
    try:
        yield
    finally:
        _local.on = outer
        with _lock:
            _depth -= 1
            if _depth == 0:
                while _kept:
                    place, name, draw = _kept.pop()
                    setattr(place, name, draw)


def _unless_undrawn(draw: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(draw)
    def drawn(tensor: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as PyTorch's
        if getattr(_local, "on", False) and kwargs.get("generator") is None:
            return tensor
        return draw(tensor, *args, **kwargs)

    return drawn
