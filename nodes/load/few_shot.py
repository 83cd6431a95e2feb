"""Load Few-Shot Condition: a saved few-shot condition."""

from ...core.identity import belonging
from ..help import Help
from ..host import autograd, io, ui
from ..model_files import find, offered
from ..sockets import FEW_SHOT
from .file_loader import FileLoader

__all__ = ["LoadFewShotCondition"]


class LoadFewShotCondition(FileLoader, io.ComfyNode):
    """Opens a saved few-shot condition."""

    KIND = "latentsteer_conditions"
    HELP = Help(
        about=(
            "Files are in `models/latentsteer_conditions`. A file that changes is read again. The "
            "text on the node names the generator of the condition; others are refused."
        ),
        example="Put it in place of Few-Shot Condition: no image is encoded again.",
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_LoadFewShotCondition",
            display_name="Load Few-Shot Condition",
            category="LatentSteer/load",
            description="Opens a few-shot condition that Save Few-Shot Condition wrote.",
            inputs=[
                io.Combo.Input(
                    "file",
                    options=offered(cls.KIND, []),
                    tooltip="A file in the folder models/latentsteer_conditions.",
                )
            ],
            outputs=[
                FEW_SHOT.Output(
                    "few_shot", display_name="few-shot condition", tooltip="The condition."
                )
            ],
        )
        schema.search_aliases = ["D2C", "load labels"]
        return schema

    @classmethod
    def execute(cls, file: str) -> io.NodeOutput:
        from ...core.conditions.few_shot import load_condition

        with autograd():
            found = load_condition(find(cls.KIND, file))
        whose = belonging(found.generator, found.generator_name)
        return io.NodeOutput(found, ui=ui.PreviewText(f"{found.summary()}; latents of {whose}"))
