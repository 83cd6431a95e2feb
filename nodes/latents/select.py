"""Select Latents: some samples of a batch."""

from ...core.errors import InvalidInput
from ...core.latents import Latents
from ..help import Help
from ..host import autograd, io
from ..sockets import LATENTS

__all__ = ["SelectLatents"]


class SelectLatents(io.ComfyNode):
    """Picks samples out of a batch."""

    HELP = Help(
        about=(
            "Refine a few samples further, or show them in another order. The samples of a "
            "batch are numbered from 0."
        ),
        example="`rows` = `2, 5`: the third and the sixth sample.",
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_SelectLatents",
            display_name="Select Latents",
            category="LatentSteer/latents",
            description="Some samples of a batch, in any order. Each keeps its random stream, so "
            "that it refines as it did in the batch.",
            inputs=[
                LATENTS.Input("batch", display_name="latents", tooltip="The batch."),
                io.String.Input(
                    "rows", default="0", tooltip="Numbers from 0, separated by commas."
                ),
            ],
            outputs=[
                LATENTS.Output("latents", display_name="latents", tooltip="The samples chosen.")
            ],
        )
        schema.search_aliases = ["pick samples", "rows of a batch"]
        return schema

    @classmethod
    def execute(cls, batch: Latents, rows: str) -> io.NodeOutput:
        try:
            numbers = tuple(int(entry) for entry in rows.split(",") if entry.strip())
        except ValueError as error:
            raise InvalidInput(f"Rows {rows!r}; expected numbers such as 0, 3, 5.") from error
        with autograd():
            return io.NodeOutput(batch.picked(numbers))
