"""Rejection Sample: draws that a few-shot condition accepts."""

from ...core.conditions.few_shot import FewShot
from ...core.d2c.rejection import AcceptanceRule
from ...core.diffusion.prior import DiffusionPrior
from ...core.generator import Generator
from ...core.latents import Latents
from ...core.rng import SampleRng
from ..few_shot import eta as eta_widget
from ..few_shot import few_shot_socket, prior_steps
from ..few_shot import prior as prior_socket
from ..help import Help
from ..host import io, ui
from ..sockets import GENERATOR, LATENTS
from ..widgets import advanced, seed
from ..work import working
from .widgets import latents
from .widgets import samples as samples_widget

__all__ = ["RejectionSample"]

TITLE = "Rejection Sample"


class RejectionSample(io.ComfyNode):
    """Draws that the condition accepts."""

    HELP = Help(
        about=(
            "Draws latents of the prior until the condition accepts one for each sample: D2C's "
            "Algorithm 1. The exact rule accepts with probability r / `bound`, so samples follow "
            "r(c given z) p(z); the threshold rule accepts only latents of high r, which "
            "are less diverse. "
            "The text on the node shows the acceptance rate. With a rate of 0.05 a sample takes "
            "20 draws. A `bank` of stored latents replaces the draws, and can be reused for any "
            "condition; Guided Sample with `scale` = 0 makes one. Without a prior the draws are "
            "those of the generator's own prior."
        ),
        example=(
            "Few-Shot Condition of 50 pictures with sunglasses and 50 without, a diffusion "
            "prior, `samples` = 8, then Decode."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_RejectionSample",
            display_name=TITLE,
            category="LatentSteer/initialise",
            description="Samples of the prior that a few-shot condition accepts: D2C's "
            "conditional generation from a few labels.",
            inputs=[
                GENERATOR.Input("generator", tooltip="The generator of the latents."),
                few_shot_socket(),
                seed("the draws"),
                samples_widget("."),
                io.Combo.Input(
                    "rule",
                    options=["exact", "threshold"],
                    default="exact",
                    tooltip="exact: accepts with probability r / bound. threshold: accepts where "
                    "r is at least the threshold.",
                ),
                io.Float.Input(
                    "threshold",
                    default=0.0,
                    min=0.0,
                    max=0.999,
                    step=0.01,
                    tooltip="Smallest r for the threshold rule (0 to 0.999); 0 for that of the "
                    "condition.",
                ),
                advanced(
                    io.Float.Input(
                        "bound",
                        default=0.0,
                        min=0.0,
                        max=1.0,
                        step=0.01,
                        tooltip="Bound of r for the exact rule (0 to 1); 0 for that of the "
                        "condition. Lower ones accept more; the law is exact where no r exceeds "
                        "it.",
                    )
                ),
                io.Int.Input(
                    "budget",
                    default=1000,
                    min=1,
                    max=10000000,
                    tooltip="Most draws for each sample (1 to 10000000); a sample that finds "
                    "none is left out. No effect with a bank.",
                ),
                advanced(prior_steps()),
                eta_widget(),
                prior_socket("Draws the candidates.", optional=True),
                LATENTS.Input(
                    "bank",
                    optional=True,
                    tooltip="Stored latents of this generator to choose from, each once; such as "
                    "draws of the prior.",
                ),
            ],
            outputs=[latents("The accepted latents, one per sample.")],
        )
        schema.search_aliases = ["D2C", "few-shot", "conditional", "accept"]
        return schema

    @classmethod
    def execute(
        cls,
        generator: Generator,
        condition: FewShot,
        seed: int,
        samples: int,
        rule: AcceptanceRule,
        threshold: float,
        bound: float,
        budget: int,
        steps: int,
        eta: float,
        prior: DiffusionPrior | None = None,
        bank: Latents | None = None,
    ) -> io.NodeOutput:
        from ...core.d2c.bank import LatentBank, draws_of
        from ...core.d2c.rejection import Acceptance, rejection_sample

        condition.check(generator)
        draw = draws_of(generator, prior, steps=steps, eta=eta)
        size = generator.image_size
        with working(TITLE, samples, generator, prior, image_size=size) as work:
            stored = None if bank is None else LatentBank.of_latents(bank)
            if stored is not None:
                stored.check(generator)
            accepted = rejection_sample(
                draw,
                condition.probability,
                SampleRng.of(seed, samples, "rejection"),
                acceptance=Acceptance(
                    rule, threshold or condition.threshold, bound or condition.ratio_bound
                ),
                budget=budget,
                bank=stored,
                at_once=1 if prior is None else prior.chunking.size,
                device=work.device,
                report=work.report,
            )
        text = ui.PreviewText(accepted.summary())
        return io.NodeOutput(accepted.latents(generator), ui=text)
