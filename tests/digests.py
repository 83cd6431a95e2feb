"""Digests of the pictures that the embedded workflows make, with few steps.

    python tests/digests.py            # compares with tests/digests.json, names what differs
    python tests/digests.py --write    # writes it

They show that moving code changes nothing. Digests hold for one processor, one version of PyTorch
and one thread, which the file names: elsewhere write them again before a change. Settings are
those of tests/workflow_settings.py.
"""

import contextlib
import hashlib
import importlib.util
import io
import json
import os
import platform
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from latentsteer.nodes.cli import main as cli
from PIL import Image

HERE = Path(__file__).parent
FILE = HERE / "digests.json"
PAIRS = 256


def settings():
    """tests/workflow_settings.py, as a module."""
    spec = importlib.util.spec_from_file_location("shipped", HERE / "workflow_settings.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.CHEAP["pairs"] = PAIRS
    return module


def digest(pictures):
    """Returns the digest of the pixels of some files, in the order of their names."""
    found = hashlib.sha256()
    for picture in sorted(pictures):
        with Image.open(picture) as image:
            found.update(f"{picture.name} {image.mode} {image.size}".encode())
            found.update(image.tobytes())
    return found.hexdigest()


def made(shipped, name):
    """Returns the digest of the pictures that a workflow saves."""
    with tempfile.TemporaryDirectory() as folder:
        graph, out = Path(folder) / "graph.json", Path(folder) / "out"
        graph.write_text(json.dumps(shipped.RECIPES[name].api), encoding="utf-8")
        flags = [
            text
            for setting in shipped.cheaper(shipped.RECIPES[name].api, name)
            for text in ("--set", setting)
        ]
        places = ["--base", folder, "--out", str(out), "--device", "cpu", "--threads", "1"]
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = cli.main(["run", str(graph), *places, *flags])
        if code:
            raise SystemExit(f"{name} ended with {code}:\n{said.getvalue()}")
        return digest(out.glob("*.png"))


def main():
    torch.set_num_threads(1)
    shipped = settings()
    found = {}
    for name in shipped.NAMES:
        found[name] = made(shipped, name)
        print(name, found[name][:12], flush=True)
    where = {"processor": platform.processor() or platform.machine(), "torch": torch.__version__}
    if "--write" in sys.argv:
        text = json.dumps({**where, "digests": found}, indent=1)
        FILE.write_text(text + "\n", encoding="utf-8")
        return 0
    known = json.loads(FILE.read_text(encoding="utf-8"))
    if any(known[key] != where[key] for key in where):
        print(f"written on {known['processor']} with PyTorch {known['torch']}; here {where}")
    names = sorted(known["digests"].keys() | found.keys())
    differing = [name for name in names if known["digests"].get(name) != found.get(name)]
    print(f"{len(differing)} of {len(names)} differ: {', '.join(differing) or 'none'}")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
