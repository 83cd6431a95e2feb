"""The shipped workflows of KRR flow on the digits: its Tables 1, 2, 6 and 7."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .graph import GraphBuilder, Link, Shipped
from .paper.krr import SIZES
from .paper.rows import inputs_of

__all__ = ["ROWS", "SWEEPS", "KrrRow", "krr_digits_workflows"]

GENERATOR = "digits (embedded)"
CLASSIFIER = "digits classifier (embedded)"
JUDGE = "digits judge (embedded)"
REFERENCE = "digits held out (embedded)"
SAMPLES, REAL = 256, 500
STEP_SIZE, STEPS = 0.3, 10
NARROW, RIDGE = 41.0, 100.0
"""A bandwidth of 0.1 times the median squared distance of real digits' features."""
COLUMNS = 16
HALVES: Mapping[str, object] = {"order": "balanced", "draw": 0}
"""Of the thousand real digits: the flow sees the first, the judge measures on the second."""
ABOUT = (
    "\n\nRuns on the models shipped with LatentSteer, in about a minute on a laptop's processor. "
    "The kernel looks at a classifier's features. Of a thousand digits that no model was trained "
    "on, **Reference Images** gives a half, balanced over the classes, and the judge measures the "
    "distance of the start and of the result to the other half, which the flow did not see. "
    "For your own generator, take the halves of a folder of its training images by two **Load "
    "Image Set**."
)


@dataclass(frozen=True)
class KrrRow:
    """A row of the paper's image generation.

    Attributes:
        row: its number in the paper's list of setups.
        name: of the files.
        title: of the note.
        says: what it shows.
        settings: of KRR Flow Refine, where they are not the usual ones.
        digits: of it on the digits, besides.
        real: whether real images are connected.
        condition: whether the discriminator is.
    """

    row: str
    name: str
    title: str
    says: str
    settings: Mapping[str, object] = field(default_factory=dict[str, object])
    digits: Mapping[str, object] = field(default_factory=dict[str, object])
    real: bool = True
    condition: bool = True


ROWS = (
    KrrRow(
        "k02",
        "flow",
        "a generator improved",
        "The three terms of eq. 6: away from the samples' own density, towards that of real "
        "images, and towards what the discriminator takes for real.",
    ),
    KrrRow(
        "k06",
        "kde",
        "kernel density estimation",
        "Table 2, *KDE*: no ridge regression, and the kernel as it is.",
        {"estimator": "kde", "mollifier": "none"},
    ),
    KrrRow(
        "k07",
        "krr",
        "kernel ridge regression without mollifier",
        "Table 2, *KRR + k*: the kernel as it is.",
        {"mollifier": "none"},
    ),
    KrrRow(
        "k08",
        "kde_smooth",
        "kernel density estimation with mollifier",
        "Table 2, *KDE + k_psi*: the smoothed kernel without ridge regression.",
        {"estimator": "kde"},
    ),
    KrrRow(
        "k09",
        "stein",
        "Stein's identity for the samples' density",
        "Table 2, *Ours + Stein*: the first term estimated by Stein's identity.",
        {"estimator": "stein", "eta": 20.0},
    ),
    KrrRow(
        "k10",
        "only_real",
        "only real images",
        "Table 7, *only p(x)*: samples run to where real images are dense, and nothing keeps them "
        "apart. A small *xi*, ridge regression proper, keeps p(x) flat among the real images: "
        "samples come in from outside and do not collapse onto its modes.",
        {"lambda_generated": 0.0},
        {"xi": 0.5, "step_size": 0.05},
        condition=False,
    ),
    KrrRow(
        "k11",
        "only_generated",
        "only the samples' own density",
        "Table 7, *only q(x|c)*: samples drive each other apart.",
        digits={"step_size": 0.1},
        real=False,
        condition=False,
    ),
    KrrRow(
        "k12",
        "only_condition",
        "only the discriminator",
        "Table 7, *only p(c|x)*, which is DDLS without noise.",
        {"lambda_generated": 0.0, "lambda_condition": 1.0},
        {"step_size": 0.05},
        real=False,
    ),
)
SWEEPS = tuple((row, inputs_of(row, "KRRFlowRefine")["steps"]) for row in ("k13", "k14", "k15"))
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
"""With the mollifier the bandwidth is 3 times as large."""


def krr_digits_workflows() -> list[Shipped]:
    """A workflow per row."""
    return [*map(_row, ROWS), *(_sweep(row, steps) for row, steps in SWEEPS)]


class _Digits(GraphBuilder):
    """A graph with the digits' models in it."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = self.add("LoadGenerator", file=GENERATOR)
        self.classifier = self.add("LoadAuxModel", "Load classifier", file=CLASSIFIER)
        self.start = self.add("PriorInit", generator=self.generator, samples=SAMPLES)

    def flowed(
        self, title: str, step_size: float, steps: int, settings: Mapping[str, object]
    ) -> Link:
        """The samples after a flow."""
        return self.add(
            "KRRFlowRefine",
            title,
            generator=self.generator,
            start=self.start,
            auxiliary=self.classifier,
            **{**KERNEL, "steps": steps, "step_size": step_size, **settings},
        )

    def shown(self, name: str, latents: Link) -> Link:
        """Decoded, saved and judged, beside the start."""
        before = self.add(
            "Decode", "Decode the start", generator=self.generator, latents=self.start
        )
        self.measured(before)
        images = self.add("Decode", generator=self.generator, latents=latents)
        self.pictured(name, images, COLUMNS)
        self.measured(images)
        return images

    def measured(self, images: Link) -> None:
        """The judge's figures, beside the real digits that the flow does not see."""
        half = {f"reference_{name}": value for name, value in HALVES.items()}
        self.judged(images, JUDGE, reference=REFERENCE, reference_part="second half", **half)


def _connected(graph: _Digits, *, real: bool, condition: bool) -> dict[str, object]:
    found: dict[str, object] = {}
    if real:
        found["real"] = graph.add(
            "ReferenceImages",
            "Real digits",
            reference=REFERENCE,
            first=0,
            count=REAL,
            part="first half",
            **HALVES,
        )
    if condition:
        found["energy"] = graph.add("EnergyDiscriminator", generator=graph.generator)
    return found


def _row(row: KrrRow) -> Shipped:
    graph = _Digits()
    connected = _connected(graph, real=row.real, condition=row.condition)
    settings = {**row.settings, **row.digits, **connected}
    latents = graph.flowed("", STEP_SIZE, STEPS, settings)
    graph.curves(latents)
    graph.shown(f"krr_digits_{row.name}", latents)
    says = f"{row.says} Paper row {row.row}."
    return _shipped(row.name, row.title, says, graph, shown=5, per_row=SAMPLES // 4)


def _sweep(row: str, steps: int) -> Shipped:
    graph = _Digits()
    connected = _connected(graph, real=True, condition=True)
    graph.measured(
        graph.add("Decode", "Decode the start", generator=graph.generator, latents=graph.start)
    )
    strip = latents = graph.start
    for size in SIZES:
        latents = graph.flowed(f"Step size {size:g}", size, steps, connected)
        images = graph.add(
            "Decode", f"Decode step size {size:g}", generator=graph.generator, latents=latents
        )
        graph.measured(images)
        first = strip is graph.start
        strip = latents if first else graph.add("StackLatents", first=strip, second=latents)
    graph.curves(latents)
    images = graph.add("Decode", generator=graph.generator, latents=strip)
    graph.pictured(f"krr_digits_steps_{steps}", images, 2 * COLUMNS)
    says = (
        f"Table 6, {steps} steps: step sizes 0.1, 0.2, 0.3, 0.5, 1 and 2 one below the other, "
        f"each with the judge's figures. Paper row {row}."
    )
    title = f"{steps} steps of six sizes"
    return _shipped(f"steps_{steps}", title, says, graph, shown=5, per_row=SAMPLES)


def _shipped(
    name: str, title: str, says: str, graph: GraphBuilder, *, shown: int, per_row: int
) -> Shipped:
    title = f"KRR flow: digits, {title}"
    notes = f"# {title}\n\n{says}{ABOUT}"
    return Shipped(f"krr_digits_{name}", title, notes, graph.api, 1, shown, per_row)
