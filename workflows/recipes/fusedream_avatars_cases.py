"""FuseDream's case studies and ablations on the avatars."""

from typing import Any

from ...core.views.augclip import OPERATIONS
from ...core.zoo.avatar_captions import PROMPTS
from .fusedream_avatars_graph import AUGMENTED, CANDIDATES, PLAIN, RATE, FuseDreamAvatars, shipped
from .graph import Link, Shipped
from .tr0n_avatars import JUDGE, REFERENCE

__all__ = ["cases"]


def cases() -> list[Shipped]:
    """All of them."""
    return [_initialisation(), _views(), _wrong_start(), _attack(), _basin()]


def _initialisation() -> Shipped:
    says = (
        "A row of the picture for each start: a random sample; the best of 150; the mean "
        "of the best five, without over-parametrisation; a basis of five. Paper row f08 "
        "(figure 4)."
    )
    graph = FuseDreamAvatars()
    prompts = "\n".join(PROMPTS[:4])
    condition = graph.text(prompts)
    energy = graph.score(condition)
    basis = graph.basis(condition, energy)
    drawn = {"generator": graph.generator, "condition": condition, "energy": energy}
    starts = {
        "One random sample": graph.add("PriorInit", **drawn),
        "The best of 150": graph.add("PriorInit", **drawn, candidates=CANDIDATES),
        "The mean of the best 5": graph.add("PlainLatents", batch=basis),
        "A basis of 5": basis,
    }
    ends = [graph.by_adam(start, energy, title) for title, start in starts.items()]
    graph.curves(ends[-1])
    name = "fusedream_avatars_initialisation"
    images = graph.decoded(name, graph.stacked(ends), 4)
    many = graph.text("\n".join([prompts] * len(ends)), title="The prompts of every row")
    graph.scored(images, many)
    graph.judged(images, JUDGE, condition=many)
    return shipped(name, "FuseDream: where avatars start", says, graph, per_row=4)


def _views() -> Shipped:
    says = (
        "Views made by one operation alone, a row each: colour, translation, resize, cutout; in "
        "the last row by all four. The scores at the end are of all four. Paper row f10 "
        "(figure 15)."
    )
    graph = FuseDreamAvatars()
    prompts = "\n".join(PROMPTS[:4])
    condition = graph.text(prompts)
    start = graph.basis(condition, graph.score(condition))
    ends: list[Link] = []
    for operation in (*OPERATIONS, ""):
        on: dict[str, Any] = {name: operation in (name, "") for name in OPERATIONS}
        title = operation or "all four"
        energy = graph.score(condition, f"AugCLIP, {title}", **on)
        ends.append(graph.by_adam(start, energy, f"By {title}"))
    graph.curves(ends[-1])
    name = "fusedream_avatars_views"
    images = graph.decoded(name, graph.stacked(ends), 4)
    many = graph.text("\n".join([prompts] * len(ends)), title="The prompts of every row")
    graph.scored(images, many)
    graph.judged(images, JUDGE, condition=many)
    return shipped(name, "FuseDream: avatars by other views", says, graph, per_row=4)


def _wrong_start() -> Shipped:
    says = (
        "Case study 2 (figure 3): samples that begin as something else, and what Adam makes of "
        "them by the plain CLIP score (second row) and by AugCLIP (third row), without a basis. "
        "Paper row f06: there a dog should become a cat."
    )
    graph = FuseDreamAvatars()
    other = graph.text("bald, black beard, serious, white shirt", title="What it starts as")
    start = graph.add(
        "PriorInit",
        generator=graph.generator,
        condition=other,
        samples=4,
        candidates=100,
        energy=graph.score(other, "What it starts as", views=0),
    )
    wanted = graph.text("smiling, pink long hair, yellow shirt", title="What is wanted")
    plain, views = graph.score(wanted, PLAIN, views=0), graph.score(wanted)
    ends = [
        graph.by_adam(start, plain, "By plain CLIP"),
        graph.by_adam(start, views, "By AugCLIP"),
    ]
    for end in ends:
        graph.curves(end)
    name = "fusedream_avatars_wrong_start"
    images = graph.decoded(name, graph.stacked([start, *ends]), 4)
    graph.scored(images, wanted)
    graph.judged(images, JUDGE, condition=wanted)
    return shipped(name, "FuseDream: from one avatar to another", says, graph, per_row=4)


def _attack() -> Shipped:
    says = (
        "Case study 1 (figure 2): one step of the fast gradient sign method on the pixels of "
        "given pictures, by the plain CLIP score (second row) and by AugCLIP (third row). The "
        "change is hardly seen; the plain score rises much, AugCLIP less. Paper row f07."
    )
    graph = FuseDreamAvatars(pixels=True)
    given = graph.add("ReferenceImages", reference=REFERENCE, count=4)
    condition = graph.text("a yellow turban, sticking the tongue out, dark skin")
    images = given
    for title, views in ((PLAIN, 0), (AUGMENTED, 50)):
        energy = graph.score(condition, title, views=views)
        moved = graph.add("ImageGradientStep", f"By {title}", images=given, energy=energy)
        images = graph.add("StackImages", first=images, second=moved)
    name = "fusedream_avatars_attack"
    graph.pictured(name, images, 4)
    graph.scored(images, condition, "Plain CLIP scores", views=0)
    graph.scored(images, condition, "AugCLIP scores")
    graph.judged(images, JUDGE, condition=condition)
    return shipped(name, "FuseDream: the CLIP is fooled", says, graph, per_row=4)


def _basin() -> Shipped:
    says = (
        "A gradient-free search from random samples, without a basis: CMA-ES, whose samples each "
        "take some steps of Adam before they are told (BasinCMA). Needs `pip install "
        "cmaes`. Paper row f11 (figure 17): there it takes minutes for what Adam finds sooner."
    )
    graph = FuseDreamAvatars()
    condition = graph.text("\n".join(PROMPTS[:4]))
    energy = graph.score(condition)
    start = graph.add("PriorInit", generator=graph.generator, condition=condition)
    latents = graph.add(
        "CMAESRefine",
        generator=graph.generator,
        start=start,
        energy=energy,
        steps=10,
        population=8,
        inner_steps=3,
        inner_rate=RATE,
    )
    graph.curves(latents)
    name = "fusedream_avatars_basin_cma"
    images = graph.decoded(name, latents, 4)
    graph.scored(images, condition)
    graph.judged(images, JUDGE, condition=condition)
    return shipped(name, "FuseDream: avatars by BasinCMA", says, graph, per_row=4)
