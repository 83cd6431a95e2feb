"""Momentum contrast, MoCo v2: the loss, the queue of keys, the momentum encoder and the head."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from ...errors import InvalidInput
from ...translators.network import linear

__all__ = ["KeyQueue", "follow", "head", "info_nce"]


def info_nce(
    queries: Float[Tensor, "batch dim"],
    keys: Float[Tensor, "batch dim"],
    negatives: Float[Tensor, "dim count"],
    temperature: float,
) -> Float[Tensor, " batch"]:
    """Returns L_C of D2C's eq. (4): InfoNCE (van den Oord et al. 2018, eq. 4) as MoCo has it.

    For a row with query q and key k it is -log(e^(q.k/T) / (e^(q.k/T) + sum_n e^(q.n/T))).

    Args:
        queries: features of one view of each image, of unit length.
        keys: features of the other view, of unit length. No gradient flows to them.
        negatives: keys of earlier batches in columns, of unit length.
        temperature: T, above 0.

    Returns:
        The loss of each row in nats, at least 0.
    """
    if not temperature > 0:
        raise InvalidInput(f"Temperature {temperature}; expected a number above 0.")
    keys, negatives = keys.detach(), negatives.detach()
    positive = (queries * keys).sum(dim=1, keepdim=True)
    logits = torch.cat([positive, queries @ negatives], dim=1) / temperature
    return logits.logsumexp(dim=1) - logits[:, 0]


class KeyQueue(nn.Module):
    """The keys of the latest batches, first in, first out.

    Its buffers have the names and shapes of the official files.

    Args:
        dim: features of a key.
        size: number of keys K.
        stream: random stream of the initial keys, uniform on the sphere.
    """

    queue: Float[Tensor, "dim size"]
    queue_ptr: Tensor

    def __init__(self, dim: int, size: int, stream: torch.Generator) -> None:
        super().__init__()
        if dim < 1 or size < 1:
            raise InvalidInput(f"A queue of {size} keys of {dim} features; both must be above 0.")
        drawn = torch.randn(dim, size, generator=stream)
        self.register_buffer("queue", functional.normalize(drawn, dim=0))
        self.register_buffer("queue_ptr", torch.zeros(1, dtype=torch.long))

    @torch.no_grad()
    def push(self, keys: Float[Tensor, "batch dim"]) -> None:
        """Replaces the oldest keys by these, the first of them by the first.

        Departure: the batch need not divide K. Of a batch of more than K keys the last K stay.
        """
        size = self.queue.shape[1]
        start = int(self.queue_ptr)
        kept = keys[-size:]
        skipped = len(keys) - len(kept)
        places = torch.arange(start + skipped, start + len(keys), device=keys.device) % size
        self.queue[:, places] = kept.to(self.queue.dtype).mT
        self.queue_ptr.fill_((start + len(keys)) % size)


@torch.no_grad()
def follow(slow: nn.Module, fast: nn.Module, momentum: float) -> None:
    """Moves the weights of the momentum encoder: slow = m slow + (1 - m) fast (MoCo, eq. 2).

    Buffers, such as the statistics of batch normalisation, are not changed.

    Args:
        slow: network that follows, with the same parameters.
        fast: network that is trained.
        momentum: m, in [0, 1].
    """
    if not 0 <= momentum <= 1:
        raise InvalidInput(f"Momentum {momentum}; expected a number from 0 to 1.")
    for own, other in zip(slow.parameters(), fast.parameters(), strict=True):
        own.mul_(momentum).add_(other, alpha=1 - momentum)


def head(inputs: int, hidden: int, dim: int, stream: torch.Generator) -> nn.Sequential:
    """Makes MoCo v2's head, which maps a flattened latent to the features that are contrasted.

    Args:
        inputs: numbers of a latent.
        hidden: hidden units.
        dim: features.
        stream: random stream of the weights.
    """
    return nn.Sequential(linear(inputs, hidden, stream), nn.ReLU(), linear(hidden, dim, stream))
