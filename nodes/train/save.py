"""Save Translator: a translator as a model file."""

from ...core.translators.translator import Translator
from ..file_names import checked_name, usable_name
from ..help import Help
from ..host import host, io, ui
from ..sockets import TRANSLATOR

__all__ = ["SaveTranslator"]

KIND = "latentsteer_translators"


class SaveTranslator(io.ComfyNode):
    """Writes a translator to a model file."""

    HELP = Help(
        about=(
            "The file names the generator and the auxiliary model that the translator "
            "belongs to; others are refused."
        ),
        example=(
            "`name` = `digits`, then Load Translator offers `digits.safetensors` (press R on "
            "the canvas to refresh lists)."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_SaveTranslator",
            display_name="Save Translator",
            category="LatentSteer/train",
            description="Writes a translator to models/latentsteer_translators.",
            inputs=[
                TRANSLATOR.Input("translator", tooltip="What to keep."),
                io.String.Input(
                    "name",
                    default="translator",
                    tooltip="File name without folder or ending; an existing file is replaced.",
                ),
            ],
            outputs=[
                TRANSLATOR.Output(
                    "saved",
                    display_name="translator",
                    tooltip="The same one.",
                )
            ],
            is_output_node=True,
        )
        schema.search_aliases = ["TR0N"]
        return schema

    @classmethod
    def validate_inputs(cls, name: str | None) -> bool | str:
        """Refuses a bad name before the training instead of after it."""
        return usable_name(name)

    @classmethod
    def execute(cls, translator: Translator, name: str) -> io.NodeOutput:
        from ...core.checkpoints.checkpoint import write

        path = host().model_folder(KIND)[0] / f"{checked_name(name)}.safetensors"
        if host().processes().rank == 0:
            write(path, translator.state_dict(), translator.to_config())
        return io.NodeOutput(translator, ui=ui.PreviewText(f"saved as {path}"))
