"""Energy Few-Shot: minus log r of a few-shot condition."""

from ...core.conditions.few_shot import FewShot
from ...core.energies.few_shot import few_shot
from ...core.energy import Energy
from ...core.generator import Generator
from ..help import Help
from ..host import autograd, io
from ..sockets import FEW_SHOT, GENERATOR
from ..widgets import weight as weighting
from .widgets import added, chained, summed

__all__ = ["EnergyFewShot"]


class EnergyFewShot(io.ComfyNode):
    """Minus log r of a few-shot condition."""

    HELP = Help(
        about=(
            "r is the probability that a latent shows what the labelled images show. The energy "
            "sees latents alone: no image is made for it, so a step costs almost nothing. It ends "
            "at the classifier's boundary; add Energy Prior, so that latents stay where the "
            "generator was trained, or use Guided Sample, whose prior keeps them there."
        ),
        example="Few-Shot Condition, this node, Energy Prior chained to it, then Adam Refine.",
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_EnergyFewShot",
            display_name="Energy Few-Shot",
            category="LatentSteer/energy",
            description="-log r(c given z) of a few-shot condition, D2C's classifier in latent "
            "space, for any refiner.",
            inputs=[
                GENERATOR.Input("generator", tooltip="The generator of the latents."),
                FEW_SHOT.Input("condition", tooltip="Of this generator's latents."),
                weighting("-log r"),
                chained(),
            ],
            outputs=[summed()],
        )
        schema.search_aliases = ["D2C", "few-shot", "latent classifier", "labels"]
        return schema

    @classmethod
    def execute(
        cls,
        generator: Generator,
        condition: FewShot,
        weight: float,
        energy: Energy | None = None,
    ) -> io.NodeOutput:
        with autograd():
            return io.NodeOutput(added(weight * few_shot(condition, generator), energy))
