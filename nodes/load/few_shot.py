"""Load Few-Shot Condition: a saved few-shot condition."""

from ...core.identity import belonging
from ..help import Help
from ..host import autograd, io, ui
from ..model_files import changed, find, offered, present
from ..sockets import FEW_SHOT

__all__ = ["LoadFewShotCondition"]

KIND = "latentsteer_conditions"


class LoadFewShotCondition(io.ComfyNode):
    """Opens a saved few-shot condition."""

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
                    options=offered(KIND, []),
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
    def validate_inputs(cls, file: str) -> bool | str:
        """Reports a missing file before the run, in the same words on every host."""
        return present(KIND, file)

    @classmethod
    def fingerprint_inputs(cls, file: str) -> str:
        """Changes with the file."""
        return changed(KIND, file)

    @classmethod
    def execute(cls, file: str) -> io.NodeOutput:
        from ...core.conditions.few_shot import load_condition

        with autograd():
            found = load_condition(find(KIND, file))
        whose = belonging(found.generator, found.generator_name)
        return io.NodeOutput(found, ui=ui.PreviewText(f"{found.summary()}; latents of {whose}"))
