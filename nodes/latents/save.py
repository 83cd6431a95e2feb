"""Save Latents: latents as a file in the output folder."""

from ...core.latents import Latents
from ..file_names import checked_name, usable_name
from ..help import Help
from ..host import host, io, ui
from ..sockets import LATENTS

__all__ = ["FOLDER", "SaveLatents"]

FOLDER = "latents"
"""Under the output folder."""


class SaveLatents(io.ComfyNode):
    """Writes latents to a file."""

    HELP = Help(
        about=(
            "Writes `output/latents/<name>_00001.safetensors` and counts up; nothing is "
            "overwritten."
        ),
        example=(
            "Save the start of a run, change the energy tomorrow, and refine the same start again."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_SaveLatents",
            display_name="Save Latents",
            category="LatentSteer/latents",
            description="Writes latents to the output folder, under latents.",
            inputs=[
                LATENTS.Input("latents", tooltip="What to keep."),
                io.String.Input(
                    "name",
                    default="latents",
                    tooltip="File name without folder or ending; a number is added.",
                ),
            ],
            outputs=[LATENTS.Output("saved", display_name="latents", tooltip="The same ones.")],
            is_output_node=True,
        )
        schema.search_aliases = ["keep latents", "store latents"]
        return schema

    @classmethod
    def validate_inputs(cls, name: str | None) -> bool | str:
        """Refuses a bad name before the work instead of after it."""
        return usable_name(name)

    @classmethod
    def execute(cls, latents: Latents, name: str) -> io.NodeOutput:
        from ...core.latent_files import save_latents

        folder = host().output_directory() / FOLDER
        number = 1
        while (path := folder / f"{checked_name(name)}_{number:05}.safetensors").exists():
            number += 1
        save_latents(path, latents)
        return io.NodeOutput(latents, ui=ui.PreviewText(f"saved as {path}"))
