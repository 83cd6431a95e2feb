"""The examples of docs/install.md, verbatim."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "install.md").read_text("utf-8")
URL = "http://127.0.0.1:8188"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def shell():
    """The command that posts a graph."""
    (command,) = blocks("sh")
    return command


def script():
    """The program that runs a shipped workflow."""
    (program,) = blocks("python")
    return program


def posted():
    """What the command posts."""
    (body,) = re.findall(r"-d '(.*)'", shell(), re.DOTALL)
    return json.loads(body)
