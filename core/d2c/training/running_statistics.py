"""Running statistics, such as those of batch normalisation, over the parts of a batch."""

import contextlib
from collections.abc import Generator, Sequence

import torch
from torch import Tensor, nn

__all__ = ["Turns"]


class Turns:
    """Running statistics of networks that see the parts of a batch in turn.

    Each part starts from those before the batch. Afterwards they are the means over the parts, so
    that they depend neither on the order of the parts nor on which process has which.

    Args:
        networks: networks with buffers.
        parts: number of parts of the batch.

    Attributes:
        sums: this process's share of the means; an exchange between processes adds to it.
    """

    def __init__(self, networks: Sequence[nn.Module], parts: int) -> None:
        # Replaced rather than written to: the backward pass still needs those of its forward pass.
        self.places = [
            (module, name)
            for network in networks
            for module in network.modules()
            for name, _ in module.named_buffers(recurse=False)
        ]
        self.before = [module.get_buffer(name).clone() for module, name in self.places]
        self.parts = parts
        self.sums = [torch.zeros_like(own) for own in self.before if own.is_floating_point()]

    @contextlib.contextmanager
    def turn(self) -> Generator[None, None, None]:
        """Context of one part."""
        self.reset()
        yield
        for total, buffer in zip(self.sums, self._floating(), strict=True):
            total += buffer.detach() / self.parts

    def reset(self) -> None:
        """Sets the statistics to those before the batch."""
        for (module, name), before in zip(self.places, self.before, strict=True):
            module.register_buffer(name, before.clone())

    def take(self, sums: Sequence[Tensor]) -> None:
        """Replaces the sums by those over all processes."""
        self.sums = [*sums]

    def finish(self) -> None:
        """Sets the means."""
        for buffer, total in zip(self._floating(), self.sums, strict=True):
            buffer.copy_(total)

    def _floating(self) -> list[Tensor]:
        buffers = [module.get_buffer(name) for module, name in self.places]
        return [buffer for buffer in buffers if buffer.is_floating_point()]
