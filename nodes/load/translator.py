"""Load Translator: a saved translator."""

from ...core.identity import belonging
from ...core.translators.translator import Translator
from ...core.zoo import shipped as catalogue
from ..help import Help
from ..host import autograd, io, ui
from ..model_files import find, offered
from ..sockets import TRANSLATOR
from .file_loader import FileLoader

__all__ = ["LoadTranslator"]


class LoadTranslator(FileLoader, io.ComfyNode):
    """Opens a saved translator."""

    KIND = "latentsteer_translators"
    HELP = Help(
        about=(
            "Files are in `models/latentsteer_translators`. A file that changes is read "
            "again. The text on the node names its generator and its auxiliary. Embedded "
            "translators are of the embedded models."
        ),
        example="Put it in place of Train Translator: nothing is trained again.",
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_LoadTranslator",
            display_name="Load Translator",
            category="LatentSteer/load",
            description="Opens a translator that is shipped or that Save Translator wrote.",
            inputs=[
                io.Combo.Input(
                    "file",
                    options=offered(cls.KIND, list(catalogue.TRANSLATORS)),
                    tooltip="A translator shipped with LatentSteer, or a file in the folder "
                    "models/latentsteer_translators.",
                )
            ],
            outputs=[
                TRANSLATOR.Output(
                    "translator", display_name="translator", tooltip="The translator."
                )
            ],
        )
        schema.search_aliases = ["TR0N"]
        return schema

    @classmethod
    def execute(cls, file: str) -> io.NodeOutput:
        from ...core.checkpoints.checkpoint import read

        with autograd():
            found = Translator.from_checkpoint(read(find(cls.KIND, file)))
        config = found.config
        text = (
            f"to latents of {belonging(config.generator, config.generator_name)}, from conditions "
            f"of {config.auxiliary_name}"
        )
        return io.NodeOutput(found, ui=ui.PreviewText(text))
