"""The errors of the library, one tree. Messages say got, expected, what there is, and the cure."""

__all__ = [
    "CheckpointError",
    "ConditionMismatch",
    "Diverged",
    "DomainMismatch",
    "GeneratorMismatch",
    "InvalidInput",
    "ResumeMismatch",
    "SteerError",
]


class SteerError(Exception):
    """Root of all errors that this library raises on purpose."""


class InvalidInput(SteerError, ValueError):
    """A value lies outside its range, or is of the wrong form."""


class CheckpointError(SteerError):
    """A model file is missing, damaged, or of no known architecture."""


class DomainMismatch(SteerError):
    """An energy or a map was given points of another domain than its own."""


class ConditionMismatch(SteerError):
    """A condition does not fit: made by another auxiliary, or not one row per sample."""


class GeneratorMismatch(SteerError):
    """Latents or a translator belong to another generator than the one given."""


class ResumeMismatch(SteerError):
    """An interrupted run cannot go on with the settings given."""


class Diverged(SteerError):
    """An energy or a position stopped being finite.

    Attributes:
        step: the step, counted from 0, at which it was seen.
        samples: the rows of the batch concerned.
        at_start: whether the point that the step started from is at fault, not where it led.
    """

    def __init__(
        self, message: str, *, step: int, samples: tuple[int, ...] = (), at_start: bool = False
    ) -> None:
        super().__init__(message)
        self.at_start = at_start
        self.step = step
        self.samples = samples
