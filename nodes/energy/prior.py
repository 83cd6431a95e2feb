"""Energy Prior: minus the log density of the generator's own prior."""

from ...core.energies.prior import NoDensity, needs_fit, prior_energy
from ...core.energy import Energy
from ...core.generator import Generator
from ..help import Help
from ..host import io
from ..sockets import GENERATOR
from ..widgets import weight as weighting
from ..work import working
from .widgets import added, chained, no_density, prior_std, summed

__all__ = ["EnergyPrior"]


class EnergyPrior(io.ComfyNode):
    """Minus the log density of the prior."""

    HELP = Help(
        about=(
            "Pulls latents back to the region that the generator was trained on. Add it to "
            "another energy if refined images lose quality. The density is taken block by "
            "block: a normal z gives |z|^2 / (2 nu^2), BigGAN's truncated z the same with "
            "nu = psi, cut off at 2 psi; the class (`y`, `c`) is not pulled anywhere, since "
            "all classes are equally likely. `std` multiplies the prior's own standard "
            "deviations: below 1 it pulls harder than the prior itself. StyleGAN's w and w+ "
            "have no density that can be evaluated: steer z, or choose *fitted Gaussian*, "
            "which pulls every coordinate of w towards its mean over 4096 mapped draws, by "
            "its standard deviation over them. The draws are the same every time."
        ),
        example="Energy Prior with `weight` = 0.05 into the `energy` input of Energy Classifier.",
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_EnergyPrior",
            display_name="Energy Prior",
            category="LatentSteer/energy",
            description="-log p(z) of the generator's own prior, z^2 / (2 nu^2) where it is "
            "normal: keeps latents in the region that the generator was trained on.",
            inputs=[
                GENERATOR.Input(
                    "generator", tooltip="The generator that the latents z belong to."
                ),
                weighting("the prior"),
                prior_std(),
                chained(),
                no_density(),
            ],
            outputs=[summed()],
        )
        schema.search_aliases = ["L2", "regulariser"]
        return schema

    @classmethod
    def execute(
        cls,
        generator: Generator,
        weight: float,
        std: float,
        energy: Energy | None = None,
        no_density: NoDensity = "refuse",
    ) -> io.NodeOutput:
        drawn = generator if needs_fit(generator, no_density) else None
        with working("Energy Prior", 0, drawn, image_size=generator.image_size):
            term = weight * prior_energy(generator, std=std, no_density=no_density)
        return io.NodeOutput(added(term, energy))
