"""Save Few-Shot Condition: a few-shot condition as a file."""

from ...core.conditions.few_shot import FewShot
from ..file_names import checked_name, usable_name
from ..help import Help
from ..host import host, io, ui
from ..sockets import FEW_SHOT

__all__ = ["SaveFewShotCondition"]

KIND = "latentsteer_conditions"


class SaveFewShotCondition(io.ComfyNode):
    """Writes a few-shot condition to a file."""

    HELP = Help(
        about=(
            "The file holds a linear classifier of latents, some kilobytes, and names the "
            "generator whose latents these are; others are refused. It holds no image."
        ),
        example=(
            "`name` = `sunglasses`, then Load Few-Shot Condition offers `sunglasses.safetensors` "
            "(press R on the canvas to refresh lists)."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_SaveFewShotCondition",
            display_name="Save Few-Shot Condition",
            category="LatentSteer/condition",
            description="Writes a few-shot condition to models/latentsteer_conditions.",
            inputs=[
                FEW_SHOT.Input("few_shot", tooltip="What to keep."),
                io.String.Input(
                    "name",
                    default="condition",
                    tooltip="File name without folder or ending; an existing file is replaced.",
                ),
            ],
            outputs=[
                FEW_SHOT.Output(
                    "saved", display_name="few-shot condition", tooltip="The same one."
                )
            ],
            is_output_node=True,
        )
        schema.search_aliases = ["D2C", "save labels"]
        return schema

    @classmethod
    def validate_inputs(cls, name: str | None) -> bool | str:
        """Refuses a bad name before the training instead of after it."""
        return usable_name(name)

    @classmethod
    def execute(cls, few_shot: FewShot, name: str) -> io.NodeOutput:
        from ...core.conditions.few_shot import save_condition

        path = host().model_folder(KIND)[0] / f"{checked_name(name)}.safetensors"
        save_condition(few_shot, path)
        return io.NodeOutput(few_shot, ui=ui.PreviewText(f"saved as {path}"))
