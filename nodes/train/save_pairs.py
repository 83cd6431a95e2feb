"""Save Pairs: pairs as a folder of files."""

from ...core.pairs.pairs import Pairs
from ...core.pairs.precision import PRECISIONS, ConditionStorage
from ..file_names import checked_name, usable_name
from ..help import Help
from ..host import autograd, host, io, ui
from ..sockets import PAIRS
from ..widgets import advanced

__all__ = ["SavePairs"]

KIND = "latentsteer_pairs"


class SavePairs(io.ComfyNode):
    """Writes pairs to a folder."""

    HELP = Help(
        about=(
            "The folder names the generator and the auxiliary model that the pairs belong to, "
            "with their seed and settings. Synthesise Pairs with this name and the same settings "
            "adds to them. A folder with other pairs is not replaced."
        ),
        example=(
            "`name` = `digits`, then Load Pairs offers `digits` (press R on the canvas to refresh "
            "lists)."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_SavePairs",
            display_name="Save Pairs",
            category="LatentSteer/train",
            description="Writes pairs to models/latentsteer_pairs.",
            inputs=[
                PAIRS.Input("pairs", tooltip="What to keep."),
                io.String.Input(
                    "name",
                    default="pairs",
                    tooltip="Name of the new folder; one with other pairs is not replaced.",
                ),
                advanced(
                    io.Combo.Input(
                        "precision",
                        options=list(PRECISIONS),
                        default="fp32",
                        tooltip="How conditions are stored: fp16 halves their size; int8 quarters "
                        "it, with errors of at most 1/254 of a condition's largest number.",
                    )
                ),
            ],
            outputs=[PAIRS.Output("saved", display_name="pairs", tooltip="The saved pairs.")],
            is_output_node=True,
        )
        schema.search_aliases = ["TR0N", "save dataset"]
        return schema

    @classmethod
    def validate_inputs(cls, name: str | None) -> bool | str:
        """Refuses a bad name before the synthesis instead of after it."""
        return usable_name(name)

    @classmethod
    def execute(cls, pairs: Pairs, name: str, precision: ConditionStorage) -> io.NodeOutput:
        from ...core.pairs.keeping import save_pairs

        folder = host().model_folder(KIND)[0] / checked_name(name)
        with autograd():
            saved = save_pairs(folder, pairs, precision=precision)
        return io.NodeOutput(saved, ui=ui.PreviewText(f"{len(saved)} pairs saved in {folder}"))
