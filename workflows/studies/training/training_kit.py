"""Tools of the training scripts: parameter averages, resumable budgets and publishing."""

import copy
import hashlib
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Generator, Tensor, nn

from ....core.checkpoints.checkpoint import read, write
from ....core.files import replacing

__all__ = [
    "Average",
    "Clock",
    "batches",
    "descend",
    "initialise",
    "list_file",
    "publish",
    "set_rate",
]

_Net = TypeVar("_Net", bound=nn.Module)
REPORT_SECONDS, SAVE_SECONDS = 30.0, 300.0


class Stateful(Protocol):
    """A network or an optimiser."""

    def state_dict(self) -> dict[str, Any]:
        """Returns the state to save."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any], /) -> object:
        """Restores a saved state."""
        ...


class Average(Generic[_Net]):
    """Exponential average of a network's parameters; buffers are copied."""

    def __init__(self, net: _Net, decay: float) -> None:
        self.net = copy.deepcopy(net)
        self.decay, self.count = decay, 0

    @torch.no_grad()
    def update(self, net: nn.Module) -> None:
        """Updates the average with the current parameters and buffers."""
        self.count += 1
        decay = min(self.decay, self.count / (self.count + 10))
        for own, new in zip(self.net.parameters(), net.parameters(), strict=True):
            own.lerp_(new, 1 - decay)
        for own, new in zip(self.net.buffers(), net.buffers(), strict=True):
            own.copy_(new)


class Clock:
    """Training budget in seconds of work, kept across interruptions.

    Args:
        path: file of networks, optimisers and progress during training.
        seconds: budget in seconds.
    """

    def __init__(self, path: Path, seconds: float) -> None:
        self.path, self.seconds = path, seconds
        self.spent, self.step = 0.0, 0
        self._last = self._reported = self._saved = time.monotonic()
        self._sums: dict[str, list[float]] = {}
        self._shown: dict[str, float] = {}

    def running(self) -> bool:
        """Whether budget is left."""
        return self.spent < self.seconds

    def rate(self, warmup: float) -> float:
        """Factor on the rate: a cosine from 1 to 0 over the budget, after a linear warm-up."""
        done = min(1.0, self.spent / self.seconds)
        return min((done + 1e-4) / warmup, 1.0) * 0.5 * (1 + math.cos(math.pi * done))

    def resume(self, **parts: Stateful) -> None:
        """Loads the state of an interrupted run, if there is one."""
        if not self.path.exists():
            return
        kept = read(self.path)
        for name, part in parts.items():
            start = f"{name}/"
            own = {
                k.removeprefix(start): v for k, v in kept.tensors.items() if k.startswith(start)
            }
            part.load_state_dict(_unflattened(own, part))
        self.spent, self.step = float(kept.config["spent"]), int(kept.config["step"])
        print(f"resumes at step {self.step}, {self.spent:.0f} s", flush=True)

    def tick(self, figures: dict[str, float], **parts: Stateful) -> None:
        """Counts a step; reports and saves periodically."""
        now = time.monotonic()
        self.spent += now - self._last
        self._last, self.step = now, self.step + 1
        for name, value in figures.items():
            self._sums.setdefault(name, []).append(value)
        if now - self._reported > REPORT_SECONDS:
            self._reported = now
            self._shown = {n: sum(v) / len(v) for n, v in self._sums.items()}
            self._sums.clear()
            text = " ".join(f"{n} {v:.4f}" for n, v in self._shown.items())
            print(f"{self.spent:.0f} s step {self.step} {text}", flush=True)
        if now - self._saved > SAVE_SECONDS:
            self._saved = now
            tensors = {
                f"{name}/{key}": value
                for name, part in parts.items()
                for key, value in _flattened(part).items()
            }
            write(self.path, tensors, {"spent": self.spent, "step": self.step})

    def figures(self) -> dict[str, Any]:
        """Number of steps, minutes and the last figures, for the manifest."""
        shown = {name: round(value, 4) for name, value in self._shown.items()}
        return {"steps": self.step, "minutes": round(self.spent / 60, 1), **shown}


def _flattened(part: Stateful) -> dict[str, Tensor]:
    state = part.state_dict()
    if "param_groups" not in state:
        return state
    return {
        f"{number}.{key}": torch.as_tensor(value)
        for number, kept in state["state"].items()
        for key, value in kept.items()
    }


def _unflattened(tensors: dict[str, Tensor], part: Stateful) -> dict[str, Any]:
    fresh = part.state_dict()
    if "param_groups" not in fresh:
        return dict(tensors)
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        number, key = name.split(".", 1)
        state.setdefault(int(number), {})[key] = tensor
    return {"state": state, "param_groups": fresh["param_groups"]}


def batches(count: int, size: int, rng: Generator) -> Iterator[Tensor]:
    """Yields batches of indices endlessly, reshuffled every epoch."""
    while True:
        order = torch.randperm(count, generator=rng)
        for first in range(0, count - size + 1, size):
            yield order[first : first + size]


def initialise(net: nn.Module, rng: Generator) -> None:
    """Initialises matrices after He et al. from `rng`, biases to zero and scales to one."""
    for module in net.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.kaiming_normal_(module.weight, generator=rng)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def descend(optimiser: torch.optim.Optimizer, loss: Tensor, *, clip: float | None = None) -> None:
    """Takes one optimiser step, optionally clipping the gradient's norm."""
    optimiser.zero_grad()
    loss.backward()  # pyright: ignore[reportUnknownMemberType]
    if clip is not None:
        parameters = [p for group in optimiser.param_groups for p in group["params"]]
        nn.utils.clip_grad_norm_(parameters, clip)
    optimiser.step()


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Sets the learning rate of every group."""
    for group in optimiser.param_groups:
        group["lr"] = rate


def publish(
    out: Path,
    architecture: str,
    what: str,
    state: dict[str, Tensor],
    config: dict[str, Any],
    figures: dict[str, Any],
    origin: dict[str, Any],
) -> None:
    """Writes the weights in half precision and their entry of the manifest.

    Args:
        out: folder of weights and manifest.
        architecture: architecture id, which is also the file's name.
        what: description of the model.
        state: state dict of the networks; only floating-point tensors are written.
        config: metadata of the file.
        figures: measured figures.
        origin: data, licence and the command that reproduces the model.
    """
    path = out / f"{architecture}.safetensors"
    kept = {k: v.half() for k, v in state.items() if v.is_floating_point()}
    write(path, kept, config)
    entry = {
        "what": what,
        "architecture": architecture,
        "parameters": sum(v.numel() for k, v in kept.items() if "running_" not in k),
        **origin,
    }
    list_file(out, path.name, entry, figures)


def list_file(
    out: Path, name: str, entry: dict[str, Any], figures: dict[str, Any] | None = None
) -> None:
    """Prints the entry of a file and writes it to the manifest, in place of an older one.

    Args:
        out: folder of files and manifest.
        name: name of the file relative to it, with slashes.
        entry: description of the file, without its name, hash and size.
        figures: measured figures.
    """
    content = (out / name).read_bytes()
    measured = {} if figures is None else {"figures": figures}
    digest = hashlib.sha256(content).hexdigest()
    whole = {"file": name, **entry, "sha256": digest, "bytes": len(content), **measured}
    print(json.dumps(whole, indent=2), flush=True)
    manifest = out / "manifest.json"
    entries = json.loads(manifest.read_text(encoding="utf-8")) if manifest.exists() else []
    entries = [old for old in entries if old["file"] != name]
    entries = sorted([*entries, whole], key=lambda item: str(item["file"]))
    with replacing(manifest) as temporary:
        temporary.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")
