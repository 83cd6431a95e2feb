"""The refinement loop: one snapshot per step, from which a run resumes bit for bit."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from ..errors import Diverged, InvalidInput
from ..rng import SampleRng
from ..snapshot import Best, Snapshot, State
from .kernel import Info, Kernel

__all__ = ["check_energy", "first_snapshot", "iterate", "with_last_energy"]


def first_snapshot(kernel: Kernel, position: Tensor, rng: SampleRng) -> Snapshot:
    """Returns the snapshot before the first step.

    Raises:
        InvalidInput: no sample, or a point that is not finite.
    """
    if len(position) == 0:
        raise InvalidInput("No sample to refine: the batch is empty. Initialise at least one.")
    if not bool(position.isfinite().all()):
        raise InvalidInput(f"Samples {_bad_rows(position)} start at points that are not finite.")
    nowhere = torch.full((len(position),), torch.inf, dtype=position.dtype, device=position.device)
    return Snapshot(kernel.init(position), rng.state(), (), Best(position, nowhere))


def iterate(
    kernel: Kernel,
    start: Snapshot,
    steps: int,
    rng: SampleRng,
    counted: Callable[[Info], Tensor] = lambda info: info.energy,
) -> Iterator[Snapshot]:
    """Yields the snapshot after each step, from a snapshot until `steps` steps are made in total.

    The consumer shows progress and previews, and stops by not iterating further: the last snapshot
    is complete.

    Args:
        kernel: the refiner, bound to its energy.
        start: from `first_snapshot`, or an interrupted run's last snapshot.
        steps: T, the number of steps of the whole run.
        rng: streams of the samples; they continue from the state in the snapshot.
        counted: what the best point has least of.

    Raises:
        Diverged: an energy or a position stopped being finite.
    """
    streams = rng.restored(start.rng_state)
    snapshot = start
    while snapshot.state.step < steps:
        before = snapshot.state
        state, info = kernel.step(before, streams)
        energy, terms = _read(before, state, info)
        snapshot = Snapshot(
            state,
            streams.state(),
            (*snapshot.energies, energy),
            snapshot.best.met(before.position, counted(info)),
            (*snapshot.terms, terms),
        )
        yield snapshot


def with_last_energy(snapshot: Snapshot, energy: Tensor, counted: Tensor) -> Snapshot:
    """Adds the energy of the last point to the curve and the best point of a snapshot.

    Args:
        snapshot: the last one.
        energy: energy of its point.
        counted: what the best point has least of, there.
    """
    return replace(
        snapshot,
        energies=(*snapshot.energies, energy.float().cpu()),
        best=snapshot.best.met(snapshot.state.position, counted.to(snapshot.best.energy)),
    )


def check_energy(energy: Tensor, step: int) -> None:
    """Checks that energies are finite at the point that a step starts from.

    Raises:
        Diverged: naming samples and step.
    """
    if not bool(energy.isfinite().all()):
        _diverged("energy", step, energy[:, None])


def _read(before: State, after: State, info: Info) -> tuple[Tensor, dict[str, Tensor]]:
    """Returns the energy and its terms on the CPU, in float32: the only wait for the device.

    Raises:
        Diverged: an energy, or the position after the step, is not finite.
    """
    energy = info.energy.detach()
    finite = [energy.isfinite(), after.position.isfinite().all(dim=1)]
    kept = (energy, *(v.detach() for v in info.terms.values()), *finite)
    read = torch.stack([v.float() for v in kept]).cpu()
    values, *terms, sound, placed = read.unbind()
    for what, flags in (("energy", sound), ("position", placed)):
        if not bool(flags.all()):
            _diverged(what, before.step, torch.where(flags > 0, 0.0, torch.nan)[:, None])
    # Copies, so that a step does not keep the other values that were read with it.
    named = zip(info.terms, terms, strict=True)
    return values.clone(), {name: value.clone() for name, value in named}


def _diverged(what: str, step: int, values: Tensor) -> None:
    rows = _bad_rows(values)
    shown = ", ".join(str(row) for row in rows[:8]) + (" ..." if len(rows) > 8 else "")
    raise Diverged(
        f"The {what} of sample {shown} stopped being finite at step {step} (counted from 0). "
        "Lower the step size or the inverse temperature, or check the energy's models.",
        step=step,
        samples=rows,
        at_start=what == "energy",
    )


def _bad_rows(values: Tensor) -> tuple[int, ...]:
    bad = ~values.isfinite().all(dim=1)
    return tuple(int(row) for row in bad.nonzero()[:, 0])
