"""Exception hierarchy of the library. Messages give got, expected, what there is, and the cure."""

__all__ = [
    "CheckpointError",
    "ConditionMismatch",
    "Diverged",
    "DomainMismatch",
    "GeneratorMismatch",
    "InvalidInput",
    "NothingAccepted",
    "PeerFailed",
    "ResumeMismatch",
    "SteerError",
]


class SteerError(Exception):
    """Base class of all errors that the library raises deliberately."""


class InvalidInput(SteerError, ValueError):
    """A value is outside its range or of the wrong form."""


class CheckpointError(SteerError):
    """A model file is missing, damaged, or of an unknown architecture."""


class DomainMismatch(SteerError):
    """An energy or a map received points of another domain."""


class ConditionMismatch(SteerError):
    """A condition does not fit: made by another auxiliary, or without one row per sample."""


class GeneratorMismatch(SteerError):
    """Latents or a translator belong to another generator than the given one."""


class ResumeMismatch(SteerError):
    """An interrupted run cannot be resumed with the given settings."""


class NothingAccepted(SteerError):
    """Rejection sampling accepted no candidate within its budget."""


class PeerFailed(SteerError):
    """Another of the processes that share the work has failed or ended."""


class Diverged(SteerError):
    """An energy or a position is no longer finite.

    Attributes:
        step: step at which it was detected, counted from 0.
        samples: affected rows of the batch.
        at_start: whether the step's starting point is at fault, rather than its result.
    """

    def __init__(
        self, message: str, *, step: int, samples: tuple[int, ...] = (), at_start: bool = False
    ) -> None:
        super().__init__(message)
        self.at_start = at_start
        self.step = step
        self.samples = samples
