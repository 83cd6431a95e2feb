"""`make gpu`: the tests marked gpu and two benchmarks, by a Python that has PyTorch.

It installs nothing. Besides PyTorch it needs pytest and the imports of the core (NEEDED); tests
and benchmarks with other missing libraries are skipped, or use a replacement, with a message.
"""

import argparse
import importlib
import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
NEEDED = ("torch", "pytest", "jaxtyping", "einops", "numpy", "scipy", "safetensors", "PIL")
OPTIONAL = {
    "beartype": "shapes and types are not checked at run time",
    "open_clip": "its CLIPs are skipped, and bench clip uses LatentSteer's network of the same "
    "sizes",
    "transformers": "its models are skipped",
    "torchvision": "its classifiers are skipped",
    "timm": "its models are skipped",
    "cmaes": "CMA-ES is skipped",
    "zuko": "translators of kind flow are skipped",
}
MINUTES = 8


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--device", choices=("cuda", "mps"), help="whichever there is, if not said"
    )
    parser.add_argument("--minutes", type=float, default=MINUTES, help="after which it stops")
    args = parser.parse_args()
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        print(f"{sys.executable} lacks {', '.join(missing)}; needed are {', '.join(NEEDED)}.")
        return 2
    for name, without in OPTIONAL.items():
        if importlib.util.find_spec(name) is None:
            print(f"without {name}: {without}")
    import torch

    there = [n for n in ("cuda", "mps") if getattr(torch, n).is_available()]
    device = args.device or (there[0] if there else None)
    if device not in there:
        print(f"No {device or 'cuda or mps'} device for PyTorch {torch.__version__} here.")
        return 2
    card = torch.cuda.get_device_name() if device == "cuda" else "Metal"
    print(f"{card}, PyTorch {torch.__version__}, Python {sys.version.split()[0]}", flush=True)
    end = time.monotonic() + 60 * args.minutes
    wrong = 0
    for name, command in commands(device).items():
        begun = time.monotonic()
        print(f"\n{name}", flush=True)
        try:
            code = subprocess.run(command, cwd=ROOT, timeout=max(1, end - begun)).returncode
        except subprocess.TimeoutExpired:
            code = 124
            print(f"{name}: stopped, {args.minutes:g} minutes are over")
        print(f"{name}: exit {code} after {time.monotonic() - begun:.0f} s", flush=True)
        wrong += code != 0
    return min(wrong, 1)


def commands(device: str) -> dict[str, list[str]]:
    """The commands to run, in this order."""
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "gpu"]
    bench = [sys.executable, str(Path(__file__)), "latentsteer", "bench"]
    host = [*bench, "host", "--device", device]
    there = "COMFYUI_PATH" in os.environ and device == "cuda"
    if not there:
        print("without COMFYUI_PATH and COMFYUI_PYTHON, or CUDA: bench host is left out")
    return {
        "tests": [*pytest, "-k", device, "tests/core"],
        "bench clip": [*bench, "clip", "--device", device],
        **({"bench host": host} if there else {}),
        "bench generator": [*bench, "generator", "--device", device],
    }


def latentsteer(arguments: list[str]) -> int:
    """The command line of this checkout, for any name of its folder, installed or not."""
    spec = importlib.util.spec_from_file_location(
        "latentsteer", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    assert spec is not None
    assert spec.loader is not None
    sys.modules["latentsteer"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["latentsteer"])
    return importlib.import_module("latentsteer.nodes.cli.main").main(arguments)


if __name__ == "__main__":
    if sys.argv[1:2] == ["latentsteer"]:
        sys.exit(latentsteer(sys.argv[2:]))
    sys.exit(main())
