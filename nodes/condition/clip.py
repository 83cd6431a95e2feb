"""Conditions from a CLIP: Text Condition and Image Condition."""

import logging

from torch import Tensor

from ...core.auxiliary import Auxiliary
from ...core.chunking import Chunking, ChunkMode
from ...core.conditions.prompts import text_condition
from ..host import autograd, host, io, ordinary, ui
from ..images import from_host
from ..kinds import as_clip
from ..sockets import AUXILIARY, CONDITION
from ..widgets import advanced, chunk

__all__ = ["NODES"]

logger = logging.getLogger("latentsteer")


def _each(what: str) -> io.Int.Input:
    return io.Int.Input(
        f"samples_per_{what}",
        default=1,
        min=1,
        max=10000,
        tooltip=f"How many samples of each {what} (1 to 10000), side by side.",
    )


def _output() -> io.Output:
    return CONDITION.Output(
        "condition",
        display_name="condition",
        tooltip="One row per sample, in the order given.",
    )


class TextCondition(io.ComfyNode):
    """Prompts in a CLIP's space."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
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
                    tooltip="A line per row. Within a line | separates prompts that count "
                    "together, and :1.5 at a prompt's end weighs it: a red hat | a smile:0.5.",
                ),
                io.String.Input(
                    "negative",
                    default="",
                    multiline=True,
                    tooltip="What images should not show, in the same form; drawn away from in "
                    "every row. May be empty.",
                ),
                _each("prompt"),
                advanced(
                    io.Float.Input(
                        "clause_weight",
                        default=0.0,
                        min=0.0,
                        max=100.0,
                        step=0.05,
                        optional=True,
                        tooltip="How much each clause of a prompt, which is what stands between "
                        "commas, counts beside the whole (0 to 100). 0 is the papers'. A CLIP "
                        "that mixes up colours in a long prompt may tell them apart with 1.",
                    )
                ),
            ],
            outputs=[_output()],
        )
        schema.search_aliases = ["prompt", "CLIP text", "negative prompt"]
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
        """Embeds the prompts and mixes each row's."""
        clip = as_clip(auxiliary)
        with autograd(), host().on_device(clip.modules):
            made = text_condition(
                clip,
                prompts,
                negative=negative,
                samples_per_prompt=samples_per_prompt,
                clause_weight=clause_weight,
            )
        for note in made.notes:
            logger.warning("Text Condition: %s", note)
        text = "\n".join([f"{len(made.condition)} rows", *made.notes])
        return io.NodeOutput(made.condition, ui=ui.PreviewText(text))


class ImageCondition(io.ComfyNode):
    """What images mean to a CLIP."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        schema = io.Schema(
            node_id="LatentSteer_ImageCondition",
            display_name="Image Condition",
            category="LatentSteer/condition",
            description="What given images mean to a CLIP, to make others that mean the same: "
            "TR0N section 5.3. A row per image.",
            inputs=[
                AUXILIARY.Input("auxiliary", tooltip="A CLIP."),
                io.Image.Input(
                    "images",
                    tooltip="Of any size: the CLIP resizes them to a square. Grey and transparent "
                    "ones become RGB.",
                ),
                _each("image"),
                chunk(),
            ],
            outputs=[_output()],
        )
        schema.search_aliases = ["CLIP vision", "variations", "image prompt"]
        return schema

    @classmethod
    def execute(
        cls, auxiliary: Auxiliary, images: Tensor, samples_per_image: int, chunk: ChunkMode
    ) -> io.NodeOutput:
        """Embeds the images."""
        clip = as_clip(auxiliary)
        chunking = Chunking.of(chunk, (clip.image_size, clip.image_size))
        with autograd(), host().on_device(clip.modules):
            pictures = from_host(ordinary(images)).to(host().device())
            condition = clip.image_condition(pictures, chunking=chunking)
            return io.NodeOutput(condition.repeated(samples_per_image))


NODES = [TextCondition, ImageCondition]
