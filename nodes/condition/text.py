"""Text Condition: prompts in a CLIP's space."""

import logging

from ...core.auxiliary import Auxiliary
from ..help import Help
from ..host import io, ui
from ..kinds import as_clip
from ..sockets import AUXILIARY
from ..widgets import advanced
from ..work import working
from .widgets import rows, samples_per

__all__ = ["TextCondition"]

logger = logging.getLogger("latentsteer")


class TextCondition(io.ComfyNode):
    """Prompts in a CLIP's space."""

    HELP = Help(
        about=(
            "Each line becomes one row of the condition. Within a line, prompts separated "
            "by `|` add: their directions in the CLIP's space, each at its weight. A weight "
            "is a number after the last colon; a colon elsewhere, as in 10:30, is text "
            "(write `16:9 :2` to weight it). Prompts in `negative` are subtracted from "
            "every row. Words that the text encoder does not know, or that exceed its "
            "length, are listed on the node and in the log. With `clause_weight` every "
            "clause between commas also counts, times the prompt's weight: `a red hat, a "
            "smile` with 0.5 is `a red hat, a smile | a red hat:0.5 | a smile:0.5`. A "
            "clause without a known word does not count."
        ),
        example=(
            "`prompts` = `a red hat | a smile:0.5`, `negative` = `glasses:0.3`, "
            "`samples_per_prompt` = 4: four samples with a red hat and half a smile, away "
            "from glasses."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_TextCondition",
            display_name="Text Condition",
            category="LatentSteer/condition",
            description="What images should show, in words: TR0N section 5.2. A line of prompts "
            "makes a row, and a row makes one sample or several.",
            inputs=[
                AUXILIARY.Input("auxiliary", tooltip="A CLIP with a text encoder."),
                io.String.Input(
                    "prompts",
                    default="",
                    multiline=True,
                    tooltip="A line per row. Within a line a vertical bar separates prompts that "
                    "count together, and :1.5 at a prompt's end weights it.",
                ),
                io.String.Input(
                    "negative",
                    default="",
                    multiline=True,
                    tooltip="What images should not show, in the same form; subtracted from "
                    "every row. May be empty.",
                ),
                samples_per("prompt"),
                advanced(
                    io.Float.Input(
                        "clause_weight",
                        default=0.0,
                        min=0.0,
                        max=100.0,
                        step=0.05,
                        optional=True,
                        tooltip="Weight of each clause of a prompt, the text between commas, in "
                        "addition to the whole prompt (0 to 100). 0 is the papers'. A "
                        "CLIP that mixes up colours in a long prompt may separate them "
                        "with 1.",
                    )
                ),
            ],
            outputs=[rows()],
        )
        schema.search_aliases = ["prompt", "CLIP text", "negative prompt", "embedding"]
        return schema

    @classmethod
    def execute(
        cls,
        auxiliary: Auxiliary,
        prompts: str,
        negative: str,
        samples_per_prompt: int,
        clause_weight: float = 0.0,
    ) -> io.NodeOutput:
        from ...core.conditions.prompts import text_condition

        clip = as_clip(auxiliary)
        with working("Text Condition", 0, clip):
            made = text_condition(
                clip,
                prompts,
                negative=negative,
                samples_per_prompt=samples_per_prompt,
                clause_weight=clause_weight,
            )
        for note in made.notes:
            logger.warning("Text Condition: %s", note)
        return io.NodeOutput(made.condition, ui=ui.PreviewText("\n".join(made.notes)))
