"""Move Latents: moves latents along a direction."""

from typing import TYPE_CHECKING, Literal

from ...core.auxiliary import Auxiliary
from ...core.captioner import Captioner
from ...core.chunking import ChunkMode
from ...core.errors import InvalidInput
from ...core.generator import Generator
from ...core.latents import Latents
from ..help import Help
from ..host import autograd, io, ui
from ..kinds import as_auxiliary
from ..sockets import AUXILIARY, DIRECTION, GENERATOR, LATENTS
from ..widgets import advanced, chunk
from ..work import working

if TYPE_CHECKING:
    from ...core.pairs.directions import LatentDirection

__all__ = ["MoveLatents"]

Mode = Literal["same", "smallest"]


class MoveLatents(io.ComfyNode):
    """Moves latents along a direction."""

    HELP = Help(
        about=(
            "Adds a multiple of the direction to each latent. With `mode` same all samples move "
            "by `strength`; with smallest each moves only until the auxiliary sees what is "
            "wanted, at most by `strength`, which changes the rest less. A direction made with "
            "`per_sample` has several ways there, and each sample takes the one that changes the "
            "rest least. The text on the node lists each strength, and the samples that do not "
            "get there. Latents in a basis become plain ones."
        ),
        example=(
            "Image to Latents of a portrait, Contrast Direction of sunglasses, `mode` = smallest, "
            "then Decode."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_MoveLatents",
            display_name="Move Latents",
            category="LatentSteer/latents",
            description="Moves latents along a direction, by one strength or each by the smallest "
            "that shows what is wanted.",
            inputs=[
                LATENTS.Input("batch", display_name="latents", tooltip="The samples to move."),
                DIRECTION.Input("direction", tooltip="From Contrast Direction."),
                io.Combo.Input(
                    "mode",
                    options=["same", "smallest"],
                    default="same",
                    tooltip="same: all samples move by the strength. smallest: each moves until "
                    "the auxiliary sees what is wanted, which needs the generator and the "
                    "auxiliary.",
                ),
                io.Float.Input(
                    "strength",
                    default=5.0,
                    min=-100.0,
                    max=100.0,
                    step=0.1,
                    tooltip="How far, in standard deviations of the latents along the direction "
                    "(-100 to 100); the largest strength for smallest, which must be above 0.",
                ),
                advanced(
                    io.Float.Input(
                        "certainty",
                        default=0.8,
                        min=0.01,
                        max=0.999,
                        step=0.01,
                        tooltip="Probability from which the auxiliary counts as seeing what is "
                        "wanted (0.01 to 0.999); for smallest alone.",
                    )
                ),
                advanced(
                    io.Int.Input(
                        "grid",
                        default=10,
                        min=1,
                        max=1000,
                        tooltip="Strengths to try, evenly spaced (1 to 1000); the first that is "
                        "enough is then halved three times. For smallest alone.",
                    )
                ),
                GENERATOR.Input(
                    "generator", optional=True, tooltip="Makes the images; for smallest."
                ),
                AUXILIARY.Input(
                    "auxiliary",
                    optional=True,
                    tooltip="The auxiliary of the direction's texts; for smallest.",
                ),
                chunk(),
                advanced(
                    io.Float.Input(
                        "beyond",
                        default=1.0,
                        min=0.01,
                        max=100.0,
                        step=0.05,
                        tooltip="Factor on the smallest move (0.01 to 100): more than 1 makes "
                        "what is wanted clearer. For smallest alone.",
                    )
                ),
                advanced(
                    io.Boolean.Input(
                        "checked",
                        default=False,
                        optional=True,
                        tooltip="Whether the end of each move is looked at too, as it is and as "
                        "drawn again from its image: a move goes beyond the smallest only where "
                        "what is wanted is still seen there. For smallest alone.",
                    )
                ),
            ],
            outputs=[
                LATENTS.Output("latents", display_name="latents", tooltip="The moved samples.")
            ],
        )
        schema.search_aliases = ["edit", "attribute", "semantic direction", "slider"]
        return schema

    @classmethod
    def execute(
        cls,
        batch: Latents,
        direction: "LatentDirection",
        mode: Mode,
        strength: float,
        certainty: float,
        grid: int,
        chunk: ChunkMode,
        generator: Generator | None = None,
        auxiliary: Auxiliary | Captioner | None = None,
        beyond: float = 1.0,
        checked: bool = False,
    ) -> io.NodeOutput:
        from ...core.pairs.moving import moved_along, moved_until
        from ...core.pairs.search import MoveSearch

        if mode == "same":
            with autograd():
                return io.NodeOutput(moved_along(batch, direction, strength))
        if generator is None or auxiliary is None:
            raise InvalidInput(
                "The smallest strength is found by looking at images. Connect the generator and "
                "the auxiliary, or set the mode to same."
            )
        model = as_auxiliary(auxiliary)
        search = MoveSearch(
            most=strength, grid=grid, certainty=certainty, beyond=beyond, checked=checked
        )
        models = (generator, model)
        with working("Move Latents", search.evaluations(direction), *models, chunk=chunk) as work:
            moved = moved_until(
                batch,
                direction,
                generator,
                model,
                search=search,
                chunking=work.chunking,
                device=work.device,
                report=work.report,
            )
        return io.NodeOutput(moved.latents, ui=ui.PreviewText(moved.summary()))
