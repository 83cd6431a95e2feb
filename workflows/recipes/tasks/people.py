"""Two people in one picture: FuseDream's composition, with starts from Steer."""

from functools import partial

from ..files import AVATARS, AVATARS_CLIP
from ..graph import GraphBuilder, Link, Recipe
from ..template import ENLARGED, STEER, Template

__all__ = ["RECIPES"]

FRONT, BACK = "purple hijab, glasses", "grey bob, dark skin"
SAMPLES, VIEWS = 4, 4
PLACE = "bottom right"
SCALE, STEPS, RATE, WEIGHT = 0.5, 10, 0.01, 0.1
"""Of the workflow fusedream_avatars_composition, which tries all nine places."""


def _person(graph: GraphBuilder, title: str, prompt: str, seed: int) -> Link:
    settings = {"model": AVATARS, "prompt": prompt, "samples": SAMPLES, "seed": seed}
    return graph.output(graph.add("Steer", title, **settings, preview_every=0), 1)


def _two(recipe: Recipe) -> GraphBuilder:
    graph = GraphBuilder()
    graph.load(AVATARS, AVATARS_CLIP)
    front = _person(graph, "In front", FRONT, 0)
    back = _person(graph, "Behind", BACK, 1)
    both = graph.text(f"{FRONT} | {BACK}", title="Both")
    energy = graph.add("EnergyCLIP", condition=both, views=VIEWS)
    images = graph.add(
        "ComposeFuse",
        foreground=front,
        background=back,
        energy=energy,
        auxiliary=graph.models["auxiliary"],
        steps=STEPS,
        learning_rate=RATE,
        secondary_weight=WEIGHT,
        scales=f"{SCALE}",
        places=PLACE,
        preview_every=0,
    )
    graph.pictured(recipe.id, images, SAMPLES // 2, ENLARGED)
    return graph


_people = partial(Recipe, rows=())
RECIPES = (
    _people(
        "avatars_two_people",
        title="Two people in one picture",
        says="**Steer** draws two people, and **Compose Fuse** pastes one on the other and "
        "refines both together.",
        graph=_two,
        task="Compose two people in one picture",
        template=Template(
            "07 Two people in one picture",
            "Draws two people, and puts one in front of the other.",
            (
                ("In front.prompt", "the smaller person."),
                ("Behind.prompt", "the larger person."),
                ("Both.prompts", "both texts with | between them."),
                ("Compose Fuse.places", "where the smaller one is; *all nine* keeps the best."),
            ),
            stages={"Compose Fuse": STEER},
            starter=False,
        ),
    ),
)
