"""Latents on disk, with everything needed to resume an interrupted run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .charts import chart_from_config, chart_to_config
from .checkpoints.checkpoint import read, write
from .checkpoints.record import Checkpoint, check_what
from .errors import CheckpointError, InvalidInput
from .identity import id_with_options, options_of
from .latents import Latents
from .snapshot import Best, Interrupted, Snapshot, State

__all__ = ["load_latents", "save_latents"]

MEMORY, BEFORE, TERMS = "memory.", "before.", "terms."
OPTIONS = "generator_options"


def save_latents(path: str | Path, latents: Latents) -> None:
    """Writes latents, and their unfinished run if there is one, as safetensors."""
    tensors = {"values": latents.values}
    config: dict[str, object] = {
        "what": "latents",
        "chart": chart_to_config(latents.chart),
        "generator": latents.generator,
        "generator_name": latents.generator_name,
        "samples": list(latents.samples),
        "history": list(latents.history),
    }
    if (options := options_of(latents.generator)) is not None:
        config[OPTIONS] = dict(options)
    if latents.interrupted is not None:
        snapshot = latents.interrupted.snapshot
        config["step"] = snapshot.state.step
        config["settings"] = dict(latents.interrupted.settings)
        tensors |= {
            "rng": snapshot.rng_state,
            "energies": torch.stack([*snapshot.energies, torch.zeros(len(latents))])[:-1],
            "best.position": snapshot.best.position,
            "best.energy": snapshot.best.energy,
        }
        tensors |= {f"{MEMORY}{name}": value for name, value in snapshot.state.memory.items()}
        tensors |= {f"{BEFORE}{name}": value for name, value in latents.interrupted.before.items()}
        tensors |= {
            f"{TERMS}{name}": torch.stack([step[name] for step in snapshot.terms])
            for name in (snapshot.terms[0] if snapshot.terms else ())
        }
    write(path, tensors, config)


def load_latents(path: str | Path) -> Latents:
    """Reads latents from a file of `save_latents`.

    Raises:
        CheckpointError: no such file, or a file without latents.
    """
    checkpoint = read(path)
    config: Mapping[str, Any] = checkpoint.config
    check_what(checkpoint, "latents", "Save them with Save Latents.")
    try:
        return Latents(
            values=checkpoint.tensors["values"],
            chart=chart_from_config(config["chart"]),
            generator=id_with_options(str(config["generator"]), config.get(OPTIONS)),
            generator_name=str(config["generator_name"]),
            samples=tuple(int(n) for n in config["samples"]),
            interrupted=_interrupted(checkpoint) if "step" in config else None,
            history=_history(config),
        )
    except (KeyError, TypeError, ValueError, InvalidInput) as error:
        raise CheckpointError(f"{checkpoint.path.name} is damaged: {error}") from error


def _interrupted(checkpoint: Checkpoint) -> Interrupted:
    tensors, config = checkpoint.tensors, checkpoint.config
    terms = _under(tensors, TERMS)
    snapshot = Snapshot(
        State(tensors["values"], _under(tensors, MEMORY), int(config["step"])),
        tensors["rng"],
        tuple(tensors["energies"]),
        Best(tensors["best.position"], tensors["best.energy"]),
        tuple({name: rows[i] for name, rows in terms.items()} for i in range(int(config["step"]))),
    )
    return Interrupted(snapshot, config["settings"], _under(tensors, BEFORE))


def _history(config: Mapping[str, Any]) -> tuple[int, ...]:
    """Returns the saved history; files without one count only the unfinished run."""
    before = [int("step" in config)] * len(config["samples"])
    return tuple(int(runs) for runs in config.get("history", before))


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
