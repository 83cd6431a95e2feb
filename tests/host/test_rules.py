"""The ruff rules of `comfy node validate` on the pack."""

import subprocess
import sys

import pytest

from .hosts import ROOT

pytestmark = pytest.mark.host


def test_comfy_node_validate_would_pass():
    rules = ["check", "--isolated", "--select", "S102,S307,E702", "--exclude", "out,models"]
    command = [sys.executable, "-m", "ruff", *rules, str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
