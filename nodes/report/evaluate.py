"""Evaluate Images: figures of images by a judge."""

import json
from typing import TYPE_CHECKING

from torch import Tensor

from ...core.auxiliary import AttributeJudge, Auxiliary, Classifier
from ...core.chunking import ChunkMode
from ...core.condition import Condition
from ...core.data.subsets import Order, Portion
from ...core.errors import InvalidInput
from ...core.zoo import shipped as catalogue
from ..help import Help
from ..host import io
from ..images import from_host
from ..kinds import as_judge
from ..sockets import AUXILIARY, CONDITION
from ..widgets import chunk, portion_widgets
from ..work import Work, working

if TYPE_CHECKING:
    from ...core.metrics.attributes import AttributeEvaluation
    from ...core.metrics.classes import Evaluation

__all__ = ["EvaluateImages"]

NO_REFERENCE = "none"


class EvaluateImages(io.ComfyNode):
    """Evaluates images by a judge."""

    HELP = Help(
        about=(
            "A constraint is one attribute that a prompt asks for: a red hat is two, a hat "
            "and red. Use a judge and real images that took no part in steering: "
            "`reference_part` takes one half of the reference if KRR Flow Refine had the "
            "other, `real images` takes your own. Diversity is the root mean square "
            "distance between the features of two images, divided by the root of 2, within "
            "the wanted classes if there are any; it needs two images."
        ),
        example=(
            "`digits judge (embedded)` with the condition of the run: above 0.9 is good. "
            "Choose `digits held out (embedded)` for the distance when there are hundreds of "
            "images."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_EvaluateImages",
            display_name="Evaluate Images",
            category="LatentSteer/report",
            description="Evaluation by a judge that took no part in the refinement: the "
            "probability of the wanted class, or the share of the prompts' "
            "constraints that it recognises; also the Frechet distance and the diversity.",
            inputs=[
                io.Image.Input("images", tooltip="What to judge."),
                AUXILIARY.Input(
                    "auxiliary", tooltip="The judge; not the one that refinement used."
                ),
                io.Combo.Input(
                    "reference",
                    options=[NO_REFERENCE, *catalogue.REFERENCES],
                    default=NO_REFERENCE,
                    tooltip="Real images for the Frechet distance, none of which the judge was "
                    "trained on. The distance needs hundreds of images.",
                ),
                CONDITION.Input(
                    "condition",
                    optional=True,
                    tooltip="The wanted classes, matched to the judge's by name; or the "
                    "prompts, whose words a judge of attributes reads.",
                ),
                chunk(),
                *portion_widgets("the reference", "reference_"),
                io.Image.Input(
                    "real",
                    display_name="real images",
                    optional=True,
                    tooltip="Your own real images for the Frechet distance, in place of a "
                    "reference: Load Image Set with the part that took no part in "
                    "steering.",
                ),
            ],
            outputs=[
                io.String.Output("text", display_name="text", tooltip="The figures, to read."),
                io.Float.Output(
                    "probability",
                    display_name="probability",
                    tooltip="Mean probability of the wanted class, or share of the prompts' "
                    "constraints recognised; 0 without a condition.",
                ),
                io.String.Output(
                    "figures", display_name="figures", tooltip="All figures in JSON, for programs."
                ),
            ],
            is_output_node=True,
        )
        schema.search_aliases = ["judge", "FID", "metrics"]
        return schema

    @classmethod
    def execute(
        cls,
        images: Tensor,
        auxiliary: Auxiliary,
        reference: str,
        chunk: ChunkMode,
        condition: Condition | None = None,
        reference_order: Order = "as filed",
        reference_draw: int = 0,
        reference_part: Portion = "all",
        real: Tensor | None = None,
    ) -> io.NodeOutput:
        judge = as_judge(auxiliary)
        if real is not None and reference != NO_REFERENCE:
            raise InvalidInput(
                f"Real images are connected, and the reference is {reference!r}. Take one of the "
                f"two: disconnect the images, or set the reference to {NO_REFERENCE!r}."
            )
        pictures = from_host(images)
        held = None if real is None else from_host(real)
        size = (pictures.shape[2], pictures.shape[3])
        with working("Evaluate Images", 0, judge, chunk=chunk, image_size=size) as work:
            if reference != NO_REFERENCE:
                held = catalogue.reference_portion(
                    reference, order=reference_order, seed=reference_draw, part=reference_part
                )
            if isinstance(judge, Classifier):
                found = _by_classes(judge, pictures, condition, held, work)
            else:
                found = _by_attributes(judge, pictures, condition, held, work)
        figures = {"judge": judge.name, **found.numbers()}
        rounded = {k: round(v, 4) if isinstance(v, float) else v for k, v in figures.items()}
        text = f"judged by {judge.name}: {found}"
        shown = {"text": (text,), "latentsteer": [{"evaluate": figures}]}
        return io.NodeOutput(text, found.headline, json.dumps(rounded, indent=1), ui=shown)


def _by_classes(
    judge: Classifier,
    pictures: Tensor,
    condition: Condition | None,
    real: Tensor | None,
    work: Work,
) -> "Evaluation":
    from ...core.metrics.classes import classifier_outputs, evaluate, wanted_classes

    reference = None
    if real is not None:
        reference = classifier_outputs(judge, real, work.chunking, work.device).features
    wanted = None
    if condition is not None:
        wanted = wanted_classes(judge, condition, len(pictures))
    found = classifier_outputs(judge, pictures, work.chunking, work.device)
    return evaluate(found, wanted=wanted, reference=reference)


def _by_attributes(
    judge: AttributeJudge,
    pictures: Tensor,
    condition: Condition | None,
    real: Tensor | None,
    work: Work,
) -> "AttributeEvaluation":
    from ...core.metrics.attributes import evaluate_attributes

    return evaluate_attributes(
        judge,
        pictures,
        texts=condition.labels if condition is not None else (),
        reference=real,
        chunking=work.chunking,
        device=work.device,
    )
