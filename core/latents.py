"""Latents between nodes and on disk, with all that an interrupted run needs to go on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from .checkpoints import Checkpoint, read, write
from .chunks import ONE_BY_ONE
from .errors import CheckpointError, GeneratorMismatch, InvalidInput, ResumeMismatch
from .generator import Generator
from .parametrisation import chart_from_config, chart_to_config
from .refine.kernel import State
from .refine.run import Best, Snapshot
from .rng import SampleRng
from .spaces import Identity, Map, Space

__all__ = ["Interrupted", "Latents", "load_latents", "save_latents"]

MEMORY, BEFORE, TERMS = "memory.", "before.", "terms."


@dataclass(frozen=True)
class Interrupted:
    """A refinement that stopped on its way.

    Attributes:
        snapshot: where it stood.
        settings: all that its result depends on; it goes on with the same alone.
        before: what its terms said at the start.
    """

    snapshot: Snapshot
    settings: Mapping[str, object]
    before: Mapping[str, Tensor]

    def check(self, settings: Mapping[str, object]) -> None:
        """Refuses to go on with other settings.

        Raises:
            ResumeMismatch: naming each setting that differs.
        """
        own, new = _plain(self.settings), _plain(settings)
        differing = sorted(
            name for name in own.keys() | new.keys() if own.get(name) != new.get(name)
        )
        if differing:
            shown = "; ".join(f"{n}: {own.get(n)!r} then, {new.get(n)!r} now" for n in differing)
            raise ResumeMismatch(
                f"These latents were interrupted at step {self.snapshot.state.step} of a run with "
                f"other settings ({shown}). Set them back, or switch `resume` off to start a new "
                "run from where the latents are."
            )


@dataclass(frozen=True)
class Latents:
    """Points, the chart that they are written in, and whose they are.

    Attributes:
        values: (batch, parameters) of the chart's source, on the CPU.
        chart: from these parameters to the generator's latents.
        generator: its id.
        generator_name: for messages.
        samples: the number that names each sample; its random streams follow it.
        interrupted: the unfinished run that they come from, if any.
    """

    values: Float[Tensor, "batch parameters"]
    chart: Map
    generator: str
    generator_name: str
    samples: tuple[int, ...]
    interrupted: Interrupted | None = None

    def __post_init__(self) -> None:
        if len(self.samples) != len(self.values):
            raise InvalidInput(f"{len(self.samples)} names for {len(self.values)} latents.")

    def __len__(self) -> int:
        return len(self.values)

    def check_generator(self, generator: Generator) -> None:
        """Refuses another generator than the latents' own."""
        if generator.id != self.generator:
            raise GeneratorMismatch(
                f"The latents are of generator {self.generator_name!r} ({self.generator[:12]}); "
                f"got {generator.name!r} ({generator.id[:12]}). Load {self.generator_name!r}, or "
                "initialise new latents."
            )

    def moved(self, values: Tensor) -> "Latents":
        """The same samples elsewhere, in no unfinished run."""
        return replace(self, values=values.detach().cpu(), interrupted=None)

    def plain(self) -> "Latents":
        """The same samples written as themselves: what a basis stands for; in no run.

        Raises:
            InvalidInput: written in a chart that leads to no latent space.
        """
        target = self.chart.target
        if not isinstance(target, Space):
            raise InvalidInput(f"The chart {self.chart} leads to {target}, not to latents.")
        (values,) = ONE_BY_ONE.apply_random(
            lambda v, rng: (self.chart(v, rng).detach(),), self.values, self.rng(0, "plain")
        )
        return replace(self, values=values, chart=Identity(target), interrupted=None)

    def picked(self, rows: tuple[int, ...]) -> "Latents":
        """Some of the samples, under their own names.

        Raises:
            InvalidInput: no row, or one that is not there.
        """
        wrong = [row for row in rows if not 0 <= row < len(self)]
        if wrong or not rows:
            raise InvalidInput(
                f"Samples {wrong or 'none'} asked for; there are {len(self)}, counted from 0."
            )
        return replace(
            self,
            values=self.values[list(rows)],
            samples=tuple(self.samples[row] for row in rows),
            interrupted=None,
        )

    def stacked(self, other: "Latents") -> "Latents":
        """These samples and then another batch's, whose names go on after these, in no run.

        Raises:
            GeneratorMismatch: of another generator.
            InvalidInput: written in another chart.
        """
        if other.generator != self.generator:
            raise GeneratorMismatch(
                f"The first latents are of generator {self.generator_name!r} "
                f"({self.generator[:12]}), the second of {other.generator_name!r} "
                f"({other.generator[:12]}). Latents of one generator alone can be stacked."
            )
        if other.chart != self.chart:
            raise InvalidInput(
                f"The first latents are written as {self.chart} of {self.chart.source}, the "
                f"second as {other.chart} of {other.chart.source}. Stack latents of one chart, or "
                "write both plainly first, with Plain Latents."
            )
        following = max(self.samples, default=-1) + 1
        return replace(
            self,
            values=torch.cat([self.values, other.values.to(self.values)]),
            samples=(*self.samples, *(following + name for name in other.samples)),
            interrupted=None,
        )

    def rng(self, seed: int, purpose: str) -> SampleRng:
        """The samples' streams for a run."""
        return SampleRng.of(seed, self.samples, purpose)


def save_latents(path: str | Path, latents: Latents) -> None:
    """Writes latents, and the unfinished run if there is one, as safetensors."""
    tensors = {"values": latents.values}
    config: dict[str, object] = {
        "what": "latents",
        "chart": chart_to_config(latents.chart),
        "generator": latents.generator,
        "generator_name": latents.generator_name,
        "samples": list(latents.samples),
    }
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
    """Reads what `save_latents` wrote.

    Raises:
        CheckpointError: no such file, or it does not hold latents.
    """
    checkpoint = read(path)
    config: Mapping[str, Any] = checkpoint.config
    if config.get("what") != "latents":
        held = config.get("what") or config.get("architecture") or "no configuration of ours"
        raise CheckpointError(
            f"{checkpoint.path.name} holds {held}, not latents. Save them with Save Latents."
        )
    try:
        return Latents(
            values=checkpoint.tensors["values"],
            chart=chart_from_config(config["chart"]),
            generator=str(config["generator"]),
            generator_name=str(config["generator_name"]),
            samples=tuple(int(n) for n in config["samples"]),
            interrupted=_interrupted(checkpoint) if "step" in config else None,
        )
    except (KeyError, TypeError, InvalidInput) as error:
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


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _plain(settings: Mapping[str, object]) -> dict[str, object]:
    """Settings as they come back from a file."""
    return json.loads(json.dumps(dict(settings)))
