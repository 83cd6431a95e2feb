"""The bar of a running node, on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

    from .host import StandaloneHost

__all__ = ["TerminalProgress"]


class TerminalProgress:
    """A bar on stderr; also where an interrupt is noticed."""

    def __init__(self, host: StandaloneHost, total: int, label: str) -> None:
        from tqdm import tqdm

        self._host = host
        self._node = host.run_id()[1] or "run"
        # None: no bar where stderr is no terminal. Of several processes the first shows one.
        hidden = True if host.processes().rank else None
        self._bar = tqdm(
            total=total, desc=label or None, file=sys.stderr, leave=False, disable=hidden
        )

    def update(self, step: int, preview: Callable[[], Image.Image] | None = None) -> None:
        """Say that `step` steps are done.

        Args:
            step: counted from 1, so the last call says `total`.
            preview: makes a picture of where things stand; called only if previews are wanted.

        Raises:
            RunInterrupted: a stop was asked for; the bar is closed.
        """
        self._bar.update(step - self._bar.n)
        if preview is not None and self._host.write_previews:
            folder = self._host.out / "previews"
            folder.mkdir(parents=True, exist_ok=True)
            preview().save(folder / f"{self._node}_{step:06}.png")
        if self._host.interrupt_requested():
            self.close()
            self._host.raise_if_interrupted()

    def close(self) -> None:
        """Take the bar away; may be called again."""
        self._bar.close()
