"""Save Diffusion Prior: a diffusion prior as a model file."""

from ...core.diffusion.prior import DiffusionPrior
from ..file_names import checked_name, usable_name
from ..help import Help
from ..host import host, io, ui
from ..sockets import PRIOR

__all__ = ["SaveDiffusionPrior"]

KIND = "latentsteer_priors"


class SaveDiffusionPrior(io.ComfyNode):
    """Writes a diffusion prior to a model file."""

    HELP = Help(
        about=(
            "The file names the generator whose latents the prior models; another one is refused. "
            "In float16 it is half as large, and a slightly different prior: what is made with it "
            "belongs to the prior in the file."
        ),
        example=(
            "`name` = `birds`, then Load Diffusion Prior offers `birds.safetensors` (press R on "
            "the canvas to refresh lists)."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_SaveDiffusionPrior",
            display_name="Save Diffusion Prior",
            category="LatentSteer/train",
            description="Writes a diffusion prior to models/latentsteer_priors.",
            inputs=[
                PRIOR.Input("prior", tooltip="What to keep."),
                io.String.Input(
                    "name",
                    default="prior",
                    tooltip="File name without folder or ending; an existing file is replaced.",
                ),
                io.Boolean.Input(
                    "float16",
                    default=False,
                    tooltip="Store the network's weights in half the space.",
                ),
            ],
            outputs=[PRIOR.Output("saved", display_name="prior", tooltip="The same one.")],
            is_output_node=True,
        )
        schema.search_aliases = ["D2C", "DDIM"]
        return schema

    @classmethod
    def validate_inputs(cls, name: str | None) -> bool | str:
        """Refuses a bad name before the training instead of after it."""
        return usable_name(name)

    @classmethod
    def execute(cls, prior: DiffusionPrior, name: str, float16: bool) -> io.NodeOutput:
        from ...core.diffusion.prior_files import save_prior

        path = host().model_folder(KIND)[0] / f"{checked_name(name)}.safetensors"
        if host().processes().rank == 0:
            save_prior(prior, path, half=float16)
        return io.NodeOutput(prior, ui=ui.PreviewText(f"saved as {path}"))
