"""The auxiliary models that can be opened, in the order in which they are tried."""

from pathlib import Path

from ..auxiliary import Classifier
from ..checkpoints import read
from ..detection import load_detected
from . import digits, face_expressions

__all__ = ["AUXILIARIES", "load_auxiliary"]

AUXILIARIES = (digits.CLASSIFIER, digits.JUDGE, face_expressions.CLASSIFIER)


def load_auxiliary(path: str | Path) -> Classifier:
    """Opens an auxiliary model, whatever its architecture; call it outside inference mode.

    Raises:
        CheckpointError: no such file, a damaged one, or of no known architecture.
    """
    return load_detected(read(path), AUXILIARIES)
