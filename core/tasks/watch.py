"""What a task reports while it runs."""

from typing import Protocol, runtime_checkable

from ..latents import Latents
from ..refine.refinement import Refinement
from ..snapshot import Snapshot

__all__ = ["UNWATCHED", "TaskWatch"]


@runtime_checkable
class TaskWatch(Protocol):
    """Follows a task; any method may raise to stop it."""

    def looked(self) -> None:
        """Called after images are made and looked at once, without a gradient."""
        ...

    def begins(self, job: Refinement, latents: Latents) -> None:
        """Called before a refinement."""
        ...

    def stepped(self, snapshot: Snapshot) -> None:
        """Called after each step of the refinement that began last."""
        ...

    def stopped(self, latents: Latents) -> None:
        """Called with latents to resume that refinement from, if it ends early."""
        ...


class _Unwatched:
    """Reports nothing."""

    def looked(self) -> None:
        """Does nothing."""

    def begins(self, job: Refinement, latents: Latents) -> None:
        """Does nothing."""

    def stepped(self, snapshot: Snapshot) -> None:
        """Does nothing."""

    def stopped(self, latents: Latents) -> None:
        """Does nothing."""


UNWATCHED: TaskWatch = _Unwatched()
