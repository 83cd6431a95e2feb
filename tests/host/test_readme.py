"""The two commands in docs/install.md that send a graph to a running ComfyUI, run verbatim."""

import json
import os
import shutil
import subprocess
import sys
import time

import pytest

from ..readme import ROOT, URL, script, shell
from .hosts import PACK

pytestmark = pytest.mark.host


def test_curl(client, server):
    if shutil.which("curl") is None:
        pytest.skip("curl is not there")
    command = shell().replace(URL, server.url)
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    assert not answer.get("node_errors")
    end = time.monotonic() + 240
    while answer["prompt_id"] not in (found := client.get(f"/history/{answer['prompt_id']}")):
        assert time.monotonic() < end
        time.sleep(0.2)
    record = found[answer["prompt_id"]]
    assert record["status"]["status_str"] == "success"
    assert record["outputs"]["8"]["images"]


def test_python(server, tmp_path):
    (tmp_path / "workflows").symlink_to(ROOT / "workflows", target_is_directory=True)
    program = script().replace(URL, server.url)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    names = done.stdout.split()
    assert names
    assert all((tmp_path / name).stat().st_size > 100 for name in names)


def test_the_command_from_the_folder_of_custom_nodes(checkout, server, tmp_path):
    """Runs with the host's Python, without an installation of LatentSteer."""
    alone = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    pack = f"custom_nodes/{PACK}"
    for start in ([f"{pack}/nodes/cli"], ["-m", f"custom_nodes.{PACK}.nodes.cli"]):
        command = [
            checkout.python,
            *start,
            "run",
            f"{pack}/workflows/tr0n/tr0n_digits_no_translator.json",
        ]
        command += [
            "--set",
            "Class Condition.samples_per_class=1",
            "--out",
            tmp_path / start[0][:2],
        ]
        done = subprocess.run(
            command, cwd=server.base, env=alone, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert (tmp_path / start[0][:2] / "report.json").is_file()
