"""Layers of the translators, initialised from a stream."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..checkpoints.undrawn import undrawn

__all__ = ["initialise", "linear", "residual"]


def linear(inputs: int, outputs: int, stream: torch.Generator | None) -> nn.Linear:
    """Makes a linear layer with PyTorch's default initialisation, drawn from a stream.

    Without a stream its weights are not drawn, since they are loaded afterwards.
    """
    with undrawn():
        layer = nn.Linear(inputs, outputs)
    initialise(layer, stream)
    return layer


def initialise(layer: nn.Module, stream: torch.Generator | None) -> None:
    """Draws the `weight` and the `bias` of a linear layer again, as PyTorch's default does.

    Without a stream they stay as they are.
    """
    if stream is None:
        return
    bound = layer.get_parameter("weight").shape[-1] ** -0.5
    for number in layer.parameters(recurse=False):
        nn.init.uniform_(number, -bound, bound, generator=stream)


def residual(
    first: nn.Linear, second: nn.Linear, condition: Float[Tensor, "batch embed"]
) -> Float[Tensor, "batch hidden"]:
    """Returns the hidden units of TR0N's network, appendix B.1: one skip, around the second."""
    features = first(condition).relu()
    return features + second(features).relu()
