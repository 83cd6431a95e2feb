"""The errors of the adapter, beside the library's own tree."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...core.errors import SteerError

__all__ = ["Interrupted", "NodeError", "ServerError", "WorkflowError"]


class WorkflowError(SteerError):
    """A graph, or a value in it, cannot be run as it stands.

    Attributes:
        problems: every problem found, one sentence each; the message joins them by line.
    """

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class ServerError(SteerError):
    """A ComfyUI server could not be reached, refused the graph, or failed while running it."""


class NodeError(Exception):
    """What a node raised while it ran; the original error is `__cause__`.

    Attributes:
        node_id: the id of the node in the graph.
        title: how the node is called in messages.
    """

    def __init__(self, node_id: str, title: str, cause: BaseException) -> None:
        super().__init__(f"{title}: {str(cause) or type(cause).__name__}")
        self.node_id = node_id
        self.title = title


class Interrupted(BaseException):
    """The user asked to stop. A BaseException, so that `except Exception` cannot swallow it.

    Attributes:
        files: what the nodes wrote before they stopped.
        terminated: whether SIGTERM asked, not Ctrl-C.
    """

    def __init__(self, message: str = "interrupted", files: Sequence[Path] = ()) -> None:
        super().__init__(message)
        self.files = tuple(files)
        self.terminated = False
