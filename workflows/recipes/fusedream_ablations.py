"""FuseDream's case studies, baselines and ablations on official BigGANs: rows f05 to f11."""

from ...core.views.augclip import OPERATIONS
from .files import BIGGAN, PICTURE
from .fusedream_graph import CANDIDATES, DOGS, FuseDream, Row, shipped
from .graph import Shipped
from .paper.rows import inputs_of

__all__ = ["ablations"]

FIGURE_4 = (
    "This small bird has a pink breast and crown, and black primaries and secondaries\n"
    "A church near forest under moonlight\nA photo of an ice cube melting under the sun\n"
    "An armchair in the shape of an avocado"
)
OBJECTS = "A photo of a pineapple\nA motorbike helmet"
INNER = 30
MEGA_STEPS = {"f11a": 7, "f11b": 42}
"""Adam's steps in each of BasinCMA's, and how many of these took 5 and 30 minutes, about."""


def ablations() -> list[Shipped]:
    """All of them."""
    return [
        *_naive(),
        _dog_to_cat(),
        _attack(),
        _initialisation(),
        _gaussian_classes(),
        *map(_views, (*OPERATIONS, "")),
        *map(_basin, MEGA_STEPS),
    ]


def _naive() -> list[Shipped]:
    says = (
        "The baseline of figure 1: Adam on the plain CLIP score from one random sample, without "
        "views, without a choice of the start, without a basis."
    )
    rows = (
        Row("f05", "biggan_naive", "CLIP and Adam alone", says, prompts=DOGS),
        Row("f05", "biggan_naive_512", "CLIP and Adam alone at 512", says, BIGGAN, DOGS),
    )
    made: list[Shipped] = []
    for row in rows:
        graph = FuseDream(row)
        condition = graph.text()
        energy = graph.energy(condition, "Plain CLIP", views=0)
        latents = graph.refined(graph.from_prior(condition), energy)
        graph.curves(latents)
        graph.finished(latents, condition, row.count)
        made.append(shipped(row, graph))
    return made


def _initialisation() -> Shipped:
    row = Row(
        "f08",
        "biggan_initialisation",
        "where to start",
        "Figure 4, a row of the picture for each: a random sample; the best of ten thousand; the "
        "mean of the best five, without over-parametrisation; bases of five, ten and fifteen. "
        "The scores are in the order of the picture.",
        prompts=FIGURE_4,
    )
    graph = FuseDream(row)
    condition = graph.text()
    energy = graph.energy(condition)
    five = graph.started(condition, energy)
    starts = {
        "One random sample": graph.from_prior(condition),
        "The best of 10 000": graph.from_prior(condition, energy=energy, candidates=CANDIDATES),
        "The mean of the best 5": graph.add("PlainLatents", batch=five),
        "A basis of 5": five,
        **{f"A basis of {keep}": graph.started(condition, energy, keep=keep) for keep in (10, 15)},
    }
    ends = [graph.refined(start, energy, title) for title, start in starts.items()]
    graph.curves(ends[3])
    many = graph.text("\n".join([row.prompts] * len(ends)), title="The prompts of every row")
    graph.finished(graph.stacked(ends), many, row.count)
    return shipped(row, graph)


def _gaussian_classes() -> Shipped:
    row = Row(
        "f09",
        "biggan_gaussian_classes",
        "classes drawn from a Gaussian",
        "Figure 12: y ~ N(0, I) in the place of the classes' embeddings. After refinement the "
        "images are still noise.",
        prompts=FIGURE_4,
    )
    graph = FuseDream(row)
    condition = graph.text()
    energy = graph.energy(condition)
    latents = graph.refined(graph.started(condition, energy), energy)
    graph.curves(latents)
    graph.finished(latents, condition, row.count)
    return shipped(row, graph)


def _views(operation: str) -> Shipped:
    """One of the four operations that make views, or all."""
    number = "abcde"[(*OPERATIONS, "").index(operation)]
    row = Row(
        f"f10{number}",
        f"biggan_views_{operation or 'all'}",
        f"views by {operation or 'all four operations'}",
        "Figure 15: AugCLIP with views that are made by "
        f"{operation + ' alone' if operation else 'all four operations'}; the score at the end is "
        "of all four always.",
        prompts=OBJECTS,
    )
    graph = FuseDream(row)
    condition = graph.text()
    energy = graph.energy(condition, **inputs_of(row.row, "EnergyCLIP"))
    latents = graph.refined(graph.started(condition, energy), energy)
    graph.curves(latents)
    graph.finished(latents, condition, row.count)
    return shipped(row, graph)


def _dog_to_cat() -> Shipped:
    row = Row(
        "f06",
        "biggan_dog_to_cat",
        "from a dog to a cat",
        "Figure 3: four dogs, and what Adam makes of them by the plain CLIP score of *a photo of "
        "a cat* (second row) and by AugCLIP (third row). The plain score rises and the dog "
        "stays.",
        prompts="A photo of a cat",
    )
    graph = FuseDream(row)
    dog = graph.text("A photo of a dog", title="What it starts as")
    dogs = graph.from_prior(dog, energy=graph.energy(dog, "A dog"), samples=4, candidates=1000)
    cat = graph.text(title="What is wanted")
    by_plain = graph.refined(dogs, graph.energy(cat, "Plain CLIP", views=0), "By plain CLIP")
    by_views = graph.refined(dogs, graph.energy(cat), "By AugCLIP")
    graph.curves(by_plain)
    graph.curves(by_views)
    graph.finished(graph.stacked([dogs, by_plain, by_views]), cat, 4)
    return shipped(row, graph)


def _attack() -> Shipped:
    row = Row(
        "f07",
        "pixels_attack",
        "the CLIP is fooled",
        "Figure 2: one step of the fast gradient sign method on the pixels of a picture, by the "
        "plain CLIP score (second image) and by AugCLIP (third). The paper finds that the plain "
        "score rises much by a change that nobody sees, and AugCLIP hardly.",
        generator=None,
        prompts="A photo of a cat",
    )
    graph = FuseDream(row)
    given = graph.add("LoadImage", "What is given", image=PICTURE)
    condition = graph.text()
    images = given
    for title, energy in (
        ("By plain CLIP", graph.energy(condition, "Plain CLIP", views=0)),
        ("By AugCLIP", graph.energy(condition)),
    ):
        moved = graph.add("ImageGradientStep", title, images=given, energy=energy)
        images = graph.add("StackImages", first=images, second=moved)
    graph.pictured(row.file, images, 3)
    graph.scored(images, condition, "Plain CLIP scores", views=0)
    graph.scored(images, condition, "AugCLIP scores")
    return shipped(row, graph)


def _basin(number: str) -> Shipped:
    short = number == "f11a"
    row = Row(
        number,
        f"biggan_basin_cma_{'short' if short else 'long'}",
        f"BasinCMA for {'five' if short else 'thirty'} minutes",
        "Figure 17: a gradient-free search, whose samples each take some steps of Adam before "
        "they are told, from a random sample without a basis. The paper gives minutes, not "
        "steps: *steps* here are a guess for a GTX 3090. Needs `pip install cmaes`.",
        prompts=OBJECTS,
    )
    graph = FuseDream(row)
    condition = graph.text()
    energy = graph.energy(condition)
    latents = graph.add(
        "CMAESRefine",
        generator=graph.generator,
        start=graph.from_prior(condition),
        energy=energy,
        steps=MEGA_STEPS[number],
        inner_steps=INNER,
    )
    graph.curves(latents)
    graph.finished(latents, condition, row.count)
    return shipped(row, graph)
