"""CLIP Score: similarity of finished images to a condition."""

import json
import math

from torch import Tensor

from ...core.auxiliary import Auxiliary
from ...core.chunking import ChunkMode
from ...core.condition import Condition
from ...core.metrics.clip_score import VIEWS, VIEWS_OF_A_ROUND, clip_scores
from ...core.rng import SampleRng
from ..help import Help
from ..host import io
from ..images import from_host
from ..kinds import as_clip
from ..sockets import AUXILIARY, CONDITION
from ..widgets import chunk, seed
from ..work import working

__all__ = ["CLIPScore"]


class CLIPScore(io.ComfyNode):
    """AugCLIP of images."""

    HELP = Help(
        about=(
            "The views are fresh, so an image gains nothing from the views that it was "
            "fitted to. The error of a score is its standard error over the views. Scores "
            "of different CLIPs are not comparable."
        ),
        example="Decode into this node, with the CLIP and the condition of Energy CLIP.",
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_CLIPScore",
            display_name="CLIP Score",
            category="LatentSteer/report",
            description="Similarity of each image to its condition in a CLIP: the mean cosine "
            "over fresh random views, FuseDream's AugCLIP as its code measures it "
            "at the end.",
            inputs=[
                io.Image.Input("images", tooltip="What to score."),
                AUXILIARY.Input("auxiliary", tooltip="The CLIP that scores."),
                CONDITION.Input(
                    "condition", tooltip="One row for all images, or one each, of this CLIP."
                ),
                io.Int.Input(
                    "views",
                    default=VIEWS,
                    min=0,
                    max=100000,
                    tooltip="Random views of every image (0 to 100000), in rounds of 50; the "
                    "released code takes 1000. 0: the image itself, the plain CLIP score.",
                ),
                seed("the views", control=False),
                chunk(),
            ],
            outputs=[
                io.String.Output(
                    "text",
                    display_name="text",
                    tooltip="The mean, and every image's score with its standard error.",
                ),
                io.Float.Output("score", display_name="score", tooltip="Mean over the images."),
                io.String.Output(
                    "scores",
                    display_name="scores",
                    tooltip="A score per image, as a list in JSON.",
                ),
            ],
            is_output_node=True,
        )
        schema.search_aliases = ["AugCLIP", "FuseDream", "similarity", "metrics"]
        return schema

    @classmethod
    def execute(
        cls,
        images: Tensor,
        auxiliary: Auxiliary,
        condition: Condition,
        views: int,
        seed: int,
        chunk: ChunkMode,
    ) -> io.NodeOutput:
        clip = as_clip(auxiliary)
        rounds = max(1, math.ceil(views / VIEWS_OF_A_ROUND))
        pictures = from_host(images)
        size = (pictures.shape[2], pictures.shape[3])
        with working("CLIP Score", rounds, clip, chunk=chunk, image_size=size) as work:
            found = clip_scores(
                clip,
                condition,
                pictures,
                SampleRng.of(seed, len(pictures), "score"),
                views=views,
                chunking=work.chunking,
                device=work.device,
                report=work.report,
            )
        scores = [round(value, 6) for value in found.values.tolist()]
        figures = {"mean": found.mean, "views": views, "scores": scores}
        shown = {"text": (str(found),), "latentsteer": [{"clip_score": figures}]}
        return io.NodeOutput(str(found), found.mean, json.dumps(scores), ui=shown)
