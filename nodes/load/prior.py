"""Load Diffusion Prior: a saved diffusion prior."""

from ...core.identity import belonging
from ...core.zoo import shipped as catalogue
from ..help import Help
from ..host import autograd, io, ui
from ..model_files import changed, find, offered, present
from ..sockets import PRIOR

__all__ = ["LoadDiffusionPrior"]

KIND = "latentsteer_priors"


class LoadDiffusionPrior(io.ComfyNode):
    """Opens a saved diffusion prior."""

    HELP = Help(
        about=(
            "Files are in `models/latentsteer_priors`. A file that changes is read again. The "
            "text on the node names the generator whose latents the prior models."
        ),
        example="Put it in place of Train Diffusion Prior: nothing is trained again.",
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_LoadDiffusionPrior",
            display_name="Load Diffusion Prior",
            category="LatentSteer/load",
            description="Opens a diffusion prior that is shipped or that Save Diffusion Prior "
            "wrote.",
            inputs=[
                io.Combo.Input(
                    "file",
                    options=offered(KIND, list(catalogue.PRIORS)),
                    tooltip="A prior shipped with LatentSteer, or a file in the folder "
                    "models/latentsteer_priors.",
                )
            ],
            outputs=[PRIOR.Output("prior", display_name="prior", tooltip="The diffusion prior.")],
        )
        schema.search_aliases = ["D2C", "DDIM", "latent diffusion"]
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
        from ...core.diffusion.prior_files import load_prior

        with autograd():
            found = load_prior(find(KIND, file))
        count = sum(weight.numel() for weight in found.network.parameters())
        text = (
            f"{count / 1e6:.1f} million weights, of the latents of "
            f"{belonging(found.base, found.base_name)}"
        )
        return io.NodeOutput(found, ui=ui.PreviewText(text))
