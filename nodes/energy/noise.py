"""Noise Norm: how little noise looks like a draw of its prior."""

from ...core.energies.noise import PERMUTATIONS, PIECE, noise_norm, noise_patterns
from ...core.energy import Energy
from ...core.generator import Generator
from ..help import Help
from ..host import autograd, io
from ..sockets import GENERATOR
from ..widgets import advanced
from ..widgets import weight as weighting
from .widgets import added, chained, summed

__all__ = ["NoiseNorm"]


class NoiseNorm(io.ComfyNode):
    """Regularisers of noise."""

    HELP = Help(
        about=(
            "Refined noise that no longer looks like noise makes broken images. norm: ReNO's "
            "regulariser, minus the log density of the length of the noise, least at sqrt(d - 1), "
            "where almost all draws lie; Energy Prior pulls to 0 instead, where there are none. "
            "patterns: that of Direct Noise Optimization, which bounds the probability of the "
            "mean and the covariance of pieces of the noise, also in random orders; it sees "
            "tiles, which the norm does not, and costs time. Both are for latents "
            "drawn from N(0, I)."
        ),
        example="`weight` = 0.01 with Energy Reward, as in ReNO.",
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_NoiseNorm",
            display_name="Noise Norm",
            category="LatentSteer/energy",
            description="Keeps refined noise like a draw of N(0, I): by its norm, as ReNO does, "
            "or by its patterns, as Direct Noise Optimization does.",
            inputs=[
                GENERATOR.Input("generator", tooltip="The generator that the latents belong to."),
                io.Combo.Input(
                    "form",
                    options=["norm", "patterns"],
                    default="norm",
                    tooltip="norm: of ReNO; patterns: of Direct Noise Optimization.",
                ),
                weighting("the regulariser", default=0.01),
                chained(),
                advanced(
                    io.Int.Input(
                        "piece",
                        default=PIECE,
                        min=1,
                        max=4096,
                        tooltip="For patterns: numbers of a piece (1 to 4096); powers of 4 in the "
                        "paper.",
                    )
                ),
                advanced(
                    io.Int.Input(
                        "orders",
                        default=PERMUTATIONS,
                        min=0,
                        max=1000,
                        tooltip="For patterns: random orders at each step (0 to 1000); 100 in the "
                        "released code.",
                    )
                ),
            ],
            outputs=[summed()],
        )
        schema.search_aliases = ["ReNO", "DNO", "regulariser"]
        return schema

    @classmethod
    def execute(
        cls,
        generator: Generator,
        form: str,
        weight: float,
        piece: int,
        orders: int,
        energy: Energy | None = None,
    ) -> io.NodeOutput:
        space = generator.source
        with autograd():
            if form == "patterns":
                term = noise_patterns(space, piece=piece, permutations=orders)
            else:
                term = noise_norm(space)
            return io.NodeOutput(added(weight * term, energy))
