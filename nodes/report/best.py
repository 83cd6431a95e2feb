"""Best Images: the images of lowest energy."""

from torch import Tensor

from ...core.chunking import ChunkMode
from ...core.energy import Energy
from ...core.starts.ranking import ranked_images
from ..help import Help
from ..host import io
from ..images import from_host, to_host
from ..sockets import ENERGY
from ..widgets import best_of_groups, chunk, seed
from ..work import working

__all__ = ["BestImages"]


class BestImages(io.ComfyNode):
    """The images of lowest energy."""

    HELP = Help(
        about=(
            "Best Latents for images alone. Random energies are drawn from each image's own "
            "stream, so the order does not depend on the batch. The text on the node lists "
            "the energies."
        ),
        example="Compose Fuse on 50 samples, this node with `keep` = 36: FuseDream's figure 10.",
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_BestImages",
            display_name="Best Images",
            category="LatentSteer/report",
            description="The images of lowest energy, the best first. For images made of "
            "several latents, such as composed ones; otherwise Best Latents keeps "
            "the latents too.",
            inputs=[
                io.Image.Input("images", tooltip="The candidates."),
                ENERGY.Input("energy", tooltip="Ranks them; of images alone."),
                seed("random energies", control=False),
                *best_of_groups(),
                chunk(),
            ],
            outputs=[io.Image.Output("best", display_name="images", tooltip="The best ones.")],
        )
        schema.search_aliases = ["best of seeds", "rank", "choose", "top-k"]
        return schema

    @classmethod
    def execute(
        cls, images: Tensor, energy: Energy, seed: int, keep: int, groups: int, chunk: ChunkMode
    ) -> io.NodeOutput:
        pictures = from_host(images)
        size = (pictures.shape[2], pictures.shape[3])
        with working("Best Images", 0, energy, chunk=chunk, image_size=size) as work:
            found = ranked_images(
                pictures,
                energy,
                seed=seed,
                groups=groups,
                keep=keep,
                chunking=work.chunking,
                device=work.device,
            )
            best = to_host(pictures[list(found.rows)])
        shown = zip(found.rows, found.energies.tolist(), strict=True)
        lines = "\n".join(f"image {row}: energy {value:.4f}" for row, value in shown)
        return io.NodeOutput(best, ui={"text": (lines,)})
