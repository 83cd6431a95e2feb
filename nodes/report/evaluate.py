"""Energy Report and Evaluate Images."""

import io as streams
import json
import textwrap

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ...core.auxiliary import AttributeJudge, Auxiliary, Classifier
from ...core.chunking import Chunking, ChunkMode
from ...core.condition import Condition
from ...core.data.subsets import Order, Part
from ...core.errors import InvalidInput
from ...core.metrics.attributes import AttributeEvaluation, evaluate_attributes
from ...core.metrics.classes import Evaluation, classifier_outputs, evaluate, wanted_classes
from ...core.refine.trace import Trace
from ...core.zoo import shipped as catalogue
from ..host import autograd, host, io, ordinary
from ..images import from_host
from ..kinds import as_judge
from ..sockets import AUXILIARY, CONDITION, TRACE
from ..widgets import chunk, portion

__all__ = ["NODES", "plot"]

NO_REFERENCE = "none"


def plot(trace: Trace) -> Image.Image:
    """The energy of every sample over the steps, and their mean; below it each term told apart."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = [(trace.title, "energy (lower is better)", trace.energies)]
    if len(trace.terms) > 1:
        panels += [(name, "without its weight", curve) for name, curve in trace.terms.items()]
    columns = 1 if len(panels) == 1 else 2
    rows = -(-len(panels) // columns)
    size = (8, 5) if len(panels) == 1 else (6 * columns, 3.6 * rows)
    figure = Figure(figsize=size, dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    for number, (title, what, curve) in enumerate(panels):
        axes = figure.add_subplot(rows, columns, number + 1)
        steps = np.arange(len(curve))
        axes.plot(steps, curve[:, :200].numpy(), color="#7a8fa6", alpha=0.35, linewidth=0.8)
        axes.plot(steps, curve.mean(dim=1).numpy(), color="#b3322b", linewidth=2, label="mean")
        axes.set(title=textwrap.shorten(title, 60, placeholder=" ..."), xlabel="step", ylabel=what)
        axes.set_xlim(0, max(1, len(steps) - 1))
        axes.grid(alpha=0.25)
        axes.legend()
    png = streams.BytesIO()
    figure.savefig(png, format="png")
    return Image.open(png).convert("RGB")


class EnergyReport(io.ComfyNode):
    """A refinement in numbers and curves."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        schema = io.Schema(
            node_id="LatentSteer_EnergyReport",
            display_name="Energy Report",
            category="LatentSteer/report",
            description="The energies of a refinement as a picture, and every term before and "
            "after as text.",
            inputs=[TRACE.Input("trace", tooltip="From a refiner.")],
            outputs=[
                io.Image.Output(
                    "curves",
                    display_name="curves",
                    tooltip="Energy over the steps, a line per sample; each term apart below it, "
                    "where the refiner tells them apart.",
                ),
                io.String.Output(
                    "text",
                    display_name="text",
                    tooltip="Means and worst samples, before and after.",
                ),
            ],
            is_output_node=True,
        )
        schema.search_aliases = ["loss", "curve"]
        return schema

    @classmethod
    def execute(cls, trace: Trace) -> io.NodeOutput:
        """Draws and sums up."""
        pixels = torch.from_numpy(np.array(plot(trace))).float().div(255)[None]
        return io.NodeOutput(pixels, str(trace), ui={"text": (str(trace),)})


class EvaluateImages(io.ComfyNode):
    """Images before a judge."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        schema = io.Schema(
            node_id="LatentSteer_EvaluateImages",
            display_name="Evaluate Images",
            category="LatentSteer/report",
            description="What a judge that took no part in the refinement says of images: the "
            "probability of the wanted class, or the share of what the prompts state that it "
            "sees; Frechet distance, diversity.",
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
                    tooltip="The wanted classes, found in the judge by their names; or the "
                    "prompts, whose words a judge of attributes reads.",
                ),
                chunk(),
                *portion("the reference", "reference_"),
                io.Image.Input(
                    "real",
                    display_name="real images",
                    optional=True,
                    tooltip="Real images of your own for the Frechet distance, in place of a "
                    "reference: Load Image Set with the part that nothing was steered by.",
                ),
            ],
            outputs=[
                io.String.Output("text", display_name="text", tooltip="The figures."),
                io.Float.Output(
                    "probability",
                    display_name="probability",
                    tooltip="Mean probability of the wanted class, or share of what the prompts "
                    "state; 0 without a condition.",
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
        reference_part: Part = "all",
        real: Tensor | None = None,
    ) -> io.NodeOutput:
        """Asks the judge."""
        judge = as_judge(auxiliary)
        if real is not None and reference != NO_REFERENCE:
            raise InvalidInput(
                f"Real images are connected, and the reference is {reference!r}. Take one of the "
                f"two: disconnect the images, or set the reference to {NO_REFERENCE!r}."
            )
        with autograd(), host().on_device(judge.modules):
            pictures = from_host(ordinary(images))
            held = None if real is None else from_host(ordinary(real))
            if reference != NO_REFERENCE:
                held = catalogue.reference_portion(
                    reference,
                    order=reference_order,
                    seed=reference_draw,
                    part=reference_part,
                )
            chunking = Chunking.of(chunk, (pictures.shape[2], pictures.shape[3]))
            if isinstance(judge, Classifier):
                found = _by_classes(judge, pictures, condition, held, chunking)
            else:
                found = _by_attributes(judge, pictures, condition, held, chunking)
        figures = {"judge": judge.name, **found.numbers()}
        rounded = {k: round(v, 4) if isinstance(v, float) else v for k, v in figures.items()}
        return io.NodeOutput(
            json.dumps(rounded, indent=1),
            found.headline,
            ui={"text": (str(found),), "latentsteer": [{"evaluate": figures}]},
        )


def _by_classes(
    judge: Classifier,
    pictures: Tensor,
    condition: Condition | None,
    real: Tensor | None,
    chunking: Chunking,
) -> Evaluation:
    device = host().device()
    reference = None
    if real is not None:
        reference = classifier_outputs(judge, real, chunking, device).features
    wanted = None
    if condition is not None:
        wanted = wanted_classes(judge, condition, len(pictures))
    return evaluate(
        classifier_outputs(judge, pictures, chunking, device), wanted=wanted, reference=reference
    )


def _by_attributes(
    judge: AttributeJudge,
    pictures: Tensor,
    condition: Condition | None,
    real: Tensor | None,
    chunking: Chunking,
) -> AttributeEvaluation:
    return evaluate_attributes(
        judge,
        pictures,
        texts=condition.labels if condition is not None else (),
        reference=real,
        chunking=chunking,
        device=host().device(),
    )


NODES = [EnergyReport, EvaluateImages]
