"""The networks of ComfyUI in a generator: a stand-in that ComfyUI's memory management loads."""

import contextlib
import logging
import sys
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

from torch import nn

from .host_gradients import gradients, load_whole
from .host_memory import Mode, NetworkNeed, Saving, chosen_mode

if TYPE_CHECKING:
    management: Any
elif "folder_paths" in sys.modules:  # ComfyUI imports it before any custom node
    import comfy.model_management as management

__all__ = ["HostNetworks", "on_device", "save_more_memory"]

CURE = (
    "out of memory: use a smaller size, TAESD as VAE, weights in fp8, fewer steps or rewards, or "
    "search without gradients (CMA-ES Refine)"
)
logger = logging.getLogger("latentsteer")


class HostNetworks(nn.Module):
    """Stand-in without parameters for networks that ComfyUI manages.

    Args:
        patchers: ComfyUI's, one for each network.
        needs: their estimated memory.
        memory: the widget.

    Attributes:
        mode: the way that was chosen when the networks were last loaded.
    """

    def __init__(
        self, patchers: Sequence[Any], needs: Sequence[NetworkNeed], memory: Saving
    ) -> None:
        super().__init__()
        self.patchers, self.needs = tuple(patchers), tuple(needs)
        self.memory: Saving = memory
        self.mode: Mode = "plain"
        self._others: tuple[Any, ...] = ()

    def staged(self) -> bool:
        """Whether each network is to be on the device alone."""
        return self.mode == "staged"

    def chosen(self, others: Sequence[Any]) -> None:
        """Chooses the way for work with other networks.

        Raises:
            InvalidInput: see `chosen_mode`.
        """
        sizes = sum(other.model_size() for other in others)
        total = management.get_total_memory(self.patchers[0].load_device)
        self.mode = chosen_mode(self.memory, self.needs, sizes, total)

    def extra(self) -> float:
        """Bytes that the work needs besides the weights."""
        if self.mode == "plain":
            return sum(need.plain for need in self.needs)
        return sum(need.recomputed for need in self.needs)

    @contextlib.contextmanager
    def opened(self, others: Sequence[Any]) -> Generator[None, None, None]:
        """Context in which the loaded networks have gradients, or are loaded in turn."""
        self._others = tuple(others)
        if self.staged():
            yield
            return
        with gradients(self.patchers, recompute=self.mode == "checkpointed"):
            yield

    @contextlib.contextmanager
    def alone(self, which: int) -> Generator[None, None, None]:
        """Context in which one network is resident with gradients; then the others return."""
        patcher = self.patchers[which]
        load_whole([patcher], self.needs[which].recomputed)
        try:
            with gradients([patcher], recompute=True):
                yield
        finally:
            if self._others:
                load_whole(self._others)


@contextlib.contextmanager
def on_device(
    networks: Sequence[HostNetworks], others: Sequence[Any]
) -> Generator[None, None, None]:
    """Context in which networks are on the device and, if they are ComfyUI's, differentiable.

    Args:
        networks: stand-ins.
        others: patchers of LatentSteer's own networks.

    Raises:
        InvalidInput: the memory is estimated not to suffice.
    """
    for one in networks:
        one.chosen(others)
    resident = [p for one in networks if not one.staged() for p in one.patchers]
    together = [*others, *resident]
    if together:
        load_whole(together, sum(one.extra() for one in networks if not one.staged()))
    with contextlib.ExitStack() as stack:
        for one in networks:
            stack.enter_context(one.opened(together))
        yield


def save_more_memory(modules: Sequence[nn.Module]) -> bool:
    """Whether ComfyUI's networks among these work in stages from now on, and did not before.

    Where they already did, the log says what else saves memory.

    Args:
        modules: networks of work that ran out of memory.
    """
    networks = [module for module in modules if isinstance(module, HostNetworks)]
    if all(one.staged() for one in networks):
        if networks:
            logger.warning(CURE)
        return False
    for one in networks:
        one.memory = "staged"
    logger.warning("out of memory: continuing with one network at a time (memory = staged)")
    return True
