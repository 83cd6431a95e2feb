"""Latents: points of a generator, written in a chart, with their history."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from .charts import Start
from .chunking import ONE_BY_ONE, Chunking
from .errors import GeneratorMismatch, InvalidInput
from .generator import Generator
from .identity import check_options, options_of
from .rng import SampleRng
from .snapshot import Interrupted
from .spaces import Domain, Identity, Map, Space

__all__ = ["Latents", "decode"]

LOOKS = ("decode", "plain")
"""Purposes of streams outside of runs."""
_RUNS = WeakTensorKeyDictionary()
"""Histories of the tensors that runs return, so that new latents of the same values keep them."""


@dataclass(frozen=True)
class Latents:
    """Points with their chart and their generator.

    Attributes:
        values: points in the source of the chart, on the CPU, (batch, parameters).
        chart: map from these parameters to latents of the generator.
        generator: id of the generator.
        generator_name: name of the generator for messages.
        samples: number that identifies each sample and its random streams.
        interrupted: the unfinished run of these latents, if any.
        history: number of runs of each sample, including the unfinished one; its random streams
            depend on it too. If empty, that of the values where a run returned them, otherwise 0.
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
                f"Histories {self.history} of {len(self.values)} latents; expected one number of "
                "runs per sample."
            )

    @classmethod
    def of(cls, start: Start, generator: Generator) -> "Latents":
        """Returns the samples of a start, numbered from 0.

        Args:
            start: start, on any device.
            generator: generator of the points.
        """
        values, names = start.values.cpu(), tuple(range(len(start.values)))
        model = (generator.id, generator.name)
        return cls(values, start.chart, *model, names, history=start.history)

    def __len__(self) -> int:
        return len(self.values)

    def check_generator(self, generator: Generator) -> None:
        """Checks that the generator is that of the latents, with the same options.

        Older latents have no recorded options; they are accepted with a note in the log if they
        fit the space of the generator.

        Raises:
            GeneratorMismatch: another generator, other options, or another space.
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
        """Returns the same latents, checked, with all options of their generator recorded.

        Raises:
            GeneratorMismatch: as for `check_generator`.
        """
        self.check_generator(generator)
        known = options_of(generator.id) is not None
        return replace(self, generator=generator.id) if known else self

    def moved(self, values: Tensor) -> "Latents":
        """Returns the same samples at other points, without an unfinished run."""
        values = values.detach().cpu()
        _RUNS[values] = self.history
        return replace(self, values=values, interrupted=None)

    def drawn_for(self) -> "Latents":
        """Returns the same samples with one more run in their history, for fresh draws."""
        return replace(self, history=tuple(runs + 1 for runs in self.history))

    def plain(self) -> "Latents":
        """Returns the same samples in the identity chart, without an unfinished run.

        Raises:
            InvalidInput: the target of the chart is not a latent space.
        """
        target = self.chart.target
        if not isinstance(target, Space):
            raise InvalidInput(f"The chart {self.chart} leads to {target}, not to latents.")
        (values,) = ONE_BY_ONE.apply_random(
            lambda v, rng: (self.chart(v, rng).detach(),), self.values, self.rng(0, "plain")
        )
        return replace(self, values=values, chart=Identity(target), interrupted=None)

    def picked(self, rows: tuple[int, ...]) -> "Latents":
        """Returns some of the samples, with their own numbers.

        Raises:
            InvalidInput: no row, or an unknown one.
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
        """Returns these samples followed by another batch, renumbered, without an unfinished run.

        Raises:
            GeneratorMismatch: of another generator.
            InvalidInput: written in another chart.
        """
        own = self._generator_with(other, "stacked")
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

    def interpolated(self, other: "Latents", at: Sequence[float]) -> "Latents":
        """Returns (1 - t) xi_1 + t xi_2 with another batch, FuseDream appendix C, for each pair.

        The latents themselves are mixed in any chart: for a basis its weighted sum, not its points
        and weights separately. The result is in the identity chart.

        Args:
            other: latents at t = 1; as many samples, or one on either side.
            at: values of t, each a sample of the result: all of the first pair, then the next
                pair.

        Raises:
            GeneratorMismatch: of another generator.
            InvalidInput: no t, or numbers of samples that do not pair.
        """
        generator = self._generator_with(other, "interpolated")
        if not at:
            raise InvalidInput("No position between the latents given; at least 1 needed.")
        count = max(len(self), len(other))
        if not {len(self), len(other)} <= {1, count} or min(len(self), len(other)) < 1:
            raise InvalidInput(
                f"Batches of {len(self)} and {len(other)} latents cannot be paired. Give as many "
                "samples, or one on either side."
            )
        start, end = self.plain(), other.plain()
        ends = end.values.to(start.values).expand(count, -1)
        places = torch.tensor(at, dtype=start.values.dtype)[:, None]
        pairs = zip(start.values.expand(count, -1), ends, strict=True)
        # Pair by pair, so that a path does not depend on the others in the batch.
        values = torch.stack([torch.lerp(one, two, places) for one, two in pairs])
        before, after = (
            one.history if len(one) == count else one.history * count for one in (self, other)
        )
        # A frame gets draws that neither of its ends has had.
        longest = [max(pair) for pair in zip(before, after, strict=True)]
        history = tuple(runs for runs in longest for _ in at)
        model, names = (generator, self.generator_name), tuple(range(count * len(at)))
        return Latents(values.flatten(0, 1), start.chart, *model, names, history=history)

    def rng(self, seed: int, purpose: str) -> SampleRng:
        """Returns the streams of the samples for a run, fresh after each run.

        Purposes for display always draw the same: previews and the final image of a generator with
        random noise are equal.
        """
        streams = SampleRng.of(seed, self.samples, purpose)
        return streams if purpose in LOOKS else streams.after(self.history)

    def _generator_with(self, other: "Latents", done: str) -> str:
        """Returns the generator of both batches: the id with recorded options.

        Args:
            other: latents of the same generator.
            done: operation on both, for messages, such as "stacked".

        Raises:
            GeneratorMismatch: other weights, other options, or another space.
        """
        if other.generator != self.generator:
            raise GeneratorMismatch(
                f"The first latents are of generator {self.generator_name!r} "
                f"({self.generator[:12]}), the second of {other.generator_name!r} "
                f"({other.generator[:12]}). Only latents of one generator can be {done}."
            )
        first = options_of(self.generator) is not None or options_of(other.generator) is None
        given, checked = (self, other) if first else (other, self)
        check_options(
            f"The {'second' if first else 'first'} latents",
            checked.generator,
            given.generator,
            given.generator_name,
            f"make both by one Load Generator; only latents of one map can be {done}",
            against="the others are of",
        )
        spaces = self.chart.target, other.chart.target
        if not _alike(*spaces):
            raise GeneratorMismatch(
                f"The first latents are points of {spaces[0]}, the second of {spaces[1]}. Only "
                f"latents of one space can be {done}."
            )
        return given.generator


def _alike(one: Domain, other: Domain) -> bool:
    """Whether both are equal latent spaces, or either is not a latent space."""
    return not isinstance(one, Space) or not isinstance(other, Space) or one.alike(other)


@torch.no_grad()
def decode(
    latents: Latents,
    generator: Generator,
    chunking: Chunking,
    device: torch.device,
    *,
    report: Callable[[int], None] = lambda rows: None,
) -> Float[Tensor, "batch 3 height width"]:
    """Returns the images of latents, on the CPU; random noise is the same at every call.

    Args:
        latents: latents in any chart.
        generator: G.
        chunking: samples at a time.
        device: device of the networks.
        report: called after each chunk with the images done; may raise to stop.

    Raises:
        GeneratorMismatch: latents of another generator.
    """
    latents.check_generator(generator)
    (images,) = chunking.apply_random(
        lambda v, part: (generator(latents.chart(v, part), part),),
        latents.values.to(device),
        latents.rng(0, "decode"),
        report,
    )
    return images.cpu()
