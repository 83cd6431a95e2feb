"""Version of the package."""

from __future__ import annotations

import functools
import re
from importlib import metadata
from pathlib import Path

__all__ = ["version"]


@functools.cache
def version() -> str:
    """Returns the version in the checkout's pyproject.toml, else the installed package's."""
    pyproject = Path(__file__).resolve().parents[2] / "pyproject.toml"
    if pyproject.is_file():
        text = pyproject.read_text(encoding="utf-8")
        if found := re.search(r'^version = "([^"]+)"', text, re.MULTILINE):
            return found[1]
    return metadata.version("latentsteer")
