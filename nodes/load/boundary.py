"""Load Boundary: a released boundary of D2C as a few-shot condition."""

from ...core.generator import Generator
from ...core.generators.d2c.options import SIDES
from ..help import Help
from ..host import autograd, io, ui
from ..model_files import find, offered
from ..sockets import FEW_SHOT, GENERATOR
from .file_loader import FileLoader

__all__ = ["LoadBoundary"]


class LoadBoundary(FileLoader, io.ComfyNode):
    """Opens a boundary of D2C's authors."""

    KIND = "latentsteer_generators"
    HELP = Help(
        about=(
            "D2C's authors released boundaries of attributes beside their models: "
            "red_lipstick.ckpt, beard.ckpt, blond.ckpt. Put them into "
            "`models/latentsteer_generators`, with model.ckpt. A boundary is the direction in "
            "which Edit by Condition moves with move vector and mode same. It has no offset: r "
            "compares images, and is no probability, so other modes and samplers have no use for "
            "it. The text on the node says the strength of one step of the authors' code, which "
            "took 10 for lipstick, 20 for beard and 15 for blond."
        ),
        example=(
            "Load Generator of model.ckpt with latent clean, this node with beard.ckpt, then Edit "
            "by Condition with Generator Prior."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_LoadBoundary",
            display_name="Load Boundary",
            category="LatentSteer/load",
            description="Opens a boundary that D2C's authors released for edits.",
            inputs=[
                io.Combo.Input(
                    "file",
                    options=offered(cls.KIND, []),
                    tooltip="A file with the tensor boundary alone, in the folder "
                    "models/latentsteer_generators.",
                ),
                GENERATOR.Input(
                    "generator", tooltip="The D2C model of the boundary, loaded with latent clean."
                ),
                io.String.Input("name", default="beard", tooltip="Name of the attribute."),
                io.Combo.Input(
                    "side",
                    options=list(SIDES),
                    default=SIDES[0],
                    tooltip="Side of the boundary on which images show the attribute: minus for "
                    "lipstick and beard, plus for blond.",
                ),
            ],
            outputs=[
                FEW_SHOT.Output(
                    "few_shot", display_name="few-shot condition", tooltip="The boundary."
                )
            ],
        )
        schema.search_aliases = ["D2C", "edit", "attribute", "manipulation"]
        return schema

    @classmethod
    def execute(cls, file: str, generator: Generator, name: str, side: str) -> io.NodeOutput:
        from ...core.generators.d2c.boundary import boundary_condition

        with autograd():
            found = boundary_condition(find(cls.KIND, file), generator, name, side)  # pyright: ignore[reportArgumentType]
        step = found.figures["step"]
        return io.NodeOutput(
            found, ui=ui.PreviewText(f"{name}: a step is a strength of {step:.4g}")
        )
