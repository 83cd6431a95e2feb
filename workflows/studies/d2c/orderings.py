"""Which orderings of the paper's tables hold on the avatars, in words."""

from collections.abc import Mapping, Sequence

__all__ = ["COMPARED", "orderings"]

OURS = "exact"
COMPARED: Mapping[str, tuple[str, str]] = {
    "raw": (OURS, "raw"),
    "whitened": (OURS, "whitened"),
    "image": (OURS, "image"),
    "naive": (OURS, "naive"),
    "threshold_naive": ("threshold", "naive"),
    "threshold_image": ("threshold", "image_threshold"),
    "positives_raw": ("positives", "raw"),
    "positives_naive": ("positives", "naive"),
}
"""Rows of which the paper finds the first one at a lower Frechet distance, Table 5."""


def orderings(flat: Mapping[str, float], tasks: Sequence[str]) -> dict[str, float | str]:
    """Returns the verdict on each comparison: on how many attributes the first row is closer.

    Args:
        flat: figures of the study, means over seeds.
        tasks: attributes.

    Returns:
        `table5_NAME` with words, and `table5_NAME_closer` with the number of attributes. A row
        that accepted nothing counts as farther.
    """
    far = float("inf")
    found: dict[str, float | str] = {}
    for name, (first, second) in COMPARED.items():
        closer = [
            task
            for task in tasks
            if flat.get(f"{task}_{first}_fd", far) < flat.get(f"{task}_{second}_fd", far)
        ]
        found[f"table5_{name}_closer"] = float(len(closer))
        found[f"table5_{name}"] = _said(closer, tasks)
    return found


def _said(closer: Sequence[str], tasks: Sequence[str]) -> str:
    if len(closer) == len(tasks):
        return "holds"
    if not closer:
        return "does not hold"
    return f"holds for {', '.join(task.replace('_', ' ') for task in closer)} only"
