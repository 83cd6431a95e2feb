"""Names of energies for people: from a term's label, which identifies a run, to what it says."""

import re
from collections import Counter
from collections.abc import Iterable

__all__ = ["plain_label", "plain_labels"]

TERMS = {
    "similarity": "minus CLIP similarity",
    "somewhere": "minus CLIP similarity of the best region",
    "classifier": "cross-entropy of the class",
    "perceptual": "perceptual distance",
    "known region": "perceptual distance of the known region",
    "direction from source": "distance from the direction",
    "global direction": "minus distance along the global direction",
    "discriminator": "minus the discriminator's logit",
    "few-shot": "minus log probability of the few-shot condition",
    "direction in similarity": "minus CLIP similarity along the direction",
    "prior": "minus log density of the prior",
    "prior of z": "minus log density of the prior of z",
    "pixels": "difference of pixels",
    "known pixels": "difference of known pixels",
}
"""Head of a label, and what it is; the order of a sum stays: lower is better."""
MEASURES = {
    "similarity": "CLIP similarity",
    "probability": "probability of the class",
    "cosine": "cosine with the direction",
    "error": "error of known pixels",
    "r": "probability of the few-shot condition",
    "logit": "discriminator's logit",
    "realness": "probability of being real",
}
"""Name of a measure of a term, and what it is."""
LABEL = re.compile(r"(?P<head>[^()]+?)(?:\((?P<inner>.*)\))?(?P<number> \d+)?")


def plain_label(label: str) -> str:
    """Returns what a term or a measure is, and of which model; unknown ones as they are."""
    found = LABEL.fullmatch(label)
    if found is None:
        return label
    head, inner, number = found["head"], found["inner"] or "", found["number"] or ""
    of = LABEL.fullmatch(inner)
    if head in MEASURES and of is not None and of["head"] in TERMS:
        said, inner = MEASURES[head], of["inner"] or ""
    elif head in TERMS:
        said = TERMS[head]
    else:
        return label
    model = inner.partition(",")[0]
    return f"{said}{f' ({model})' if model else ''}{number}"


def plain_labels(names: Iterable[str]) -> dict[str, str]:
    """Returns what to call each name; names that would coincide stay as they are."""
    plain = {name: plain_label(name) for name in names}
    often = Counter(plain.values())
    return {name: said if often[said] == 1 else name for name, said in plain.items()}
