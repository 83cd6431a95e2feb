"""Energy CLIP: minus the similarity of an image to a text or another image."""

from typing import Literal

from ...core.auxiliary import Auxiliary
from ...core.clip import Precision
from ...core.condition import Condition
from ...core.energies.similarity import similarity
from ...core.energy import Energy
from ...core.views.augclip import OPERATIONS, ResizeRatio
from ..help import Help
from ..host import autograd, host, io
from ..kinds import as_clip
from ..sockets import AUXILIARY, CONDITION
from ..widgets import advanced
from ..widgets import weight as weighting
from .widgets import added, chained, summed

__all__ = ["EnergyCLIP"]

VIEWS, VIEWS_ON_CPU = 50, 4
"""Random views of an image: the papers' number, and one that is practical on a CPU."""


WHAT = {
    "color": "brightness, saturation and contrast",
    "translation": "the position of the image",
    "resize": "its size, from 0.8 to 1.2",
    "cutout": "a cut-out square of half the side",
}


def automatic_views(device: str) -> int:
    """Number of views for a type of device."""
    return VIEWS_ON_CPU if device == "cpu" else VIEWS


def _operations() -> list[io.Input]:
    return [
        advanced(
            io.Boolean.Input(name, default=True, tooltip=f"Whether views differ in {WHAT[name]}.")
        )
        for name in OPERATIONS
    ]


class EnergyCLIP(io.ComfyNode):
    """Negative similarity to a condition."""

    HELP = Help(
        about=(
            "E(z, c) = -weight x mean over views of cos(f(view of G(z)), c). Views are drawn "
            "again in every step: changed in colour, moved, resized, with a square cut out. "
            "Without views (0) images reach a high similarity without looking right. Weights of "
            "1 need a large `inverse_temperature`: 1000 for the avatars, in the paper 2000 to "
            "1e5."
        ),
        example=(
            "Load Aux Model and Text Condition into this node, this node into Langevin Refine."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_EnergyCLIP",
            display_name="Energy CLIP",
            category="LatentSteer/energy",
            description="Minus the cosine between what a CLIP sees and the condition, averaged "
            "over random views: FuseDream's AugCLIP and TR0N's E_CLIP.",
            inputs=[
                AUXILIARY.Input("auxiliary", tooltip="The CLIP f that sees the images."),
                CONDITION.Input(
                    "condition", tooltip="A text, an image or a mixture of them, of this CLIP."
                ),
                weighting("the similarity"),
                io.Int.Input(
                    "views",
                    default=-1,
                    min=-1,
                    max=1000,
                    tooltip="Random views of the image that the CLIP sees, fresh at every "
                    f"step (-1 to 1000): -1 for {VIEWS_ON_CPU} on a CPU and {VIEWS}, the papers' "
                    "number, on an accelerator; 0 for the image itself: images may then fool a "
                    "large CLIP.",
                ),
                *_operations(),
                advanced(
                    io.Combo.Input(
                        "resize_ratio",
                        options=["sample", "view"],
                        default="sample",
                        tooltip="sample: all views of an image have one size, drawn at every "
                        "step, as in the released code. view: each has its own.",
                    )
                ),
                advanced(
                    io.Int.Input(
                        "views_at_once",
                        default=0,
                        min=0,
                        max=100000,
                        tooltip="Views per pass of the CLIP (0 to 100000); 0 for as many as "
                        "need little memory.",
                    )
                ),
                advanced(
                    io.Combo.Input(
                        "precision",
                        options=["auto", "fp32", "bf16"],
                        default="auto",
                        tooltip="Number format of the CLIP. auto: bf16 for large CLIPs on "
                        "devices that support it, else fp32.",
                    )
                ),
                advanced(
                    io.Combo.Input(
                        "scale",
                        options=["cosine", "logit scale"],
                        default="cosine",
                        optional=True,
                        tooltip="cosine: minus the cosine, as in FuseDream and TR0N. logit "
                        "scale: times the CLIP's trained scale, about 100: log p(c given x), "
                        "for KRR Flow Refine.",
                    )
                ),
                chained(),
            ],
            outputs=[summed()],
        )
        schema.search_aliases = ["CLIP guidance", "AugCLIP", "text", "FuseDream", "similarity"]
        return schema

    @classmethod
    def execute(
        cls,
        auxiliary: Auxiliary,
        condition: Condition,
        weight: float,
        views: int,
        color: bool,
        translation: bool,
        resize: bool,
        cutout: bool,
        resize_ratio: ResizeRatio,
        views_at_once: int,
        precision: Literal["auto"] | Precision,
        scale: Literal["cosine", "logit scale"] = "cosine",
        energy: Energy | None = None,
    ) -> io.NodeOutput:
        wanted = (color, translation, resize, cutout)
        device = host().device()
        with autograd():
            term = similarity(
                as_clip(auxiliary),
                condition,
                views=automatic_views(device.type) if views < 0 else views,
                operations=[n for n, on in zip(WHAT, wanted, strict=True) if on],
                resize_ratio=resize_ratio,
                chunk=views_at_once,
                precision=precision,
                device=device,
                scaled=scale == "logit scale",
            )
        return io.NodeOutput(added(weight * term, energy))
