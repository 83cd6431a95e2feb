"""Energy Bayes: minus the log posterior of latents given a class."""

from ...core.auxiliary import Auxiliary
from ...core.condition import Condition
from ...core.energies.bayes import bayes
from ...core.energies.prior import NoDensity, needs_fit
from ...core.energy import Energy
from ...core.generator import Generator
from ..help import Help
from ..host import io
from ..kinds import as_classifier
from ..sockets import AUXILIARY, CONDITION, GENERATOR
from ..work import working
from .widgets import added, chained, no_density, prior_std, summed

__all__ = ["EnergyBayes"]


class EnergyBayes(io.ComfyNode):
    """Minus the log posterior."""

    HELP = Help(
        about=(
            "E(z, c) = -beta1 log p(z) - beta2 log f_c(G(z)), with the generator's own "
            "prior, which Energy Prior describes. With `inverse_temperature` = 1 and "
            "`momentum` = 0 in Langevin Refine and (1, 1) here, samples follow the "
            "posterior of latents given the class: diverse, and of lower probability. (1, "
            "20) raises the probability; (0, 20) equals Energy Classifier with "
            "`inverse_temperature` = 20. Latents w and w+ have no prior density: there (1, "
            "1) is refused, or approximated by a fitted Gaussian, and (0, 20) works."
        ),
        example="The workflow *tr0n_digits_bayes_1_20*.",
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_EnergyBayes",
            display_name="Energy Bayes",
            category="LatentSteer/energy",
            description="-beta1 log p(z) - beta2 log p(c given G(z)): TR0N equation 7. Refine "
            "with inverse temperature 1. (1, 1) is the exact posterior for every "
            "generator whose prior has a density.",
            inputs=[
                GENERATOR.Input(
                    "generator", tooltip="The generator that the latents z belong to."
                ),
                AUXILIARY.Input("auxiliary", tooltip="The classifier p(c given x)."),
                CONDITION.Input("condition", tooltip="The wanted classes of this classifier."),
                io.Float.Input(
                    "beta1",
                    default=1.0,
                    min=0.0,
                    max=1e6,
                    step=0.01,
                    tooltip="Weight of the prior (0 to 1e6); 1 for the posterior.",
                ),
                io.Float.Input(
                    "beta2",
                    default=1.0,
                    min=0.0,
                    max=1e6,
                    step=0.01,
                    tooltip="Weight of the classifier (0 to 1e6); 1 for the posterior, 20 for the "
                    "paper's best.",
                ),
                prior_std(),
                chained(),
                no_density(),
            ],
            outputs=[summed()],
        )
        schema.search_aliases = ["posterior", "Bayes rule"]
        return schema

    @classmethod
    def execute(
        cls,
        generator: Generator,
        auxiliary: Auxiliary,
        condition: Condition,
        beta1: float,
        beta2: float,
        std: float,
        energy: Energy | None = None,
        no_density: NoDensity = "refuse",
    ) -> io.NodeOutput:
        drawn = generator if beta1 > 0 and needs_fit(generator, no_density) else None
        with working("Energy Bayes", 0, drawn, image_size=generator.image_size):
            both = bayes(
                generator,
                as_classifier(auxiliary),
                condition,
                prior_weight=beta1,
                likelihood_weight=beta2,
                std=std,
                no_density=no_density,
            )
        return io.NodeOutput(added(both, energy))
