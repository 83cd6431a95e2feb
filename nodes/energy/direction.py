"""Energy Direction: text-guided editing, from a neutral text to a text."""

from typing import Literal

from torch import Tensor

from ...core.auxiliary import Auxiliary
from ...core.clip import Clip
from ...core.condition import Condition
from ...core.energies.direction import away_from, projected, text_direction
from ...core.energies.global_direction import along, global_direction
from ...core.energy import Energy
from ...core.errors import InvalidInput
from ...core.generator import Generator
from ..help import Help
from ..host import autograd, host, io
from ..images import from_host
from ..kinds import as_clip
from ..sockets import AUXILIARY, CONDITION, GENERATOR
from ..widgets import advanced, seed
from ..widgets import weight as weighting
from ..work import working
from .clip import automatic_views
from .widgets import added, chained, summed

__all__ = ["EnergyDirection"]

Kind = Literal["image", "source", "global"]


class EnergyDirection(io.ComfyNode):
    """StyleCLIP's direction as a gradient."""

    HELP = Help(
        about=(
            "The difference of the two texts steers, so that what they share, a face, does "
            "not matter. `source` with the decoded start as `images` changes the rest "
            "least; `global` is StyleCLIP's direction as the paper uses it, a straight line "
            "in the latents that is the same for every sample: diversity then comes from "
            "KRR Flow Refine alone."
        ),
        example=(
            "Text Conditions `a face with a hat` and `a face`, Decode of the latents into "
            "`images`, `kind` = source, then KRR Flow Refine with the CLIP as `features`."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_EnergyDirection",
            display_name="Energy Direction",
            category="LatentSteer/energy",
            description="Moves images along the direction from a neutral text to a text, as "
            "StyleCLIP does: KRR flow's log p(c given x) for editing.",
            inputs=[
                AUXILIARY.Input("auxiliary", tooltip="The CLIP f."),
                CONDITION.Input("condition", tooltip="The wanted text: a face with a hat."),
                CONDITION.Input(
                    "neutral", tooltip="The same text without what is wanted: a face."
                ),
                weighting("the direction"),
                io.Combo.Input(
                    "kind",
                    options=["image", "source", "global"],
                    default="image",
                    tooltip="image: how far an image lies along the direction. source: how well "
                    "the change from its source image aligns with it, independent of other "
                    "content of the source. global: StyleCLIP's global direction in the "
                    "latents, found once and the same for all samples and steps.",
                ),
                io.Int.Input(
                    "views",
                    default=-1,
                    min=-1,
                    max=1000,
                    tooltip="Random views of the image that the CLIP sees (-1 to 1000), as in "
                    "Energy CLIP; 0 for the image itself. No effect on the global "
                    "direction.",
                ),
                advanced(
                    io.Int.Input(
                        "samples",
                        default=64,
                        min=1,
                        max=100000,
                        tooltip="Samples of the prior that the global direction is averaged "
                        "over (1 to 100000).",
                    )
                ),
                advanced(
                    io.Float.Input(
                        "threshold",
                        default=0.0,
                        min=0.0,
                        max=0.99,
                        step=0.01,
                        tooltip="Coordinates of the global direction below this share of the "
                        "largest become 0 (0 to 0.99), so that the rest changes less.",
                    )
                ),
                seed("the global direction's samples", control=False, streams=""),
                io.Image.Input(
                    "images",
                    optional=True,
                    tooltip="The source images for the kind source: one for all samples, or one "
                    "each.",
                ),
                GENERATOR.Input(
                    "generator",
                    optional=True,
                    tooltip="The generator of the latents that the global direction moves.",
                ),
                chained(),
            ],
            outputs=[summed()],
        )
        schema.search_aliases = ["StyleCLIP", "edit", "directional CLIP", "global direction"]
        return schema

    @classmethod
    def execute(
        cls,
        auxiliary: Auxiliary,
        condition: Condition,
        neutral: Condition,
        weight: float,
        kind: Kind,
        views: int,
        samples: int,
        threshold: float,
        seed: int,
        images: Tensor | None = None,
        generator: Generator | None = None,
        energy: Energy | None = None,
    ) -> io.NodeOutput:
        clip, device = as_clip(auxiliary), host().device()
        looks = automatic_views(device.type) if views < 0 else views
        with autograd():
            direction = text_direction(condition, neutral)
            if kind == "source":
                if images is None:
                    raise InvalidInput(
                        "The kind source needs source images. Connect images, or choose image or "
                        "global."
                    )
                sources = from_host(images)
                term = away_from(clip, direction, sources, views=looks, device=device)
            elif kind == "global":
                term = _global(clip, direction, generator, samples, threshold, seed)
            else:
                term = projected(clip, direction, views=looks, device=device)
        return io.NodeOutput(added(weight * term, energy))


def _global(
    clip: Clip,
    direction: Condition,
    generator: Generator | None,
    samples: int,
    threshold: float,
    seed: int,
) -> Energy:
    if generator is None:
        raise InvalidInput(
            "The global direction moves a generator's latents. Connect the generator, or choose "
            "image or source."
        )
    with working("Energy Direction", samples, generator, clip) as work:
        slopes = global_direction(
            generator,
            clip,
            direction,
            samples=samples,
            threshold=threshold,
            seed=seed,
            chunking=work.chunking,
            device=work.device,
            report=work.report,
        )
    return along(generator, direction, slopes)
