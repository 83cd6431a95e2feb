"""Energy Report: a refinement in numbers and curves."""

import textwrap

import numpy as np
import torch
from PIL import Image

from ...core.refine.trace import Trace
from ..help import Help
from ..host import io
from ..sockets import TRACE
from .labels import plain_labels

__all__ = ["EnergyReport", "plot"]


def plot(trace: Trace) -> Image.Image:
    """The energy of every sample over the steps and their mean; below it each term."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = [(trace.title, "energy (lower is better)", trace.energies)]
    if len(trace.terms) > 1:
        called = plain_labels(trace.terms)
        panels += [(called[name], "without its weight", c) for name, c in trace.terms.items()]
    columns = 1 if len(panels) == 1 else 2
    rows = -(-len(panels) // columns)
    size = (8, 5) if len(panels) == 1 else (6 * columns, 3.6 * rows)
    figure = Figure(figsize=size, dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    for number, (title, what, curve) in enumerate(panels):
        axes = figure.add_subplot(rows, columns, number + 1)
        steps = np.arange(len(curve))
        axes.plot(steps, curve[:, :200].numpy(), color="#7a8fa6", alpha=0.35, linewidth=0.8)
        axes.plot(steps, curve.mean(dim=1).numpy(), color="#b3322b", linewidth=2, label="mean")
        axes.set(title=textwrap.shorten(title, 60, placeholder=" ..."), xlabel="step", ylabel=what)
        axes.set_xlim(0, max(1, len(steps) - 1))
        axes.grid(alpha=0.25)
        axes.legend(loc="upper right")  # the best place is sought for as long as a curve is drawn
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])


class EnergyReport(io.ComfyNode):
    """The energies of a refinement in numbers and curves."""

    HELP = Help(
        about=(
            "A curve per sample and their mean; as text, each term of the energy before and "
            "after. The curve should fall and then flatten: if it still falls, use more "
            "steps."
        ),
        example="The `trace` of Langevin Refine into this node, `curves` into Preview Image.",
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
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
                    tooltip="Energy over the steps, a line per sample; each term separately "
                    "below it, if the refiner reports terms.",
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
        text = trace.text(plain_labels(trace.before))
        pixels = torch.from_numpy(np.array(plot(trace))).float().div(255)[None]
        return io.NodeOutput(pixels, text, ui={"text": (text,)})
