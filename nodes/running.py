"""A refinement in a node: progress bar, previews, and the file to resume it from."""

from collections.abc import Callable

import torch
from PIL import Image

from ..core.chunking import ChunkMode
from ..core.energy import Energy
from ..core.generator import Generator
from ..core.latents import Latents
from ..core.refine.kernel import Refiner
from ..core.refine.refinement import Refinement, Returned, refine
from ..core.refine.trace import Trace
from ..core.snapshot import Snapshot
from .host import Progress, host, io
from .host_networks import save_more_memory
from .images import grid
from .sockets import LATENTS, TRACE
from .widgets import advanced
from .work import working

__all__ = [
    "RefinementWatch",
    "clamp_widget",
    "keep_unfinished",
    "outputs",
    "preview_every",
    "refined_output",
    "resume_widget",
    "run_refinement",
]

OUT_OF_MEMORY = getattr(torch, "OutOfMemoryError", torch.cuda.OutOfMemoryError)
PREVIEWED = 16
"""Samples in a preview."""


def preview_every() -> io.Int.Input:
    """The widget for the number of steps between previews."""
    return advanced(
        io.Int.Input(
            "preview_every",
            default=5,
            min=0,
            max=10000,
            tooltip="Steps between previews of the first samples (0 to 10000); 0 for none.",
        )
    )


def clamp_widget() -> io.Boolean.Input:
    """The widget for the generator's bounds."""
    return advanced(
        io.Boolean.Input(
            "clamp", default=True, tooltip="Keep latents within the generator's bounds."
        )
    )


def resume_widget() -> io.Boolean.Input:
    """The widget for the continuation of an interrupted run."""
    return advanced(
        io.Boolean.Input(
            "resume",
            default=True,
            tooltip="Continue the interrupted run of the latents, to the same result. Off: "
            "start a new run from them, with fresh draws.",
        )
    )


def outputs() -> list[io.Output]:
    """The outputs of every refiner: latents and their trace."""
    return [
        LATENTS.Output(
            "refined",
            display_name="latents",
            tooltip="The refined latents.",
        ),
        TRACE.Output(
            "trace", display_name="trace", tooltip="Energies of every step, for Energy Report."
        ),
    ]


def keep_unfinished(latents: Latents) -> None:
    """Writes latents of an unfinished run to the output folder, under interrupted."""
    from ..core.latent_files import save_latents

    prompt, node = (name.replace(":", "-") for name in host().run_id())
    path = host().output_directory() / "interrupted" / f"{prompt}_{node}.safetensors"
    save_latents(path, latents)
    host().record_interrupted(path)


class RefinementWatch:
    """Shows the progress of a refinement and writes the file to resume it from.

    Args:
        job: the refinement.
        latents: its start.
        every: steps between previews; 0 for none.
        bar: the bar.
        before: place of the bar before the first step.
    """

    def __init__(
        self, job: Refinement, latents: Latents, every: int, bar: Progress, before: int = 0
    ) -> None:
        self.job, self.latents, self.every, self.bar = job, latents, every, bar
        self.before = before

    def step(self, snapshot: Snapshot) -> None:
        """Moves the bar; raises when asked to stop."""
        done = snapshot.state.step
        due = self.every > 0 and done % self.every == 0
        self.bar.update(self.before + done, self._preview(snapshot) if due else None)

    def stopped(self, latents: Latents) -> None:
        """Writes the unfinished run."""
        keep_unfinished(latents)

    def _preview(self, snapshot: Snapshot) -> Callable[[], Image.Image]:
        @torch.no_grad()
        def picture() -> Image.Image:
            first = snapshot.state.position[:PREVIEWED]
            rng = self.latents.rng(0, "decode").part(0, len(first))
            return grid(self.job.generator(self.latents.chart(first, rng), rng))

        return picture


def run_refinement(
    title: str,
    refiner: Refiner,
    *,
    generator: Generator,
    start: Latents,
    energy: Energy,
    seed: int,
    steps: int,
    clamp: bool,
    keep_best: bool,
    chunk: ChunkMode,
    preview_every: int,
    resume: bool,
    latent_noise: float = 0.0,
    returned: Returned = "last",
    kept_by: tuple[str, ...] | None = None,
) -> tuple[Latents, Trace]:
    """Refines latents with a progress bar and previews; an interrupted run is saved.

    Args:
        title: the bar's title and the trace's.
        refiner: moves the latents.
        generator: of the latents.
        start: initial latents, or those of an interrupted run.
        energy: the energy to lower.
        seed: of the noise and of random energies.
        steps: T, at least 1.
        clamp: whether latents stay within the generator's bounds.
        keep_best: whether each sample ends at its point of lowest energy.
        chunk: how many samples the networks process at a time.
        preview_every: steps between previews; 0 for none.
        resume: whether to continue an interrupted run.
        latent_noise: standard deviation of the noise on the latents that the generator renders.
        returned: the last latents, or those that the last step starts from.
        kept_by: with `keep_best`, beginnings of the names of the terms that count; None for all.

    Raises:
        SteerError: see `core.refine.refinement.refine`.
    """
    unfinished: list[Latents] = []

    def attempt(start: Latents, resume: bool) -> tuple[Latents, Trace]:
        with working(title, steps, generator, energy, chunk=chunk) as work:
            job = Refinement(
                title=title,
                generator=generator,
                energy=energy,
                refiner=refiner,
                steps=steps,
                seed=seed,
                chunking=work.chunking,
                device=work.device,
                clamp=clamp,
                keep_best=keep_best,
                latent_noise=latent_noise,
                returned=returned,
                kept_by=kept_by,
            )
            watch = RefinementWatch(job, start, preview_every, work.bar)

            def stopped(latents: Latents) -> None:
                unfinished.append(latents)
                watch.stopped(latents)

            return refine(job, start, resume=resume, on_step=watch.step, on_stop=stopped)

    try:
        return attempt(start, resume)
    except OUT_OF_MEMORY:
        if not save_more_memory(generator.modules):
            raise
    # Outside of the handler, whose traceback holds the activations.
    return attempt(unfinished[-1], True) if unfinished else attempt(start, resume)


def refined_output(latents: Latents, trace: Trace) -> io.NodeOutput:
    """The values of `outputs`, with the trace's summary in the user interface."""
    return io.NodeOutput(latents, trace, ui={"latentsteer": [{"refine": trace.summary()}]})
