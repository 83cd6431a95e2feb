"""Refinements that stopped on their way, and what they may go on with."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from .errors import ResumeMismatch
from .refine.run import Snapshot

__all__ = ["MAP", "Interrupted"]

MAP = "generator "
"""How the settings of a run begin the names of its generator's options."""


@dataclass(frozen=True)
class Interrupted:
    """A refinement that stopped on its way.

    Attributes:
        snapshot: where it stood.
        settings: all that its result depends on; it goes on with the same alone.
        before: what its terms said at the start.
    """

    snapshot: Snapshot
    settings: Mapping[str, object]
    before: Mapping[str, Tensor]

    def check(self, settings: Mapping[str, object]) -> None:
        """Refuses to go on with other settings.

        Raises:
            ResumeMismatch: naming each setting that differs.
        """
        own, new = _plain(self.settings), _plain(settings)
        # Runs of before say nothing of the generator's options.
        unknown = {name for name in new.keys() - own.keys() if name.startswith(MAP)}
        differing = sorted(
            name for name in (own.keys() | new.keys()) - unknown if own.get(name) != new.get(name)
        )
        if differing:
            shown = "; ".join(f"{n}: {own.get(n)!r} then, {new.get(n)!r} now" for n in differing)
            raise ResumeMismatch(
                f"These latents were interrupted at step {self.snapshot.state.step} of a run with "
                f"other settings ({shown}). Set them back, or switch `resume` off to start a new "
                "run from where the latents are."
            )


def _plain(settings: Mapping[str, object]) -> dict[str, object]:
    """Settings as they come back from a file."""
    return json.loads(json.dumps(dict(settings)))
