"""Image Gradient Step: the fast gradient sign method."""

from torch import Tensor

from ...core.chunking import ChunkMode
from ...core.energy import Energy
from ...core.refine.pixels import fgsm
from ...core.rng import SampleRng
from ..help import Help
from ..host import io
from ..images import from_host, to_host
from ..sockets import ENERGY
from ..widgets import chunk, seed
from ..work import working

__all__ = ["ImageGradientStep"]


class ImageGradientStep(io.ComfyNode):
    """The fast gradient sign method."""

    HELP = Help(
        about=(
            "x - epsilon sign(grad E(x)) within [0, 1]. With Energy CLIP and `views` = 0 an "
            "invisible change raises the plain CLIP score strongly and AugCLIP little, which is "
            "why energies use views. Energies of latents, such as Energy Prior, do not work "
            "here."
        ),
        example="Load Image, `epsilon` = 0.02, then CLIP Score before and after.",
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_ImageGradientStep",
            display_name="Image Gradient Step",
            category="LatentSteer/refine",
            description="Lowers an energy by small changes of pixels, without a generator: the "
            "fast gradient sign method, which fools a CLIP in FuseDream's figure 2.",
            inputs=[
                io.Image.Input("images", tooltip="What to change."),
                ENERGY.Input("energy", tooltip="The energy to lower; of images alone."),
                seed("random energies", control=False),
                io.Float.Input(
                    "epsilon",
                    default=0.02,
                    min=0.0,
                    max=1.0,
                    step=0.001,
                    round=False,
                    tooltip="Largest change of a channel's value (0 to 1); below 0.03 it is "
                    "hardly visible.",
                ),
                io.Int.Input(
                    "steps",
                    default=1,
                    min=1,
                    max=10000,
                    tooltip="Steps that share epsilon (1 to 10000); 1 is the original method.",
                ),
                chunk(),
            ],
            outputs=[
                io.Image.Output("changed", display_name="images", tooltip="The changed images.")
            ],
        )
        schema.search_aliases = ["FGSM", "adversarial", "attack"]
        return schema

    @classmethod
    def execute(
        cls,
        images: Tensor,
        energy: Energy,
        seed: int,
        epsilon: float,
        steps: int,
        chunk: ChunkMode,
    ) -> io.NodeOutput:
        pictures = from_host(images)
        size = (pictures.shape[2], pictures.shape[3])
        title, total = "Image Gradient Step", len(pictures)
        with working(title, total, energy, chunk=chunk, image_size=size) as work:
            moved = fgsm(
                pictures.to(work.device),
                energy,
                SampleRng.of(seed, len(pictures), "pixels"),
                epsilon=epsilon,
                steps=steps,
                chunking=work.chunking,
                report=work.report,
            )
            return io.NodeOutput(to_host(moved))
