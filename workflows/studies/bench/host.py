"""`latentsteer bench host`: memory of a gradient through ComfyUI's own classes, in three ways.

COMFYUI_PATH names a checkout of ComfyUI, and COMFYUI_PYTHON its Python; several are separated as
in PATH. Nothing is installed. Each way runs in a process of its own, on a model of the class SD15
and a VAE with random weights of a small width.
"""

import argparse
import json
import math
import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ....core.errors import InvalidInput
from .device import checked_device, machine
from .harness import FRUGAL, Check, conclude

__all__ = ["FULL", "QUICK", "Plan", "checks_of", "hosts", "run"]

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = Path(__file__).with_name("host_process.py")
MODES = ("plain", "checkpointed", "staged")
MOST_OF_PLAIN = 0.5
MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Plan:
    """Plan of the measurements.

    Attributes:
        side: pixels a side.
        width: channels of the first level of both networks.
        seconds: limit of a process.
    """

    side: int
    width: int
    seconds: float


FULL, QUICK = Plan(256, 32, 1800), Plan(64, 32, 1800)


def run(args: argparse.Namespace) -> int:
    """Measures, prints the table and writes all numbers."""
    plan = QUICK if args.quick else FULL
    device = checked_device(args.device)
    flat: dict[str, Any] = {
        "threads": torch.get_num_threads(),
        "machine": machine(device),
        "device": device.type,
        "side": plan.side,
        "width": plan.width,
    }
    checks: list[Check] = []
    for checkout, python in hosts(os.environ):
        name = checkout.name
        found = {mode: _measured(checkout, python, mode, plan, device) for mode in MODES}
        for mode, one in found.items():
            flat |= {
                f"{name}_{mode}_mebibytes": one["bytes"] / MEBIBYTE,
                f"{name}_{mode}_seconds": one["seconds"],
            }
            text = f"{one['bytes'] / MEBIBYTE:8.0f} MiB {one['seconds']:7.2f} CPU s"
            print(f"{name:<16}{mode:<14}{text}", flush=True)
        flat[f"{name}_same_bits"] = len({one["digest"] for one in found.values()}) == 1
        flat[f"{name}_apart"] = _apart(found)
        checks += checks_of(name, found, quick=args.quick)
    conclude(flat, checks, args.json)
    return 0 if args.quick or all(check.holds for check in checks) else 1


def checks_of(
    name: str, found: Mapping[str, Mapping[str, Any]], *, quick: bool = False
) -> list[Check]:
    """Returns the requirements on one host.

    Args:
        name: name of the checkout.
        found: what each way measured.
        quick: whether images are so small that memory says nothing.
    """
    # In processes of their own, where the host splits attention by the memory that is free.
    same = Check(f"{name}: relative difference of the gradients", _apart(found), 1e-4, most=True)
    if quick:
        return [same]
    share = found["checkpointed"]["bytes"] / max(1, found["plain"]["bytes"])
    return [same, Check(f"{name}: memory checkpointed / plain", share, MOST_OF_PLAIN, most=True)]


def _apart(found: Mapping[str, Mapping[str, Any]]) -> float:
    """The spread of the gradients' norms, relative to the largest."""
    norms = [one["norm"] for one in found.values()]
    if not all(0 < norm < math.inf for norm in norms):
        raise InvalidInput(f"The gradients have the norms {norms}: nothing to compare.")
    return (max(norms) - min(norms)) / max(norms)


def hosts(environment: Mapping[str, str]) -> list[tuple[Path, Path]]:
    """Returns the checkouts of ComfyUI and their Pythons.

    Args:
        environment: COMFYUI_PATH and COMFYUI_PYTHON.

    Raises:
        InvalidInput: none is named, or one is not there.
    """
    paths, pythons = (
        [Path(one).expanduser() for one in environment.get(name, "").split(os.pathsep) if one]
        for name in ("COMFYUI_PATH", "COMFYUI_PYTHON")
    )
    if not paths or len(paths) != len(pythons):
        raise InvalidInput(
            f"COMFYUI_PATH names {len(paths)} checkouts of ComfyUI and COMFYUI_PYTHON "
            f"{len(pythons)} Pythons; bench host needs at least one, and as many of each. "
            "Nothing was measured. Example: COMFYUI_PATH=~/ComfyUI "
            "COMFYUI_PYTHON=~/ComfyUI/venv/bin/python"
        )
    for path, python in zip(paths, pythons, strict=True):
        for needed in (path / "nodes.py", python):
            if not needed.exists():
                raise InvalidInput(f"No ComfyUI for bench host: {needed} is not there.")
    return list(zip(paths, pythons, strict=True))


@contextmanager
def _base() -> Generator[Path, None, None]:
    """A base directory of ComfyUI with this package among its custom nodes."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        for name in ("models", "custom_nodes", "input", "output", "temp", "user"):
            (base / name).mkdir()
        pack = base / "custom_nodes" / "latent-steer"
        try:
            pack.symlink_to(ROOT, target_is_directory=True)
        except OSError:  # Windows allows it for administrators only
            skipped = shutil.ignore_patterns(".*", "out", "models", "__pycache__", "tests")
            shutil.copytree(ROOT, pack, ignore=skipped)
        yield base


def _measured(
    checkout: Path, python: Path, mode: str, plan: Plan, device: torch.device
) -> dict[str, Any]:
    settings = (mode, plan.side, plan.width, torch.get_num_threads(), device.type)
    frugal = {**FRUGAL, "PYTHONDONTWRITEBYTECODE": "1"}
    with _base() as base:
        done = subprocess.run(
            [python, SCRIPT, checkout, base, *map(str, settings)],
            cwd=checkout,
            env={**os.environ, **frugal},
            capture_output=True,
            text=True,
            timeout=plan.seconds,
            check=False,
        )
    if done.returncode:
        raise InvalidInput(
            f"The process of {checkout.name} ended with {done.returncode}:\n{done.stderr[-2000:]}"
        )
    return json.loads(done.stdout.splitlines()[-1])
