"""The refiners: Langevin Refine and Adam Refine."""

from collections.abc import Callable
from typing import Any

import torch
from PIL import Image

from ..core.chunks import Chunking, ChunkMode
from ..core.energy import Energy
from ..core.generator import Generator
from ..core.latents import Latents, save_latents
from ..core.refine.kernel import Rule
from ..core.refine.presets import over_chart
from ..core.refine.refinement import Refinement, refine
from ..core.refine.rules import ScheduleName, adam, langevin
from ..core.refine.rules import schedule as make_schedule
from ..core.refine.run import Snapshot
from .host import Progress, autograd, host, io, running
from .images import grid
from .sockets import ENERGY, GENERATOR, LATENTS, TRACE
from .widgets import advanced, chunk, schedule, seed, steps

__all__ = ["NODES"]

PREVIEWED = 16
"""Samples in a preview."""


def _inputs() -> list[io.Input]:
    return [
        GENERATOR.Input("generator", tooltip="The generator that the latents belong to."),
        LATENTS.Input(
            "start", display_name="latents", tooltip="Where to start, or an interrupted run."
        ),
        ENERGY.Input("energy", tooltip="What to lower. Weight and sum energies by chaining."),
        seed("the noise and of random energies"),
        steps(25),
    ]


def _shared() -> list[io.Input]:
    return [
        advanced(
            io.Float.Input(
                "clip_norm",
                default=0.0,
                min=0.0,
                max=1e6,
                step=0.1,
                tooltip="Longest gradient of a sample (0 to 1e6); 0 for no limit, as the paper. "
                "The released code uses 1.",
            )
        ),
        advanced(
            io.Boolean.Input(
                "clamp",
                default=True,
                tooltip="Keep latents within the bounds that the generator states.",
            )
        ),
        advanced(
            io.Boolean.Input(
                "keep_best",
                default=False,
                tooltip="End each sample at the point of lowest energy that it met instead of its "
                "last point. The result is then no sample of the energy's law.",
            )
        ),
        chunk(),
        advanced(
            io.Int.Input(
                "preview_every",
                default=5,
                min=0,
                max=10000,
                tooltip="Steps between previews of the first samples (0 to 10000); 0 for none.",
            )
        ),
        advanced(
            io.Boolean.Input(
                "resume",
                default=True,
                tooltip="Go on with the interrupted run that the latents come from, to the same "
                "result. Off: start a new run from where they are.",
            )
        ),
    ]


def _outputs() -> list[io.Output]:
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


class _Watch:
    """Shows a refinement's progress and keeps what is needed to resume it."""

    def __init__(self, job: Refinement, latents: Latents, every: int, bar: Progress) -> None:
        self.job, self.latents, self.every, self.bar = job, latents, every, bar

    def step(self, snapshot: Snapshot) -> None:
        """Moves the bar; raises when asked to stop."""
        done = snapshot.state.step
        due = self.every > 0 and done % self.every == 0
        self.bar.update(done, self._preview(snapshot) if due else None)

    def stopped(self, latents: Latents) -> None:
        """Writes the unfinished run."""
        prompt, node = (name.replace(":", "-") for name in host().run_id())
        path = host().output_directory() / "interrupted" / f"{prompt}_{node}.safetensors"
        save_latents(path, latents)
        host().record_interrupted(path)

    def _preview(self, snapshot: Snapshot) -> Callable[[], Image.Image]:
        @torch.no_grad()
        def picture() -> Image.Image:
            first = snapshot.state.position[:PREVIEWED]
            rng = self.latents.rng(0, "decode").part(0, len(first))
            return grid(self.job.generator(self.latents.chart(first, rng), rng))

        return picture


def _run(
    title: str,
    rule: Rule,
    weights: Rule,
    settings: dict[str, object],
    *,
    generator: Generator,
    start: Latents,
    energy: Energy,
    seed: int,
    steps: int,
    clip_norm: float,
    clamp: bool,
    keep_best: bool,
    chunk: ChunkMode,
    preview_every: int,
    resume: bool,
) -> io.NodeOutput:
    job = Refinement(
        title=title,
        generator=generator,
        energy=energy,
        rule=over_chart(start.chart, rule, weights, clip=clip_norm),
        steps=steps,
        seed=seed,
        chunking=Chunking.of(chunk, generator.image_size),
        device=host().device(),
        clamp=clamp,
        keep_best=keep_best,
        settings={**settings, "clip_norm": clip_norm},
    )
    devices = host().on_device((*generator.modules, *energy.modules))
    with autograd(), devices, running(steps, title) as bar:
        watch = _Watch(job, start, preview_every, bar)
        refined, trace = refine(
            job, start, resume=resume, on_step=watch.step, on_stop=watch.stopped
        )
    return io.NodeOutput(refined, trace, ui={"latentsteer": [{"refine": trace.summary()}]})


class LangevinRefine(io.ComfyNode):
    """TR0N's error correction."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        schema = io.Schema(
            node_id="LatentSteer_LangevinRefine",
            display_name="Langevin Refine",
            category="LatentSteer/refine",
            description="Langevin dynamics on an energy: TR0N equation 1, and equation 5 on a "
            "basis, with the momentum of its appendix B.1.",
            inputs=[
                *_inputs(),
                io.Float.Input(
                    "step_size",
                    default=1e-4,
                    min=1e-12,
                    max=10.0,
                    step=1e-6,
                    round=False,
                    tooltip="lambda, in latent units squared (1e-12 to 10). The noise's standard "
                    "deviation is sqrt(lambda), the gradient's factor beta lambda / 2.",
                ),
                io.Float.Input(
                    "inverse_temperature",
                    default=20.0,
                    min=1e-6,
                    max=1e9,
                    step=0.1,
                    tooltip="beta: how much the energy counts against the noise (1e-6 to 1e9). "
                    "The paper: 20 for classes, 2000 for StyleGAN2 and NVAE with CLIP, 1e5 for "
                    "BigGAN with CLIP; 1 with Energy Bayes.",
                ),
                advanced(
                    io.Float.Input(
                        "momentum",
                        default=0.99,
                        min=0.0,
                        max=0.9999,
                        step=0.01,
                        tooltip="Share of the last step's direction that is kept (0 to 0.9999). "
                        "The paper uses 0.99; 0 is equation 1 itself.",
                    )
                ),
                *schedule("step", "lambda"),
                *schedule("noise", "the noise's standard deviation"),
                advanced(
                    io.Float.Input(
                        "weights_rate",
                        default=5e-3,
                        min=1e-9,
                        max=10.0,
                        step=1e-4,
                        round=False,
                        tooltip="Adam's learning rate for the weights of a basis (1e-9 to 10); no "
                        "effect on other latents.",
                    )
                ),
                *_shared(),
            ],
            outputs=_outputs(),
        )
        schema.search_aliases = ["TR0N", "MCMC", "SGLD", "sampler"]
        return schema

    @classmethod
    def execute(
        cls,
        steps: int,
        step_size: float,
        inverse_temperature: float,
        momentum: float,
        step_schedule: ScheduleName,
        step_final: float,
        noise_schedule: ScheduleName,
        noise_final: float,
        weights_rate: float,
        **shared: Any,  # noqa: ANN401 - what every refiner takes; typed where it is used
    ) -> io.NodeOutput:
        """Runs the steps."""
        rule = langevin(
            step_size=step_size,
            inverse_temperature=inverse_temperature,
            momentum=momentum,
            step_schedule=make_schedule(step_schedule, steps, step_final),
            noise_schedule=make_schedule(noise_schedule, steps, noise_final),
        )
        settings: dict[str, object] = {
            "step_size": step_size,
            "inverse_temperature": inverse_temperature,
            "momentum": momentum,
            "step_schedule": [step_schedule, step_final],
            "noise_schedule": [noise_schedule, noise_final],
            "weights_rate": weights_rate,
        }
        weights = adam(learning_rate=weights_rate)
        return _run("Langevin Refine", rule, weights, settings, steps=steps, **shared)


class AdamRefine(io.ComfyNode):
    """Descent by Adam."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        schema = io.Schema(
            node_id="LatentSteer_AdamRefine",
            display_name="Adam Refine",
            category="LatentSteer/refine",
            description="Adam on an energy, without noise: FuseDream's optimiser and TR0N's "
            "ablation. Fast, and less diverse than Langevin.",
            inputs=[
                *_inputs(),
                io.Float.Input(
                    "learning_rate",
                    default=5e-3,
                    min=1e-9,
                    max=10.0,
                    step=1e-4,
                    round=False,
                    tooltip="Length of a step in latent units (1e-9 to 10); the papers use 0.005.",
                ),
                *schedule("rate", "the learning rate"),
                *_shared(),
            ],
            outputs=_outputs(),
        )
        schema.search_aliases = ["FuseDream", "optimiser", "sampler"]
        return schema

    @classmethod
    def execute(
        cls,
        steps: int,
        learning_rate: float,
        rate_schedule: ScheduleName,
        rate_final: float,
        **shared: Any,  # noqa: ANN401 - what every refiner takes; typed where it is used
    ) -> io.NodeOutput:
        """Runs the steps."""
        rule = adam(
            learning_rate=learning_rate,
            step_schedule=make_schedule(rate_schedule, steps, rate_final),
        )
        settings: dict[str, object] = {
            "learning_rate": learning_rate,
            "rate_schedule": [rate_schedule, rate_final],
        }
        return _run("Adam Refine", rule, rule, settings, steps=steps, **shared)


NODES = [LangevinRefine, AdamRefine]
