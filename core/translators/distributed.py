"""The gradient of a batch whose rows several processes share."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..pairs.processes import Processes

__all__ = ["backward", "own_rows"]


def own_rows(processes: Processes, count: int) -> tuple[slice, float]:
    """Returns this process's rows of a batch, and their share of it.

    A process without rows gets row 0 with share 0, so that all compute the same gradients.

    Args:
        processes: processes that share the batch.
        count: rows of the batch, at least 1.
    """
    rows = processes.rows(count)
    own = rows.stop - rows.start
    return (rows if own else slice(0, 1)), own / count


def backward(
    processes: Processes, loss: Tensor, share: float, parameters: Sequence[nn.Parameter]
) -> float:
    """Sets the gradients of the batch's mean loss in every process, and returns that loss.

    One all-reduce sums all gradients and the loss as one vector. `DistributedDataParallel` divides
    gradients into buckets again after the first batch; this vector is the same for every batch, so
    that a resumed training repeats the bits. The all-reduce does not overlap with the computation,
    which matters little for networks of this size.

    Args:
        processes: processes that share the batch.
        loss: mean loss of this process's rows.
        share: their share of the batch; 0 for a row of another process.
        parameters: weights, without gradients.

    Raises:
        PeerFailed: another process has ended.
    """
    if processes.size == 1:
        loss.backward()
        return float(loss.detach())
    own = loss * share
    own.backward()
    used = [weight for weight in parameters if weight.grad is not None]
    gradients = [weight.grad for weight in used if weight.grad is not None]
    parts = [own.detach(), *gradients]
    total = processes.summed(torch.cat([part.reshape(-1) for part in parts]))
    summed = total[1:].split([gradient.numel() for gradient in gradients])
    for weight, gradient in zip(used, summed, strict=True):
        weight.grad = gradient.view_as(weight)
    return float(total[0])
