"""The shipped workflows of FuseDream on the avatars: images by text, and all the others' list."""

from ...core.zoo.avatar_captions import PROMPTS
from .fusedream_avatars_cases import cases
from .fusedream_avatars_graph import KEEP, FuseDreamAvatars, shipped
from .fusedream_composed import TRACE
from .graph import Link, Shipped
from .tr0n_avatars import JUDGE, REFERENCE

__all__ = ["fusedream_avatars_workflows"]

PER_PROMPT, SEEDS, BEST, FRAMES = 2, 12, 8, 8
PAIRS = (
    ("purple hijab, glasses", "grey bob, dark skin"),
    ("orange turban, dark skin", "blonde curly hair, light skin"),
)
"""Of a foreground and a background."""
STRANGE = (
    "green skin, red hat\nblue afro, purple background\nwinking, orange hoodie\n"
    "a red hat and a yellow turban"
)


def fusedream_avatars_workflows() -> list[Shipped]:
    """All of them."""
    return [
        _text(),
        _composition(),
        _interpolation(),
        _best_of_seeds(),
        _out_of_domain(),
        _initial_basis(),
        _upscaled(),
        *cases(),
    ]


def _text() -> Shipped:
    says = (
        "The whole method on one image: **Basis Init** draws 150 samples for every "
        "image and makes the best five a basis, **Adam Refine** moves basis and weights together "
        "on AugCLIP. Nothing is trained. A line of *prompts* is a row of the picture. Paper rows "
        "f01 to f04."
    )
    graph = FuseDreamAvatars()
    condition = graph.text("\n".join(PROMPTS), PER_PROMPT)
    energy = graph.score(condition)
    latents = graph.by_adam(graph.basis(condition, energy), energy)
    graph.curves(latents)
    name = "fusedream_avatars_text"
    images = graph.decoded(name, latents, PER_PROMPT)
    graph.scored(images, condition)
    graph.judged(images, JUDGE, condition=condition)
    return shipped(name, "FuseDream: avatars by text", says, graph, columns=2, per_row=PER_PROMPT)


def _composition() -> Shipped:
    says = (
        "Two persons in one picture: a small avatar pasted on a large one, each refined for its "
        "own text and then both together. AugCLIP of the whole with both texts comes first, the "
        "likeness of the foreground and what it covers second, by the dynamic barrier. Half the "
        "size at nine places is tried, and the best is blended. The paper also tries *scales* of "
        "0.65 and starts from the bases themselves. Paper rows f12 to f15, by *method*; f16 is "
        "this for many seeds."
    )
    graph = FuseDreamAvatars()
    both = graph.text("\n".join(" | ".join(pair) for pair in PAIRS), title="Both texts")
    starts: list[Link] = []
    for seed, texts in enumerate(zip(*PAIRS, strict=True)):
        condition = graph.text("\n".join(texts), title=("Foreground", "Background")[seed])
        own = graph.score(condition)
        starts.append(graph.by_adam(graph.basis(condition, own, seed=seed), own))
    energy = graph.score(both)
    images = graph.add(
        "ComposeFuse",
        generator=graph.generator,
        foreground=starts[0],
        background=starts[1],
        energy=energy,
        auxiliary=graph.clip,
        secondary_weight=0.1,
        scales="0.5",
        steps=10,
        learning_rate=0.01,
    )
    graph.curves(images, TRACE)
    name = "fusedream_avatars_composition"
    graph.pictured(name, images, 2)
    graph.scored(images, both)
    graph.judged(images, JUDGE, reference=REFERENCE)
    return shipped(name, "FuseDream: avatars composed", says, graph, per_row=2)


def _interpolation() -> Shipped:
    says = (
        f"Two texts are refined apart, and the way between their latents is straight, in {FRAMES} "
        "frames. Paper row f17 (figure 13)."
    )
    graph = FuseDreamAvatars()
    ends: list[Link] = []
    for prompts in (PROMPTS[:3], PROMPTS[3:6]):
        condition = graph.text("\n".join(prompts))
        energy = graph.score(condition)
        ends.append(graph.by_adam(graph.basis(condition, energy), energy))
    graph.curves(ends[-1])
    between = graph.add("InterpolateLatents", first=ends[0], second=ends[1], frames=FRAMES)
    name = "fusedream_avatars_interpolation"
    images = graph.decoded(name, between, FRAMES)
    graph.judged(images, JUDGE, reference=REFERENCE)
    return shipped(name, "FuseDream: from avatar to avatar", says, graph, shown=6, per_row=FRAMES)


def _best_of_seeds() -> Shipped:
    says = (
        f"The best {BEST} of {SEEDS} seeds by AugCLIP, the best first. The paper keeps 36 of 50 "
        "of a composition (row f16, figure 10), and one or three of five (rows f19, f20)."
    )
    graph = FuseDreamAvatars()
    condition = graph.text(PROMPTS[2], SEEDS)
    energy = graph.score(condition)
    many = graph.by_adam(graph.basis(condition, energy), energy)
    graph.curves(many)
    best = graph.add(
        "BestLatents", generator=graph.generator, batch=many, energy=energy, keep=BEST
    )
    name = "fusedream_avatars_best_of_seeds"
    images = graph.decoded(name, best, 4)
    shown = graph.text(PROMPTS[2], BEST, "What is shown")
    graph.scored(images, shown)
    graph.judged(images, JUDGE, condition=shown)
    return shipped(name, "FuseDream: the best of many seeds", says, graph, per_row=4)


def _out_of_domain() -> Shipped:
    says = (
        "What no avatar that the generator has seen looks like: green skin, blue hair, a winking "
        "eye that it hardly draws, two hats. Paper row f21 (figure 16), and f20."
    )
    graph = FuseDreamAvatars()
    condition = graph.text(STRANGE, PER_PROMPT)
    energy = graph.score(condition)
    latents = graph.by_adam(graph.basis(condition, energy), energy)
    graph.curves(latents)
    name = "fusedream_avatars_out_of_domain"
    images = graph.decoded(name, latents, PER_PROMPT)
    graph.scored(images, condition)
    graph.judged(images, JUDGE, condition=condition)
    return shipped(
        name, "FuseDream: avatars never seen", says, graph, columns=2, per_row=PER_PROMPT
    )


def _initial_basis() -> Shipped:
    says = (
        "The five of 150 samples that the basis begins as, a row for each text, the best "
        "first. Nothing is refined. Paper row f18 (figure 14)."
    )
    graph = FuseDreamAvatars()
    prompts = "\n".join(PROMPTS[:4])
    condition = graph.text(prompts)
    basis = graph.output(graph.basis(condition, graph.score(condition)), 1)
    name = "fusedream_avatars_initial_basis"
    images = graph.decoded(name, basis, KEEP)
    many = graph.text(prompts, KEEP, "As many rows as are shown")
    graph.scored(images, many)
    graph.judged(images, JUDGE, condition=many)
    return shipped(name, "FuseDream: the first basis", says, graph, per_row=KEEP)


def _upscaled() -> Shipped:
    says = (
        "The host's own **Upscale Image By** makes images four times as large. For Real-ESRGAN, "
        "as in the paper, take **Load Upscale Model** and **Upscale Image (using Model)**: the "
        "workflow *fusedream_biggan_upscaled*. Paper row f22 (figure 18)."
    )
    graph = FuseDreamAvatars()
    condition = graph.text("\n".join(PROMPTS[4:8]))
    energy = graph.score(condition)
    latents = graph.by_adam(graph.basis(condition, energy), energy)
    graph.curves(latents)
    images = graph.add("Decode", generator=graph.generator, latents=latents)
    graph.add("PreviewImage", "Before", images=images)
    large = graph.add("ImageScaleBy", image=images, upscale_method="lanczos", scale_by=4.0)
    name = "fusedream_avatars_upscaled"
    graph.pictured(name, large, 4)
    graph.judged(images, JUDGE, condition=condition)
    return shipped(name, "FuseDream: avatars four times as large", says, graph, per_row=4)
