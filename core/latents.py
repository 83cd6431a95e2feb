"""Latents between nodes and on disk, with all that an interrupted run needs to go on."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from .charts import chart_from_config, chart_to_config
from .checkpoints.checkpoint import Checkpoint, read, write
from .chunking import ONE_BY_ONE
from .errors import CheckpointError, GeneratorMismatch, InvalidInput
from .generator import Generator
from .identity import check_options, options_of, told_options
from .rng import SampleRng
from .snapshot import Best, Interrupted, Snapshot, State
from .spaces import Domain, Identity, Map, Space

__all__ = ["Interrupted", "Latents", "load_latents", "save_latents", "together"]

MEMORY, BEFORE, TERMS = "memory.", "before.", "terms."
OPTIONS = "generator_options"
LOOKS = ("decode", "plain")
"""Purposes of streams that no run draws from."""
_RUNS = WeakTensorKeyDictionary()
"""The histories of tensors that runs return: values that are taken out of their latents and put
into new ones keep theirs."""


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
        history: how many runs each sample has been through, the unfinished one among them; its
            random streams follow that too. Left empty, that of the values where a run returned
            them, else none.
    """

    values: Float[Tensor, "batch parameters"]
    chart: Map
    generator: str
    generator_name: str
    samples: tuple[int, ...]
    interrupted: Interrupted | None = None
    history: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if len(self.samples) != len(self.values):
            raise InvalidInput(f"{len(self.samples)} names for {len(self.values)} latents.")
        if not self.history:
            known = _RUNS.get(self.values, (0,) * len(self.values))
            object.__setattr__(self, "history", known)
        if len(self.history) != len(self.values) or min(self.history, default=0) < 0:
            raise InvalidInput(
                f"Histories {self.history} of {len(self.values)} latents; expected how many runs "
                "each has been through."
            )

    def __len__(self) -> int:
        return len(self.values)

    def check_generator(self, generator: Generator) -> None:
        """Refuses another generator than the latents' own, or one loaded with other options.

        Latents that do not know these, since they were written before, are let through with a
        note in the log where they are points of the generator's space.

        Raises:
            GeneratorMismatch: of another generator, with other options, or of another space.
        """
        if generator.id != self.generator:
            raise GeneratorMismatch(
                f"The latents are of generator {self.generator_name!r} ({self.generator[:12]}); "
                f"got {generator.name!r} ({generator.id[:12]}). Load {self.generator_name!r}, or "
                "initialise new latents."
            )
        cure = "initialise new latents"
        check_options("The latents", self.generator, generator.id, generator.name, cure)
        if not _alike(self.chart.target, generator.source):
            raise GeneratorMismatch(
                f"The latents are points of {self.chart.target}; {generator.name!r}, as loaded, "
                f"takes those of {generator.source}. Load it with their space, or {cure}."
            )

    def of_generator(self, generator: Generator) -> "Latents":
        """The same ones, checked, that know all options of their generator from now on.

        Raises:
            GeneratorMismatch: as `check_generator`.
        """
        self.check_generator(generator)
        known = options_of(generator.id) is not None
        return replace(self, generator=generator.id) if known else self

    def moved(self, values: Tensor) -> "Latents":
        """The same samples elsewhere, in no unfinished run."""
        values = values.detach().cpu()
        _RUNS[values] = self.history
        return replace(self, values=values, interrupted=None)

    def drawn_for(self) -> "Latents":
        """The same samples with one more run in their history, so that the next draws afresh."""
        return replace(self, history=tuple(runs + 1 for runs in self.history))

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
            history=tuple(self.history[row] for row in rows),
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
        own = together(self, other, "stacked")
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
            generator=own,
            samples=(*self.samples, *(following + name for name in other.samples)),
            interrupted=None,
            history=(*self.history, *other.history),
        )

    def rng(self, seed: int, purpose: str) -> SampleRng:
        """The samples' streams for a run, fresh for each run that they have been through.

        What is only looked at draws the same whenever it is: previews and the last image of a
        generator with random noise are alike.
        """
        streams = SampleRng.of(seed, self.samples, purpose)
        return streams if purpose in LOOKS else streams.after(self.history)


def together(first: Latents, second: Latents, done: str) -> str:
    """The generator of two batches of the same weights: that of the one that knows its options.

    Args:
        first: of a generator.
        second: of the same weights.
        done: what they shall be, for messages: "stacked".

    Raises:
        GeneratorMismatch: their generators were loaded with other options.
    """
    known = [latents for latents in (first, second) if options_of(latents.generator) is not None]
    given = known[0] if known else first
    check_options(
        "The second latents" if given is first else "The first latents",
        (second if given is first else first).generator,
        given.generator,
        given.generator_name,
        f"make both by one Load Generator; latents of one map alone can be {done}",
        against="the others are of",
    )
    spaces = first.chart.target, second.chart.target
    if not _alike(*spaces):
        raise GeneratorMismatch(
            f"The first latents are points of {spaces[0]}, the second of {spaces[1]}. Latents of "
            f"one space alone can be {done}."
        )
    return given.generator


def _alike(one: Domain, other: Domain) -> bool:
    """Whether both are latent spaces of one kind, or either is none."""
    return not isinstance(one, Space) or not isinstance(other, Space) or one.alike(other)


def save_latents(path: str | Path, latents: Latents) -> None:
    """Writes latents, and the unfinished run if there is one, as safetensors."""
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
            generator=told_options(str(config["generator"]), config.get(OPTIONS)),
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
    """Of files written before there was one, the unfinished run alone."""
    before = [int("step" in config)] * len(config["samples"])
    return tuple(int(runs) for runs in config.get("history", before))


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
