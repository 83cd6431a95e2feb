"""Energy Codebook: distance of latents from the codes of a discrete VAE."""

from ...core.energies.codebook import codebook
from ...core.energy import Energy
from ...core.generator import Generator
from ..help import Help
from ..host import io
from ..sockets import GENERATOR
from ..widgets import weight as weighting
from .widgets import added, chained, summed

__all__ = ["EnergyCodebook"]


class EnergyCodebook(io.ComfyNode):
    """Distance from the nearest codes."""

    HELP = Help(
        about=(
            "The latents of a discrete VAE are features on a grid, and only those of its codes "
            "have been seen in training. This energy, the sum of |z_i - e_i|^2 over the places i "
            "with e_i the nearest code, keeps features near codes while a flow moves them. It is "
            "the regulariser of KRR flow's appendix; the paper does not state its weight alpha. "
            "Without it images lose quality. Snap to Codes ends at codes exactly."
        ),
        example=(
            "Energy CLIP into `energy` of this node with `weight` = 0.1, the sum into KRR Flow "
            "Refine."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_EnergyCodebook",
            display_name="Energy Codebook",
            category="LatentSteer/energy",
            description="The distance of a discrete VAE's features from its codes: keeps latents "
            "where the decoder was trained.",
            inputs=[
                GENERATOR.Input("generator", tooltip="A discrete VAE, such as DALL-E's."),
                weighting("the distance from the codes"),
                chained(),
            ],
            outputs=[summed()],
        )
        schema.search_aliases = ["VQ", "regulariser", "dVAE", "DALL-E"]
        return schema

    @classmethod
    def execute(
        cls, generator: Generator, weight: float, energy: Energy | None = None
    ) -> io.NodeOutput:
        return io.NodeOutput(added(weight * codebook(generator), energy))
