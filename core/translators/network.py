"""Layers of the translators, initialised from a stream."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["initialise", "linear", "residual"]


def linear(inputs: int, outputs: int, stream: torch.Generator) -> nn.Linear:
    """Makes a linear layer with PyTorch's default initialisation, drawn from a stream."""
    layer = nn.Linear(inputs, outputs, device="meta").to_empty(device="cpu")
    initialise(layer, stream)
    return layer


def initialise(layer: nn.Module, stream: torch.Generator) -> None:
    """Draws the `weight` and the `bias` of a linear layer again, as PyTorch's default does."""
    bound = layer.get_parameter("weight").shape[-1] ** -0.5
    for number in layer.parameters(recurse=False):
        nn.init.uniform_(number, -bound, bound, generator=stream)


def residual(
    first: nn.Linear, second: nn.Linear, condition: Float[Tensor, "batch embed"]
) -> Float[Tensor, "batch hidden"]:
    """Returns the hidden units of TR0N's network, appendix B.1: one skip, around the second."""
    features = first(condition).relu()
    return features + second(features).relu()
