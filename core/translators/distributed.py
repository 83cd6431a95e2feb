"""The gradient of a batch whose rows several processes share."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..pairs.processes import Processes

__all__ = ["backward", "own_rows", "summed_together"]


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
    total, *summed = summed_together(processes, [own.detach(), *gradients])
    for weight, gradient in zip(used, summed, strict=True):
        weight.grad = gradient
    return float(total)


def summed_together(processes: Processes, tensors: Sequence[Tensor]) -> list[Tensor]:
    """Returns the sums of some tensors over all processes, by one exchange of one vector.

    Args:
        processes: processes that call this with tensors of the same shapes and types.
        tensors: tensors of this process, on one device.

    Raises:
        PeerFailed: another process has ended.
    """
    if processes.size == 1:
        return [*tensors]
    total = processes.summed(torch.cat([tensor.reshape(-1) for tensor in tensors]))
    parts = total.split([tensor.numel() for tensor in tensors])
    return [part.view_as(tensor) for part, tensor in zip(parts, tensors, strict=True)]
