"""The tensors of a training between two updates: weights, moments of Adam, streams."""

from collections.abc import Mapping

from torch import Tensor, nn
from torch.optim import Optimizer

__all__ = ["restore_training", "training_tensors"]

WEIGHTS, MOMENTS = "weights.", "moments."


def training_tensors(network: nn.Module, optimiser: Optimizer) -> dict[str, Tensor]:
    """Returns the weights of a network and the moments of its optimiser, by name.

    Args:
        network: the network in training.
        optimiser: Adam, or another one whose state is tensors.
    """
    tensors = {WEIGHTS + name: tensor for name, tensor in network.state_dict().items()}
    for number, moments in optimiser.state_dict()["state"].items():
        tensors |= {f"{MOMENTS}{number}.{name}": tensor for name, tensor in moments.items()}
    return tensors


def restore_training(
    network: nn.Module, optimiser: Optimizer, tensors: Mapping[str, Tensor]
) -> None:
    """Sets a network and its optimiser to tensors from `training_tensors`.

    The settings of the optimiser, such as its rate, stay as they are.

    Raises:
        KeyError, RuntimeError, ValueError: the tensors do not fit.
    """
    weights: dict[str, Tensor] = {}
    moments: dict[int, dict[str, Tensor]] = {}
    for name in tensors:
        if name.startswith(WEIGHTS):
            weights[name.removeprefix(WEIGHTS)] = tensors[name]
        elif name.startswith(MOMENTS):
            _, number, own = name.split(".")
            moments.setdefault(int(number), {})[own] = tensors[name]
    network.load_state_dict(weights)
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": moments, "param_groups": groups})
