"""A whole task on one progress bar, with previews."""

from ...core.latents import Latents
from ...core.refine.refinement import Refinement
from ...core.snapshot import Snapshot
from ..host import Progress
from ..running import RefinementWatch

__all__ = ["BarWatch"]


class BarWatch:
    """Follows a task on a bar, and writes the file to resume an interrupted refinement from.

    Args:
        bar: the bar, one step per look and per step of a refinement.
        every: steps between previews; 0 for none.
    """

    def __init__(self, bar: Progress, every: int) -> None:
        self.bar, self.every, self.done = bar, every, 0
        self._watch: RefinementWatch | None = None

    def looked(self) -> None:
        """Moves the bar; raises when asked to stop."""
        self.done += 1
        self.bar.update(self.done)

    def begins(self, job: Refinement, latents: Latents) -> None:
        """Remembers what previews show."""
        self._watch = RefinementWatch(job, latents, self.every, self.bar, self.done)
        self.done += job.steps

    def stepped(self, snapshot: Snapshot) -> None:
        """Moves the bar, with a preview when due; raises when asked to stop."""
        assert self._watch is not None
        self._watch.step(snapshot)

    def stopped(self, latents: Latents) -> None:
        """Writes the unfinished run."""
        assert self._watch is not None
        self._watch.stopped(latents)
