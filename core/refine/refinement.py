"""A resumable refinement from end to end: from latents to latents and a trace."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from ..charts import WithNoise
from ..chunking import Chunking
from ..devices import threads_of
from ..energy import Energy
from ..errors import Diverged, InvalidInput
from ..generator import Generator
from ..identity import identity_of, options_of
from ..latents import Latents
from ..rng import SampleRng
from ..snapshot import MAP, Best, Interrupted, Snapshot, State
from ..spaces import Map
from .keeping import KeptTerms, reading_terms
from .kernel import Info, Kernel, Refiner
from .run import check_energy, first_snapshot, iterate, with_last_energy
from .trace import Trace, curves

__all__ = ["Refinement", "Returned", "refine"]

Returned: TypeAlias = Literal["last", "last but one"]


@dataclass(frozen=True)
class Refinement:
    """A refinement to run, with all its settings.

    Attributes:
        title: title to display.
        generator: generator of the latents.
        energy: energy on images or latents of the generator.
        refiner: refiner that moves the latents.
        steps: T, at least 1.
        seed: seed of the noise and of random energies; latents from an earlier run get fresh
            draws, for any seed of that run.
        chunking: how many samples the networks see at a time.
        device: where the networks are.
        clamp: whether latents are kept within the bounds of the generator. Class shares always
            keep the sum 1.
        keep_best: whether each sample ends at the best point of its run instead of the last.
        latent_noise: standard deviation of noise on the latents that the generator renders, fresh
            at every step; 0 in FuseDream's paper, 0.01 in its released code. The readings before
            and after exclude it.
        returned: `last`, or `last but one` for the latents that the last step starts from: the
            released code renders those and discards its last step. That step is not made here.
        kept_by: beginnings of the names of terms, see `KeptTerms`: with `keep_best` the best point
            is that of their least weighted sum, as ReNO counts the rewards without its
            regulariser; None for the whole energy.
        names: one number per sample that decides its place in the chunks; those of the latents if
            None.
    """

    title: str
    generator: Generator
    energy: Energy
    refiner: Refiner
    steps: int
    seed: int
    chunking: Chunking
    device: torch.device = field(compare=False)
    clamp: bool = True
    keep_best: bool = False
    latent_noise: float = 0.0
    returned: Returned = "last"
    kept_by: tuple[str, ...] | None = None
    names: Sequence[int] | None = field(default=None, compare=False)

    def identity(self) -> dict[str, object]:
        """Everything that the result depends on, except the latents and the versions.

        Made of the compared fields of this class, see `core.identity.identity_of`.
        """
        options = options_of(self.generator.id) or {}
        own = {one.name: getattr(self, one.name) for one in fields(self) if one.compare}
        own |= {"generator": self.generator.id, "energy": self.energy.signature()}
        own |= {f"{MAP}{name}": value for name, value in options.items()}
        return {name: identity_of(value) for name, value in own.items()}


def refine(
    job: Refinement,
    latents: Latents,
    *,
    resume: bool = True,
    on_step: Callable[[Snapshot], None] = lambda snapshot: None,
    on_stop: Callable[[Latents], None] = lambda latents: None,
) -> tuple[Latents, Trace]:
    """Refines latents, continuing their interrupted run if there is one.

    Args:
        job: what to do.
        latents: latents of the generator of the job.
        resume: whether to continue the interrupted run of the latents, if there is one, with a
            result equal to the bit to that of an uninterrupted run. Otherwise a new run begins,
            with fresh draws.
        on_step: called after every step; may raise to stop.
        on_stop: called with latents to resume from when the run ends early for any reason; after a
            divergence these are the last ones with finite energies.

    Raises:
        GeneratorMismatch: latents of another generator.
        ConditionMismatch: a condition's rows do not match the samples.
        DomainMismatch: an energy that does not fit the generator.
        ResumeMismatch: the interrupted run has other settings.
        Diverged: an energy or a position stopped being finite.
        InvalidInput: no step, no sample, a start that is not finite, or settings without an
            identity.
    """
    if job.steps < 1:
        raise InvalidInput(f"{job.steps} steps of refinement; at least 1 needed.")
    latents = latents.of_generator(job.generator)
    energy = job.energy.pullback(job.generator).pullback(latents.chart)
    energy.check_batch(len(latents))
    kept = KeptTerms(job.kept_by, energy) if job.keep_best and job.kept_by else None
    kernel = _kernel(job, latents.chart)
    steps = job.steps - (job.returned == "last but one")
    rng = latents.rng(job.seed, "refine")
    if job.names is not None:
        rng = rng.named(job.names)
    with threads_of(job.generator, energy, job.chunking, job.device):
        return _refined(job, latents, energy, kernel, kept, rng, steps, resume, on_step, on_stop)


def _refined(
    job: Refinement,
    latents: Latents,
    energy: Energy,
    kernel: Kernel,
    kept: KeptTerms | None,
    rng: SampleRng,
    steps: int,
    resume: bool,
    on_step: Callable[[Snapshot], None],
    on_stop: Callable[[Latents], None],
) -> tuple[Latents, Trace]:
    settings = job.identity()  # before any work: raises for settings without an identity
    if resume and latents.interrupted is not None:
        # Their history already counts the unfinished run.
        latents.interrupted.check(settings)
        snapshot = _moved(latents.interrupted.snapshot, job.device)
        before = latents.interrupted.before
    else:
        latents = latents.drawn_for()
        position = latents.chart.source.share(latents.values.to(job.device))
        snapshot = first_snapshot(kernel, position, rng)
        before = energy.readings(position, rng, job.chunking)

    confirmed = snapshot
    try:
        counted = _energy if kept is None else kept.at_step
        for following in iterate(kernel, snapshot, steps, rng, counted):
            confirmed, snapshot = snapshot, following
            on_step(snapshot)
        return _finished(job, latents, energy, kept, snapshot, rng, before)
    except BaseException as error:
        faulty = isinstance(error, Diverged) and error.at_start
        kept = _moved(confirmed if faulty else snapshot, torch.device("cpu"))
        unfinished = Interrupted(kept, settings, before)
        on_stop(replace(latents, values=kept.state.position, interrupted=unfinished))
        raise


def _kernel(job: Refinement, chart: Map) -> Kernel:
    noisy = job.latent_noise > 0
    rendered = WithNoise(job.generator, job.latent_noise) if noisy else job.generator
    energy = job.energy.pullback(rendered).pullback(chart)
    refiner = reading_terms(job.refiner) if job.keep_best and job.kept_by else job.refiner
    return refiner.bind(energy, chart, job.chunking, _projection(job, chart))


def _energy(info: Info) -> Tensor:
    return info.energy


def _projection(job: Refinement, chart: Map) -> Callable[[Tensor], Tensor]:
    """Projects onto bounds and supports of densities, or only onto shares."""
    if not job.clamp:
        return chart.source.share
    within = [
        leaf.within
        for leaf in job.energy.leaves()
        if leaf.within is not None and leaf.domain == chart.source
    ]

    def project(v: Tensor) -> Tensor:
        for function in (chart.source.clamp, *within):
            v = function(v)
        return v

    return project


def _finished(
    job: Refinement,
    latents: Latents,
    energy: Energy,
    kept: KeptTerms | None,
    snapshot: Snapshot,
    rng: SampleRng,
    before: Mapping[str, Tensor],
) -> tuple[Latents, Trace]:
    streams = rng.restored(snapshot.rng_state)
    after = energy.readings(snapshot.state.position, streams, job.chunking)
    check_energy(after["energy"], snapshot.state.step)
    position, terms = snapshot.state.position, curves(snapshot.terms, after)
    last = after["energy"] if kept is None else kept.at_end(after, position, rng)
    snapshot = with_last_energy(snapshot, after["energy"], last)
    if job.keep_best:
        position = snapshot.best.position
        after = energy.readings(position, streams, job.chunking)
    trace = Trace(job.title, torch.stack(snapshot.energies), before, after, terms)
    return latents.moved(position), trace


def _moved(snapshot: Snapshot, device: torch.device) -> Snapshot:
    state, best = snapshot.state, snapshot.best
    memory = {name: value.to(device) for name, value in state.memory.items()}
    return replace(
        snapshot,
        state=State(state.position.to(device), memory, state.step),
        best=Best(best.position.to(device), best.energy.to(device)),
    )
