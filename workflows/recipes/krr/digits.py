"""KRR flow on the digits: its Tables 1, 2, 6 and 7; and the rows that other generators share."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from ..files import DIGITS, DIGITS_CLASSIFIER, DIGITS_HELD_OUT, DIGITS_JUDGE
from ..graph import GraphBuilder, Link, Recipe
from ..rows import inputs_of
from .numbers import SIZES

__all__ = ["RECIPES", "ROWS", "STEPS", "STEP_SIZE", "SWEEPS", "TASK", "FlowRow"]

SAMPLES, REAL = 256, 500
STEP_SIZE, STEPS = 0.3, 10
NARROW, RIDGE = 41.0, 100.0
"""A bandwidth of 0.1 times the median squared distance of real digits' features."""
COLUMNS = 16
TASK = "Improve the images of a generator"
HALVES: Mapping[str, object] = {"order": "balanced", "draw": 0}
"""Halves of the thousand real digits: the first for the flow, the second for the judge."""
KERNEL: Mapping[str, object] = {
    "bandwidth": "number",
    "bandwidth_number": NARROW,
    "eta": RIDGE,
    "xi": RIDGE,
    "mollifier": "feature",
    "sigma": 1.0,
    "sigma_schedule": "constant",
    "lambda_condition": 0.1,
    "chunk": "fast",
}
"""Mollifier that makes the bandwidth 3 times as large."""
ABOUT = (
    "\n\nRuns on the models shipped with LatentSteer, in about a minute on a laptop's processor. "
    "The kernel uses a classifier's features. Of a thousand digits that no model was trained on, "
    "**Reference Images** loads a half, balanced over the classes, and the judge measures the "
    "distance of the start and of the result to the other half, which the flow did not see. For "
    "your own generator, load the two halves of a folder of its training images with two **Load "
    "Image Set**."
)


@dataclass(frozen=True)
class FlowRow:
    """A row of the paper's image generation, for any generator.

    Attributes:
        row: id of the row.
        name: name of its files, after that of the generator.
        title: title of the note, after that of the generator.
        says: what it shows.
        settings: settings of KRR Flow Refine that differ from the usual ones.
        real: whether real images are connected.
        condition: whether the discriminator is connected.
    """

    row: str
    name: str
    title: str
    says: str
    settings: Mapping[str, object]
    real: bool = True
    condition: bool = True


ROWS = (
    FlowRow(
        "k02",
        "flow",
        "a generator improved",
        "The three terms of eq. 6: away from the samples' own density, towards that of real "
        "images, and towards images that the discriminator takes for real.",
        {},
    ),
    FlowRow(
        "k06",
        "kde",
        "kernel density estimation",
        "Table 2, *KDE*: no ridge regression, and the kernel without mollifier.",
        {"estimator": "kde", "mollifier": "none"},
    ),
    FlowRow(
        "k07",
        "krr",
        "kernel ridge regression without mollifier",
        "Table 2, *KRR + k*: the kernel without mollifier.",
        {"mollifier": "none"},
    ),
    FlowRow(
        "k08",
        "kde_smooth",
        "kernel density estimation with mollifier",
        "Table 2, *KDE + k_psi*: the smoothed kernel without ridge regression.",
        {"estimator": "kde"},
    ),
    FlowRow(
        "k09",
        "stein",
        "Stein's identity for the samples' density",
        "Table 2, *Ours + Stein*: the first term estimated by Stein's identity.",
        {"estimator": "stein", "eta": 20.0},
    ),
    FlowRow(
        "k10",
        "only_real",
        "only real images",
        "Table 7, *only p(x)*: samples move to where real images are dense, and nothing keeps "
        "them apart. A small *xi*, ridge regression proper, keeps p(x) flat among the real "
        "images: samples enter from outside and do not collapse onto its modes.",
        {"lambda_generated": 0.0},
        condition=False,
    ),
    FlowRow(
        "k11",
        "only_generated",
        "only the samples' own density",
        "Table 7, *only q(x|c)*: samples drive each other apart.",
        {},
        real=False,
        condition=False,
    ),
    FlowRow(
        "k12",
        "only_condition",
        "only the discriminator",
        "Table 7, *only p(c|x)*, which is DDLS without noise.",
        {"lambda_generated": 0.0, "lambda_condition": 1.0},
        real=False,
    ),
)
SWEEPS = tuple((row, inputs_of(row, "KRRFlowRefine")["steps"]) for row in ("k13", "k14", "k15"))
OWN: Mapping[str, Mapping[str, object]] = {
    "k10": {"xi": 0.5, "step_size": 0.05},
    "k11": {"step_size": 0.1},
    "k12": {"step_size": 0.05},
}
"""Additional settings of single terms on the digits."""


class _Digits(GraphBuilder):
    """Graph with the models of the digits."""

    def __init__(self) -> None:
        super().__init__({"KRRFlowRefine": {**KERNEL, "steps": STEPS, "step_size": STEP_SIZE}})
        self.load(DIGITS, DIGITS_CLASSIFIER, "Load classifier")
        self.start = self.add("PriorInit", samples=SAMPLES)

    def connected(self, *, real: bool = True, condition: bool = True) -> dict[str, object]:
        """Returns the targets of the flow, and the features of its kernel."""
        found: dict[str, object] = {"auxiliary": self.models["auxiliary"]}
        if real:
            half = {"reference": DIGITS_HELD_OUT, "count": REAL, "part": "first half", **HALVES}
            found["real"] = self.add("ReferenceImages", "Real digits", **half)
        if condition:
            found["energy"] = self.add("EnergyDiscriminator")
        return found

    def measured(self, latents: Link, title: str) -> None:
        """Shows the judge's figures, against the real digits that the flow does not see."""
        self.measure(self.add("Decode", title, latents=latents))

    def measure(self, images: Link) -> None:
        """Shows the judge's figures of images."""
        half = {f"reference_{name}": value for name, value in HALVES.items()}
        seen = {"reference": DIGITS_HELD_OUT, "reference_part": "second half"}
        self.judged(images, DIGITS_JUDGE, **seen, **half)


def _flow(recipe: Recipe, row: FlowRow) -> GraphBuilder:
    graph = _Digits()
    settings = {**row.settings, **OWN.get(row.row, {})}
    connected = graph.connected(real=row.real, condition=row.condition)
    latents = graph.add("KRRFlowRefine", start=graph.start, **settings, **connected)
    graph.curves(latents)
    graph.measured(graph.start, "Decode the start")
    graph.measure(graph.decoded(recipe.id, latents, COLUMNS))
    return graph


def _sweep(recipe: Recipe, steps: int) -> GraphBuilder:
    graph = _Digits()
    connected = graph.connected()
    graph.measured(graph.start, "Decode the start")
    strip = latents = graph.start
    for size in SIZES:
        step = {"steps": steps, "step_size": size}
        name = f"step size {size:g}"
        latents = graph.add(
            "KRRFlowRefine", name.capitalize(), start=graph.start, **step, **connected
        )
        graph.measured(latents, f"Decode {name}")
        first = strip is graph.start
        strip = latents if first else graph.add("StackLatents", first=strip, second=latents)
    graph.curves(latents)
    graph.decoded(recipe.id, strip, 2 * COLUMNS)
    return graph


_digits = partial(Recipe, task=TASK, about=ABOUT, improves="frechet_distance")
RECIPES = (
    *(
        _digits(
            f"krr_digits_{row.name}",
            (row.row,),
            f"digits, {row.title}",
            row.says,
            partial(_flow, row=row),
        )
        for row in ROWS
    ),
    *(
        _digits(
            f"krr_digits_steps_{steps}",
            (row,),
            f"digits, {steps} steps of six sizes",
            f"Table 6, {steps} steps: step sizes 0.1, 0.2, 0.3, 0.5, 1 and 2 one below the other, "
            "each with the judge's figures.",
            partial(_sweep, steps=steps),
        )
        for row, steps in SWEEPS
    ),
)
