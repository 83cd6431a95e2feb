"""The frame of a node at work: its models on the device, chunking, and a bar."""

import contextlib
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Protocol

import torch
from PIL import Image
from torch import nn

from ..core.chunking import Chunking, ChunkMode
from .host import Progress, autograd, host, running

__all__ = ["Model", "Work", "working"]


class Model(Protocol):
    """An object with networks: a generator, an auxiliary, an energy."""

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The networks of the model."""
        ...


@dataclass(frozen=True)
class Work:
    """Device, chunking and progress bar of a node at work.

    Attributes:
        device: where the models are.
        chunking: how many samples the networks see at a time.
        bar: the progress bar; one that shows nothing for work without a total.
    """

    device: torch.device
    chunking: Chunking
    bar: Progress

    def report(self, done: int) -> None:
        """Moves the bar to `done` steps; raises the host's interrupt when asked to stop."""
        self.bar.update(done)


class _NoBar:
    """The bar of work that has none."""

    def update(self, step: int, preview: Callable[[], Image.Image] | None = None) -> None:
        """Shows nothing."""

    def close(self) -> None:
        """Removes nothing."""


@contextlib.contextmanager
def working(
    label: str,
    total: int,
    *models: "Model | nn.Module | None",
    chunk: ChunkMode = "fixed",
    image_size: tuple[int, int] | None = None,
) -> Generator[Work, None, None]:
    """Runs a node's work with gradients enabled and its models on the host's device.

    Args:
        label: title of the bar.
        total: steps of the bar; 0 for work without a bar.
        models: what the work calls; None is skipped, a network of several models is loaded once.
        chunk: the node's widget.
        image_size: (height, width) that the chunking is for; default: that of the first model
            that makes or sees images of a size.

    Raises:
        InvalidInput: another chunk.
        TypeError: no model has an image size, and none is given.
    """
    networks = [network for model in models for network in _networks(model)]
    chunking = Chunking.of(chunk, _image_size(models) if image_size is None else image_size)
    with contextlib.ExitStack() as stack:
        stack.enter_context(autograd())
        if networks:
            stack.enter_context(host().on_device(tuple(dict.fromkeys(networks))))
        bar = stack.enter_context(running(total, label)) if total else _NoBar()
        yield Work(host().device(), chunking, bar)


def _networks(model: "Model | nn.Module | None") -> tuple[nn.Module, ...]:
    if model is None:
        return ()
    return (model,) if isinstance(model, nn.Module) else model.modules


def _image_size(models: "tuple[Model | nn.Module | None, ...]") -> tuple[int, int]:
    for model in models:
        size = getattr(model, "image_size", None)
        if size is not None:
            return (size, size) if isinstance(size, int) else size
    raise TypeError("no model here has an image size; give image_size")
