"""Times a new user's first minute on every host: python -m tests.host.first_minute [SHOTS].

It clones this repository into an empty base directory's custom_nodes, starts the host, opens the
canvas in a browser, opens the first template, clicks Run and waits for the picture. The Python
packages of requirements.txt are not downloaded: the host's Python is used as it is.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .canvas.tools import browser_tools
from .hosts import ROOT, Checkout, Server, checkouts

DRIVER = Path(__file__).parent / "canvas" / "first.mjs"
PACK = "latentsteer"
SECONDS = 400


def first_minute(checkout: Checkout, base: Path, shots: Path) -> dict[str, float]:
    """Returns the seconds of each step, in order."""
    steps: dict[str, float] = {}
    begun = time.perf_counter()
    custom_nodes = base / "custom_nodes"
    custom_nodes.mkdir(parents=True)
    for folder in ("models", "input", "output", "temp", "user"):
        (base / folder).mkdir()
    (base / "extra.yaml").write_text("none:\n", "utf-8")
    clone = ["git", "clone", "--quiet", "--no-hardlinks", "--depth", "1", f"file://{ROOT}"]
    subprocess.run([*clone, str(custom_nodes / PACK)], check=True)
    steps["git clone"] = time.perf_counter() - begun
    begun = time.perf_counter()
    with Server(checkout, base) as server:
        steps["the host starts"] = time.perf_counter() - begun
        tools = browser_tools()
        environment = {
            **os.environ,
            "CANVAS_MODULES": str(tools["playwright-core"]),
            "CHROMIUM": str(tools["chromium"]),
        }
        command = [str(tools["node"]), str(DRIVER), server.url, PACK, str(shots)]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        assert done.returncode == 0, f"{done.stderr[-4000:]}\n{server.tail()}"
    seen = json.loads(done.stdout.splitlines()[-1])
    assert "failed" not in seen, f"{seen['failed']}\nscreenshots: {shots}"
    assert seen["outcome"] == "success", seen
    print(f"{checkout.name} ({checkout.version()}), template {seen['template']}")
    return {**steps, **seen["steps"]}


def main() -> int:
    """Times all hosts and prints a table."""
    found = [checkout for checkout in checkouts() if checkout.missing() is None]
    if not found:
        print("; ".join(filter(None, (checkout.missing() for checkout in checkouts()))))
        return 2
    kept = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp())
    for checkout in found:
        shots = kept / checkout.name
        shots.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            steps = first_minute(checkout, Path(folder) / "base", shots)
        for step, seconds in steps.items():
            print(f"{seconds:8.1f} s  {step}")
        print(f"{sum(steps.values()):8.1f} s  in all; screenshots in {shots}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
