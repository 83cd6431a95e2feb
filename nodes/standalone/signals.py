"""The signals that stop a run."""

import signal

__all__ = ["SIGNALS", "Stopped"]

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """A stop signal other than Ctrl-C's."""
