"""The licences of weights: of the shipped files by the manifest, of others by what they state."""

import json
from functools import cache
from pathlib import Path

from ..checkpoints.record import Checkpoint

__all__ = ["licence_of", "shipped_licence"]


def licence_of(checkpoint: Checkpoint) -> str:
    """Returns the licence of a model file in LatentSteer's own format, "unknown" without any."""
    stated = checkpoint.config.get("licence")
    known = stated if isinstance(stated, str) and stated.strip() else "unknown"
    return shipped_licence(checkpoint.sha256) or known


def shipped_licence(sha256: str) -> str | None:
    """Returns the licence of the shipped file with a hash, None where no such file is shipped."""
    return _manifest().get(sha256)


@cache
def _manifest() -> dict[str, str]:
    text = (Path(__file__).parent / "manifest.json").read_text(encoding="utf-8")
    return {entry["sha256"]: entry["licence"] for entry in json.loads(text)}
