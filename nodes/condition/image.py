"""Image Condition: images in a CLIP's space."""

from torch import Tensor

from ...core.auxiliary import Auxiliary
from ...core.chunking import ChunkMode
from ..help import Help
from ..host import io
from ..images import from_host
from ..kinds import as_clip
from ..sockets import AUXILIARY
from ..widgets import chunk
from ..work import working
from .widgets import rows, samples_per

__all__ = ["ImageCondition"]


class ImageCondition(io.ComfyNode):
    """Images in a CLIP's space."""

    HELP = Help(
        about=(
            "New images with the same meaning for the CLIP, not copies: for a copy use "
            "Image to Latents. Every image gives `samples_per_image` consecutive rows."
        ),
        example="Load Image into this node, this node into Energy CLIP and Translator Init.",
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_ImageCondition",
            display_name="Image Condition",
            category="LatentSteer/condition",
            description="Images in a CLIP's space, to make others with the same meaning: TR0N "
            "section 5.3. A row per image.",
            inputs=[
                AUXILIARY.Input("auxiliary", tooltip="A CLIP."),
                io.Image.Input(
                    "images",
                    tooltip="Of any size: the CLIP resizes them to a square. Grey and transparent "
                    "ones become RGB.",
                ),
                samples_per("image"),
                chunk(),
            ],
            outputs=[rows()],
        )
        schema.search_aliases = ["CLIP vision", "variations", "image prompt", "embedding"]
        return schema

    @classmethod
    def execute(
        cls, auxiliary: Auxiliary, images: Tensor, samples_per_image: int, chunk: ChunkMode
    ) -> io.NodeOutput:
        clip = as_clip(auxiliary)
        pictures = from_host(images)
        with working("Image Condition", 0, clip, chunk=chunk) as work:
            condition = clip.image_condition(pictures.to(work.device), chunking=work.chunking)
            return io.NodeOutput(condition.repeated(samples_per_image))
