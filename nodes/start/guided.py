"""Guided Sample: samples of a diffusion prior, steered by a few-shot condition."""

from typing import Literal

from ...core.conditions.few_shot import FewShot
from ...core.devices import threads_for
from ...core.diffusion.prior import DiffusionPrior
from ...core.generator import Generator
from ...core.rng import SampleRng
from ..few_shot import correction_widgets, few_shot_socket, prior_steps
from ..few_shot import eta as eta_widget
from ..few_shot import prior as prior_socket
from ..help import Help
from ..host import io, ui
from ..sockets import GENERATOR
from ..widgets import advanced, seed
from ..work import working
from .widgets import latents
from .widgets import samples as samples_widget

__all__ = ["GuidedSample"]

TITLE = "Guided Sample"
Method = Literal["guidance", "Langevin"]


class GuidedSample(io.ComfyNode):
    """Samples of the prior that are steered towards a condition."""

    HELP = Help(
        about=(
            "No sample is rejected, so rare conditions cost no more than frequent ones. guidance "
            "adds the gradient of log r to each step of the diffusion: `scale` 1 is Bayes' rule, "
            "higher ones satisfy the condition more often and are less diverse, and 0 draws "
            "from the prior itself, such as a bank for Rejection Sample. Langevin starts there "
            "and alternates noisy steps along the gradient with corrections by the prior, which "
            "is D2C's; it is slower and mostly behind guidance. The text on the node shows r of "
            "the samples."
        ),
        example="A Few-Shot Condition, a diffusion prior, `scale` = 2, then Decode.",
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_GuidedSample",
            display_name=TITLE,
            category="LatentSteer/initialise",
            description="Samples of a diffusion prior that are steered towards a few-shot "
            "condition: classifier guidance, or D2C's Langevin dynamics with correction.",
            inputs=[
                GENERATOR.Input("generator", tooltip="The generator of the latents."),
                prior_socket("Makes the samples."),
                few_shot_socket(),
                seed("the draws"),
                samples_widget("."),
                io.Combo.Input(
                    "method",
                    options=["guidance", "Langevin"],
                    default="guidance",
                    tooltip="guidance: the gradient of log r in each step of the diffusion. "
                    "Langevin: noisy steps along it, corrected by the prior.",
                ),
                io.Float.Input(
                    "scale",
                    default=1.0,
                    min=0.0,
                    max=3.0,
                    step=0.1,
                    tooltip="Factor on the gradient of log r (0 to 3), for guidance; 0 for the "
                    "prior itself.",
                ),
                prior_steps(),
                eta_widget(),
                advanced(
                    io.Int.Input(
                        "moves",
                        default=100,
                        min=1,
                        max=100000,
                        tooltip="Steps of Langevin (1 to 100000).",
                    )
                ),
                advanced(
                    io.Float.Input(
                        "step_size",
                        default=0.05,
                        min=1e-6,
                        max=10.0,
                        step=0.01,
                        round=False,
                        tooltip="Size of a step of Langevin, in squared standard deviations of "
                        "the latents (1e-6 to 10).",
                    )
                ),
                *correction_widgets(),
            ],
            outputs=[latents()],
        )
        schema.search_aliases = ["D2C", "few-shot", "classifier guidance", "conditional"]
        return schema

    @classmethod
    def execute(
        cls,
        generator: Generator,
        prior: DiffusionPrior,
        condition: FewShot,
        seed: int,
        samples: int,
        method: Method,
        scale: float,
        steps: int,
        eta: float,
        moves: int,
        step_size: float,
        correction: int,
        calls: int,
    ) -> io.NodeOutput:
        from ...core.d2c.guidance import guided_sample, langevin_sample
        from ...core.d2c.langevin import CorrectedLangevin, Correction

        rng = SampleRng.of(seed, samples, "guided")
        size, rows = generator.image_size, prior.chunking.size
        total = samples if method == "guidance" else moves
        with working(TITLE, total, prior, image_size=size) as work:
            threads = threads_for(prior.modules, rows=rows, device=work.device)
            with threads:
                if method == "guidance":
                    found = guided_sample(
                        prior,
                        condition,
                        generator,
                        rng,
                        scale=scale,
                        steps=steps,
                        eta=eta,
                        device=work.device,
                        report=work.report,
                    )
                else:
                    settings = CorrectedLangevin(
                        steps=moves, step_size=step_size, correction=Correction(correction, calls)
                    )
                    found = langevin_sample(
                        prior,
                        condition,
                        generator,
                        rng,
                        settings,
                        steps=steps,
                        eta=eta,
                        device=work.device,
                        report=work.report,
                    )
        return io.NodeOutput(found.latents, ui=ui.PreviewText(found.summary()))
