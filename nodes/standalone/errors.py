"""Errors of the stand-in host, in addition to core's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...core.errors import SteerError

__all__ = ["NodeError", "RunInterrupted", "ServerError", "WorkflowError"]


class WorkflowError(SteerError):
    """A graph, or a value in it, is invalid.

    Attributes:
        problems: every problem found, one sentence each; the message joins them by line breaks.
    """

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class ServerError(SteerError):
    """A ComfyUI server is unreachable, refused the graph, or failed while running it."""


class NodeError(Exception):
    """An error raised by a running node; the original error is `__cause__`.

    Attributes:
        node_id: id of the node in the graph.
        title: display name of the node in messages.
    """

    def __init__(self, node_id: str, title: str, cause: BaseException) -> None:
        super().__init__(f"{title}: {str(cause) or type(cause).__name__}")
        self.node_id = node_id
        self.title = title


class RunInterrupted(BaseException):
    """A stop requested by the user. A BaseException, so `except Exception` cannot swallow it.

    Attributes:
        files: files that the nodes wrote before they stopped.
        terminated: whether SIGTERM was the request, rather than Ctrl-C.
    """

    def __init__(self, message: str = "interrupted", files: Sequence[Path] = ()) -> None:
        super().__init__(message)
        self.files = tuple(files)
        self.terminated = False
