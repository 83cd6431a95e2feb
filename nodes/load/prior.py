"""Load Diffusion Prior: a saved diffusion prior."""

from ...core.identity import belonging
from ...core.zoo import shipped as catalogue
from ..help import Help
from ..host import autograd, io, ui
from ..model_files import find, offered
from ..sockets import PRIOR
from .file_loader import FileLoader

__all__ = ["LoadDiffusionPrior"]


class LoadDiffusionPrior(FileLoader, io.ComfyNode):
    """Opens a saved diffusion prior."""

    KIND = "latentsteer_priors"
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
                    options=offered(cls.KIND, list(catalogue.PRIORS)),
                    tooltip="A prior shipped with LatentSteer, or a file in the folder "
                    "models/latentsteer_priors.",
                )
            ],
            outputs=[PRIOR.Output("prior", display_name="prior", tooltip="The diffusion prior.")],
        )
        schema.search_aliases = ["D2C", "DDIM", "latent diffusion"]
        return schema

    @classmethod
    def execute(cls, file: str) -> io.NodeOutput:
        from ...core.diffusion.prior_files import load_prior

        with autograd():
            found = load_prior(find(cls.KIND, file))
        count = sum(weight.numel() for weight in found.network.parameters())
        text = (
            f"{count / 1e6:.1f} million weights, of the latents of "
            f"{belonging(found.base, found.base_name)}"
        )
        return io.NodeOutput(found, ui=ui.PreviewText(text))
