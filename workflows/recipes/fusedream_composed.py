"""FuseDream's composed images on official BigGANs: rows f12 to f16."""

from .files import ALEXNET
from .fusedream_graph import FuseDream, Row, shipped
from .graph import Link, Shipped
from .paper.rows import inputs_of, sweep

__all__ = ["TRACE", "compositions"]

PAIRS = "A dog near a boat\nA butterfly near a boat\nAn elephant on top of a roof"
ROBOT = "A colorful robot walks on an iced lake under moonlight"
(SEEDS,) = sweep("f16", "TextCondition", "samples_per_prompt")
TRACE = 5
"""The number of Compose Fuse's output for the curves."""


def compositions() -> list[Shipped]:
    """All of them."""
    return [*map(_composed, ROWS), _linear(), _seeds()]


ROWS = (
    Row(
        "f12",
        "biggan_composition",
        "one image pasted on another",
        "Figures 5 and 9: a foreground and a background, each of a basis, are refined together "
        "for each of two sizes and nine places; AugCLIP of the whole comes first, LPIPS between "
        "the foreground and what it covers second, by the dynamic barrier; the best of the "
        "eighteen is blended. The paper gives neither the steps of a composition nor LPIPS' "
        "backbone: those of a single image, and AlexNet.",
        prompts=PAIRS,
    ),
    Row(
        "f13",
        "biggan_composition_no_perceptual",
        "composed without the perceptual loss",
        "Figure 5, blue: AugCLIP alone is lowered, and the border shows.",
        prompts=PAIRS,
    ),
    Row(
        "f15",
        "biggan_composition_inverse",
        "composed, the losses' roles exchanged",
        "Figure 11, equation 8: LPIPS first, AugCLIP second, which ends at poor AugCLIP.",
        prompts=PAIRS,
    ),
)


def _started(graph: FuseDream, condition: Link, energy: Link) -> tuple[Link, Link]:
    """A foreground and a background."""
    fore, back = (graph.started(condition, energy, seed=seed) for seed in (0, 1))
    return fore, back


def _fused(
    graph: FuseDream, both: tuple[Link, Link], energy: Link, title: str = "", **inputs: object
) -> Link:
    return graph.add(
        "ComposeFuse",
        title,
        generator=graph.generator,
        foreground=both[0],
        background=both[1],
        energy=energy,
        backbone=ALEXNET,
        **{**inputs_of(graph.row.row, "ComposeFuse"), **inputs},
    )


def _composed(row: Row) -> Shipped:
    graph = FuseDream(row)
    condition = graph.text()
    energy = graph.energy(condition)
    both = _started(graph, condition, energy)
    fused = _fused(graph, both, energy)
    graph.curves(fused, TRACE)
    graph.pictured(row.file, fused, row.count)
    graph.scored(fused, condition)
    return shipped(row, graph)


def _linear() -> Shipped:
    row = Row(
        "f14",
        "biggan_composition_linear",
        "composed by a weighted sum",
        "Figure 11, equation 7: (1 - lambda) LPIPS - lambda AugCLIP for lambda from 0.1 to 0.9, a "
        "row of the picture each. Which is best depends on the text.",
        prompts=PAIRS,
    )
    graph = FuseDream(row)
    condition = graph.text()
    energy = graph.energy(condition)
    both = _started(graph, condition, energy)
    fused = [
        _fused(graph, both, energy, f"lambda = {weight}", linear_weight=weight)
        for weight in sweep(row.row, "ComposeFuse", "linear_weight")
    ]
    strip = fused[0]
    for images in fused[1:]:
        strip = graph.add("StackImages", first=strip, second=images)
    graph.pictured(row.file, strip, row.count)
    many = graph.text("\n".join([row.prompts] * len(fused)), title="The prompts of every row")
    graph.scored(strip, many)
    return shipped(row, graph)


def _seeds() -> Shipped:
    row = Row(
        "f16",
        "biggan_composition_seeds",
        "many seeds of one composition",
        "Figure 10: the best 36 of 50 composed images by AugCLIP, the best first.",
        prompts=ROBOT,
        each=SEEDS,
    )
    graph = FuseDream(row)
    condition = graph.text()
    energy = graph.energy(condition)
    fused = _fused(graph, _started(graph, condition, energy), energy)
    graph.curves(fused, TRACE)
    best = graph.add("BestImages", images=fused, energy=energy, **inputs_of(row.row, "BestImages"))
    graph.pictured(row.file, best, 6)
    graph.scored(best, graph.text(each=1, title="What is shown"))
    return shipped(row, graph)
