"""Options that several families of generators share."""

from ..checkpoints.options import RealOption

__all__ = ["truncation"]


def truncation(detail: str) -> RealOption:
    """The truncation psi.

    Args:
        detail: how the family truncates, in a sentence.
    """
    return RealOption(
        "psi",
        "Psi (0 to 1): less is more typical and less diverse. 0: none, psi = 1.",
        place=1,
        label="truncation",
        detail=detail,
        low=0.0,
        high=1.0,
        step=0.05,
    )
