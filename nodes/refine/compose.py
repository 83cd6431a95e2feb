"""Compose Fuse: a foreground and a background are refined until they fuse."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from PIL import Image

from ...core.auxiliary import Auxiliary
from ...core.chunking import Chunking, ChunkMode
from ...core.composition.placement import placements
from ...core.energy import Energy
from ...core.errors import InvalidInput
from ...core.generator import Generator
from ...core.latents import Latents
from ...core.refine.rules import Adam
from ...core.snapshot import Snapshot
from ..backbone import BackboneInputs, backbone, compared_by, comparer
from ..help import Help
from ..host import Progress, autograd, host, io
from ..images import grid, to_host
from ..running import keep_unfinished, preview_every
from ..sockets import ENERGY, GENERATOR, LATENTS
from ..widgets import advanced, chunk, seed, steps
from ..work import working
from .compose_widgets import composition_outputs, objectives, where

if TYPE_CHECKING:
    from ...core.composition.compose import Blend, Composer, CompositionResult
    from ...core.refine.barrier import Method

__all__ = ["ComposeFuse"]

PREVIEWED = 9
"""Placements of the first sample in a preview."""


class _Watch:
    """Shows a composition's progress."""

    def __init__(self, composer: "Composer", every: int, bar: Progress) -> None:
        self.composer, self.every, self.bar = composer, every, bar

    def step(self, snapshot: Snapshot) -> None:
        """Moves the bar; raises when asked to stop."""
        done = snapshot.state.step
        due = self.every > 0 and done % self.every == 0
        self.bar.update(done, self._preview(snapshot) if due else None)

    def _preview(self, snapshot: Snapshot) -> Callable[[], Image.Image]:
        @torch.no_grad()
        def picture() -> Image.Image:
            composer = self.composer
            first = snapshot.state.position[: min(PREVIEWED, len(composer.job.placements))]
            rng = composer.start.rng(0, "decode").part(0, len(first))
            return grid(composer.generator(first, rng))

        return picture


class ComposeFuse(BackboneInputs, io.ComfyNode):
    """FuseDream's composed generation."""

    HELP = Help(
        about=(
            "Every scale at every place is a separate run, all in one batch: 18 for each sample "
            "by default, so try `places` = centre first. In each run Adam moves both latents by "
            "the dynamic barrier: it lowers the energy first, and raises the similarity of "
            "foreground and background as far as that does not raise the energy. The two are "
            "compared as pasted: by LPIPS with a backbone, by a CLIP's features, else by pixels. "
            "The placement whose finished image has the lowest energy is kept. Cancel writes a "
            "file; Load Latents into `interrupted` continues from it."
        ),
        example=(
            "Two Basis Init of one prompt with different seeds, on avatars: `steps` = 50, "
            "`learning_rate` = 0.02, the CLIP as `auxiliary`, `secondary_weight` = 0.1."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_ComposeFuse",
            display_name="Compose Fuse",
            category="LatentSteer/refine",
            description="Pastes a smaller foreground on a background and refines both together, "
            "so that the whole image has a low energy and the parts fit: FuseDream "
            "section 3.3.",
            inputs=[
                GENERATOR.Input("generator", tooltip="The generator of both latents."),
                LATENTS.Input(
                    "foreground",
                    tooltip="Latents of the foreground: plain, or a basis as in the paper.",
                ),
                LATENTS.Input(
                    "background", tooltip="Latents of the background, as many as foregrounds."
                ),
                ENERGY.Input(
                    "energy",
                    tooltip="The energy of the fused image: Energy CLIP with views in the paper, "
                    "or any other. It also chooses the best placement.",
                ),
                seed("random energies"),
                steps(100),
                advanced(
                    io.Float.Input(
                        "learning_rate",
                        default=5e-3,
                        min=1e-9,
                        max=10.0,
                        step=1e-4,
                        round=False,
                        tooltip="Adam's step in latent units (1e-9 to 10); the paper uses 0.005.",
                    )
                ),
                *objectives(),
                *where(),
                backbone(),
                comparer(),
                LATENTS.Input(
                    "interrupted",
                    optional=True,
                    tooltip="An interrupted run of this node from Load Latents, which continues "
                    "to the same result. Of foreground and background only the form is "
                    "then used.",
                ),
                chunk(),
                preview_every(),
            ],
            outputs=composition_outputs(),
        )
        schema.search_aliases = ["FuseDream", "two subjects", "two people", "paste", "Poisson"]
        return schema

    @classmethod
    def execute(
        cls,
        generator: Generator,
        foreground: Latents,
        background: Latents,
        energy: Energy,
        seed: int,
        steps: int,
        learning_rate: float,
        method: "Method",
        beta: float,
        linear_weight: float,
        secondary_weight: float,
        scales: str,
        places: str,
        blend: "Blend",
        backbone: str,
        chunk: ChunkMode,
        preview_every: int,
        auxiliary: Auxiliary | None = None,
        interrupted: Latents | None = None,
    ) -> io.NodeOutput:
        from ...core.composition.compose import Composer, CompositionJob
        from ...core.refine.barrier import Barrier

        with autograd():
            features, text = compared_by(backbone, auxiliary)
            job = CompositionJob(
                generator=generator,
                energy=energy,
                features=features,
                steps=steps,
                seed=seed,
                chunking=Chunking.of(chunk, generator.image_size),
                device=host().device(),
                placements=placements(_numbers(scales), places),
                weighing=Barrier(method, beta, linear_weight, secondary_weight),
                rule=Adam(learning_rate=learning_rate),
                blend=blend,
            )
            composer = Composer(job, foreground, background)
            models = (generator, energy, composer.secondary)
            with working("Compose Fuse", steps, *models, chunk=chunk) as work:
                watch = _Watch(composer, preview_every, work.bar)
                found = composer.run(interrupted, on_step=watch.step, on_stop=keep_unfinished)
            return io.NodeOutput(
                to_host(found.images),
                found.masks.float(),
                found.foreground,
                found.background,
                "\n".join(map(str, found.placements)),
                found.trace,
                ui={
                    "text": (f"{_said(found)}\n{text}",),
                    "latentsteer": [{"refine": found.trace.summary()}],
                },
            )


def _numbers(text: str) -> list[float]:
    try:
        return [float(entry) for entry in text.split(",") if entry.strip()]
    except ValueError as error:
        raise InvalidInput(
            f"Scales {text!r}; expected numbers above 0 and below 1 with commas between them, "
            "such as 0.65, 0.5."
        ) from error


def _said(found: "CompositionResult") -> str:
    lines: list[str] = []
    for row, (placement, number) in enumerate(
        zip(found.placements, found.best.tolist(), strict=True)
    ):
        lines.append(
            f"sample {row}: {placement}, energy {float(found.energies[row, number]):.4f}, best of "
            f"{found.energies.shape[1]}; it rose in {int(found.falls[row, number])} of "
            f"{len(found.trace.energies) - 1} steps"
        )
    return "\n".join(lines)
