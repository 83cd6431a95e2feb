"""Load Pairs: stored pairs."""

from ...core.auxiliary import Auxiliary
from ...core.identity import belonging
from ...core.zoo import shipped as catalogue
from ..help import Help
from ..host import autograd, io, ui
from ..kinds import as_auxiliary
from ..model_files import find, offered
from ..sockets import AUXILIARY, PAIRS
from .file_loader import FileLoader

__all__ = ["LoadPairs"]


class LoadPairs(FileLoader, io.ComfyNode):
    """Opens stored pairs."""

    KIND = "latentsteer_pairs"
    HELP = Help(
        about=(
            "Folders lie in `models/latentsteer_pairs`. Opening reads no pairs: they are read "
            "where they are needed, and each file is checked the first time. The text on the node "
            "names their generator and their auxiliary model. Embedded pairs belong to embedded "
            "models."
        ),
        example=(
            "Connect it to `synthesised` of Train Translator: translators of other settings train "
            "on the same pairs, which are made only once."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_LoadPairs",
            display_name="Load Pairs",
            category="LatentSteer/load",
            description="Opens pairs that are shipped, or that Synthesise Pairs or Save Pairs "
            "wrote.",
            inputs=[
                io.Combo.Input(
                    "file",
                    options=offered(cls.KIND, list(catalogue.PAIRS)),
                    tooltip="Pairs shipped with LatentSteer, or a folder in the folder "
                    "models/latentsteer_pairs.",
                ),
                AUXILIARY.Input(
                    "auxiliary",
                    optional=True,
                    tooltip="The model whose conditions to use, where several are stored; without "
                    "it the first.",
                ),
            ],
            outputs=[PAIRS.Output("pairs", display_name="pairs", tooltip="The pairs.")],
        )
        schema.search_aliases = ["TR0N", "synthetic pairs"]
        return schema

    @classmethod
    def execute(cls, file: str, auxiliary: Auxiliary | None = None) -> io.NodeOutput:
        from ...core.pairs.stored import StoredPairs

        with autograd():
            found = StoredPairs(find(cls.KIND, file))
            if auxiliary is not None:
                found = found.of_auxiliary(as_auxiliary(auxiliary))
        whose = belonging(found.generator, found.manifest.origin.generator_name)
        text = f"{len(found)} pairs of latents of {whose}, and conditions of {found.record.name}"
        return io.NodeOutput(found, ui=ui.PreviewText(text))
