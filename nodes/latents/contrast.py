"""Contrast Direction: an edit direction in latents, from words."""

from ...core.auxiliary import Auxiliary
from ...core.captioner import Captioner
from ...core.condition import Condition
from ...core.generator import Generator
from ...core.pairs.pairs import Pairs
from ..contrast import contrasted_inputs, instead_input, sharpness_widget
from ..help import Help
from ..host import autograd, io, ui
from ..kinds import as_auxiliary
from ..sockets import CONDITION, DIRECTION
from ..widgets import advanced

__all__ = ["ContrastDirection"]

KEEP = 3.0


class ContrastDirection(io.ComfyNode):
    """The difference between pairs that show what is wanted and the others."""

    HELP = Help(
        about=(
            "Weights every pair by the probability that its image shows the wanted text rather "
            "than the others, and takes the mean of the wanted latents minus the mean of the "
            "rest. No image is made. Each row of a condition is an alternative; name other "
            "values of the same attribute in `instead`. `context` is what the image should show "
            "besides, so that red hair does not count as a red hat. Classes do not move. With "
            "`per_sample` the result also has moves that follow from what each sample shows: a "
            "purple shirt and a yellow one become green in different ways. Move Latents uses them "
            "with `mode` = smallest. With `away` the direction leads to what pairs usually "
            "show without it."
        ),
        example=(
            "`condition` = red hat, `instead` = blue hat, green hat and white hat on three "
            "lines, `context` = hat, then Move Latents."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_ContrastDirection",
            display_name="Contrast Direction",
            category="LatentSteer/latents",
            description="A direction in latents from pairs that show something else to pairs that "
            "show what is wanted, for Move Latents.",
            inputs=[
                *contrasted_inputs(),
                sharpness_widget(": a CLIP's logit scale, about 100, or 1 for a classifier."),
                instead_input(),
                CONDITION.Input(
                    "context",
                    optional=True,
                    tooltip="What the images should show besides: hat, for a red hat rather than "
                    "a blue hat.",
                ),
                io.Boolean.Input(
                    "per_sample",
                    default=False,
                    tooltip="Whether to prepare moves of single samples too; Move Latents with "
                    "mode smallest takes, for each sample, the way that changes the rest least.",
                ),
                advanced(
                    io.Float.Input(
                        "keep",
                        default=KEEP,
                        min=0.0,
                        max=1000.0,
                        step=0.1,
                        tooltip="Weight of keeping the rest of the image in moves of single "
                        "samples (0 to 1000), relative to the mean effect of a latent on it.",
                    )
                ),
                advanced(
                    io.Boolean.Input(
                        "away",
                        default=False,
                        tooltip="Whether to lead away from the condition instead of to it, as for "
                        "no glasses. It takes neither instead nor context.",
                    )
                ),
            ],
            outputs=[
                DIRECTION.Output(
                    "direction",
                    display_name="direction",
                    tooltip="The direction, in standard deviations of the latents along it.",
                )
            ],
        )
        schema.search_aliases = ["edit", "semantic direction", "StyleCLIP", "attribute"]
        return schema

    @classmethod
    def execute(
        cls,
        pairs: Pairs,
        generator: Generator,
        auxiliary: Auxiliary | Captioner,
        condition: Condition,
        sharpness: float,
        instead: Condition | None = None,
        context: Condition | None = None,
        per_sample: bool = False,
        keep: float = KEEP,
        away: bool = False,
    ) -> io.NodeOutput:
        from ...core.pairs.contrast import sharpness as trained_sharpness
        from ...core.pairs.directions import contrast_direction

        model = as_auxiliary(auxiliary)
        condition.check_auxiliary(model.id, model.name)
        with autograd():
            direction = contrast_direction(
                pairs,
                generator,
                condition,
                instead,
                context=context,
                away=away,
                scale=sharpness or trained_sharpness(model),
                keep=keep if per_sample else None,
            )
        return io.NodeOutput(direction, ui=ui.PreviewText(direction.summary()))
