"""Caption Aux Model: a captioner and a CLIP that reads its captions."""

from ...core.auxiliary import Auxiliary
from ...core.captioner import CaptionedClip, Captioner, Decoding
from ..help import Help
from ..host import io
from ..kinds import as_captioner, as_clip
from ..sockets import AUXILIARY
from ..widgets import advanced

__all__ = ["CaptionAuxModel"]


class CaptionAuxModel(io.ComfyNode):
    """A captioner and a CLIP that reads its captions."""

    HELP = Help(
        about=(
            "A CLIP embeds an image and its description at different places. This node closes "
            "the gap, since the translator is then trained on texts. Captions "
            "come from greedy decoding or beam search; the paper samples them."
        ),
        example=(
            "Load Aux Model with a BLIP folder, Load Aux Model with a CLIP, both into this "
            "node, this node into Train Translator."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_CaptionAuxModel",
            display_name="Caption Aux Model",
            category="LatentSteer/load",
            description="Joins a captioner and a CLIP for Train Translator: images become the "
            "text embeddings of their captions, TR0N section 5.2. The translator takes text "
            "conditions of that CLIP; energies take the CLIP itself.",
            inputs=[
                AUXILIARY.Input("captioner", tooltip="BLIP or BLIP-2, from Load Aux Model."),
                AUXILIARY.Input("clip", tooltip="The CLIP that reads the captions."),
                io.String.Input(
                    "prompt",
                    default="a picture of ",
                    tooltip="What every caption begins with; it is left out before the CLIP "
                    "reads it. Empty for none.",
                ),
                io.Int.Input(
                    "max_length",
                    default=20,
                    min=2,
                    max=200,
                    tooltip="The most tokens of a caption and its prompt (2 to 200).",
                ),
                advanced(
                    io.Int.Input(
                        "min_length",
                        default=5,
                        min=0,
                        max=200,
                        tooltip="The fewest tokens of a caption and its prompt (0 to 200).",
                    )
                ),
                advanced(
                    io.Int.Input(
                        "beams",
                        default=1,
                        min=1,
                        max=32,
                        tooltip="Beams of the search (1 to 32); 1 is greedy decoding. Nothing "
                        "is random.",
                    )
                ),
                advanced(
                    io.Float.Input(
                        "repetition_penalty",
                        default=1.1,
                        min=1.0,
                        max=10.0,
                        step=0.05,
                        tooltip="Above 1 it makes repeated words less likely (1 to 10).",
                    )
                ),
            ],
            outputs=[
                AUXILIARY.Output(
                    "auxiliary", display_name="auxiliary", tooltip="For Train Translator."
                )
            ],
        )
        schema.search_aliases = ["BLIP", "captions", "TR0N"]
        return schema

    @classmethod
    def execute(
        cls,
        captioner: Captioner,
        clip: Auxiliary,
        prompt: str,
        max_length: int,
        min_length: int,
        beams: int,
        repetition_penalty: float,
    ) -> io.NodeOutput:
        decoding = Decoding(prompt, max_length, min_length, beams, repetition_penalty)
        return io.NodeOutput(CaptionedClip(as_captioner(captioner), as_clip(clip), decoding))
