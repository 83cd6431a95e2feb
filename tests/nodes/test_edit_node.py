"""Edit Image, and the same as a graph of small nodes."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.errors import ConditionMismatch, InvalidInput
from latentsteer.core.pairs.stored import StoredPairs
from latentsteer.core.tasks import edit, edit_labels, edit_search
from latentsteer.nodes.standalone.host import StandaloneHost, use
from latentsteer.nodes.standalone.registry import load_nodes

AVATARS, CLIP = "avatars (embedded)", "avatars CLIP (embedded)"
SEED = 3


@pytest.fixture
def picture(graph):
    """An avatar without a hat."""
    held_out = "avatars held out (embedded)"
    return graph.add("ReferenceImages", reference=held_out, first=9, count=1)


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """The first of the shipped pairs alone, which are read sooner."""
    opened = StoredPairs.__init__

    def first(self, folder, *, place=0, count=None):
        opened(self, folder, place=place, count=count or 1000)

    monkeypatch.setattr(StoredPairs, "__init__", first)


@pytest.fixture
def short(monkeypatch):
    """Short searches."""
    monkeypatch.setattr(edit, "GRID", 3)
    init = edit_search.EditSearch.__init__
    monkeypatch.setattr(edit_search.EditSearch, "__init__", _with(init, steps=2))


def _with(init, **fixed):
    return lambda self, **given: init(self, **{**given, **fixed})


def latents_of(graph, models, picture, results):
    both = {"generator": models.generator, "seed": SEED}
    found = graph.add(
        "ImageToLatents", images=picture, steps=0, auxiliary=models.classifier, **both
    )
    if results == 1:
        return found
    own = {"samples_per_latent": results, "variation": edit.VARIATION}
    return graph.add("VariationInit", near=found, **own, **both)


def test_moves_by_words_have_the_bits_of_the_graph_of_small_nodes(graph, run, short, picture):
    models = graph.models(AVATARS, CLIP)
    start = latents_of(graph, models, picture, 2)
    wanted, instead, context = (
        graph.add("TextCondition", auxiliary=models.classifier, prompts=text)
        for text in ("red hat", "blue hat\ngreen hat", "hat")
    )
    both = {"generator": models.generator, "auxiliary": models.classifier}
    along = graph.add(
        "ContrastDirection",
        pairs=graph.add("LoadPairs", file="avatars pairs (embedded)"),
        condition=wanted,
        instead=instead,
        context=context,
        per_sample=True,
        keep=edit.KEEP,
        **both,
    )
    small = graph.add(
        "MoveLatents",
        batch=start,
        direction=along,
        mode="smallest",
        strength=edit.MOST,
        certainty=edit.CERTAINTY,
        grid=3,
        beyond=edit.BEYOND,
        checked=True,
        **both,
    )
    images = graph.add("Decode", generator=models.generator, latents=small)
    words = {"words": "a red hat", "instead": "blue hat, green hat", "results": 2, "seed": SEED}
    node = graph.add("EditImage", image=picture, **words)
    ran = run(graph)
    assert torch.equal(ran[small].values, ran[[node[0], 1]].values)
    assert torch.equal(ran[images], ran[node])
    assert not torch.equal(ran[start].values, ran[small].values)
    assert ran.ui(node)["text"][0].startswith("red hat: shown by ")


def test_several_changes_have_the_bits_of_moves_in_a_row(graph, run, short, picture):
    """To a thing without any other in its place, then away from one."""
    models = graph.models(AVATARS, CLIP)
    both = {"generator": models.generator, "auxiliary": models.classifier}
    pairs = graph.add("LoadPairs", file="avatars pairs (embedded)")
    small = latents_of(graph, models, picture, 1)
    for text, away in (("hat", False), ("sunglasses", True)):
        along = graph.add(
            "ContrastDirection",
            pairs=pairs,
            condition=graph.add("TextCondition", auxiliary=models.classifier, prompts=text),
            per_sample=True,
            keep=edit.KEEP,
            away=away,
            **both,
        )
        search = {"strength": edit.MOST, "certainty": edit.CERTAINTY, "grid": 3}
        search |= {"mode": "smallest", "beyond": 0.5 * edit.BEYOND, "checked": True}
        small = graph.add("MoveLatents", batch=small, direction=along, **search, **both)
    own = {"words": "hat, no sunglasses", "strength": 0.5, "results": 1, "seed": SEED}
    node = graph.add("EditImage", image=picture, **own)
    ran = run(graph)
    assert torch.equal(ran[small].values, ran[[node[0], 1]].values)
    assert len(ran.ui(node)["text"][0].splitlines()) == 2


def test_a_search_has_the_bits_of_the_graph_of_small_nodes(graph, run, short, picture):
    models = graph.models(AVATARS, CLIP)
    start = latents_of(graph, models, picture, 2)
    search = edit_search.EditSearch()
    condition = graph.add(
        "TextCondition", auxiliary=models.classifier, prompts="red hat:1 | beard:-1"
    )
    words = graph.add("EnergyCLIP", auxiliary=models.classifier, condition=condition, views=0)
    near = {"auxiliary": models.classifier, "weight": 0.5, "energy": words}
    energy = graph.add("EnergyPerceptual", images=picture, **near)
    small = graph.add(
        "AdamRefine",
        generator=models.generator,
        start=start,
        energy=energy,
        steps=2,
        learning_rate=search.rate,
        latent_noise=search.noise,
        seed=SEED,
    )
    node = graph.add(
        "EditImage",
        image=picture,
        words="red hat, no beard",
        moves="search",
        strength=2.0,
        results=2,
        seed=SEED,
    )
    ran = run(graph)
    assert torch.equal(ran[small].values, ran[[node[0], 1]].values)


def hats(graph, models):
    """A few-shot condition of hats."""
    text = graph.add("TextCondition", auxiliary=models.classifier, prompts="hat")
    return graph.add(
        "FewShotConditionByWords",
        generator=models.generator,
        auxiliary=models.classifier,
        pairs=graph.add("LoadPairs", file="avatars pairs (embedded)"),
        condition=text,
    )


def test_labels_have_the_bits_of_the_graph_of_small_nodes(graph, run, picture, monkeypatch):
    shorter = replace(edit_labels.LABELS, grid=2)
    monkeypatch.setattr(edit_labels, "LABELS", shorter)
    models = graph.models(AVATARS, CLIP)
    condition = hats(graph, models)
    images = graph.add(
        "EditByCondition",
        generator=models.generator,
        images=picture,
        condition=condition,
        prior=graph.add("LoadDiffusionPrior", file="avatars prior (embedded)"),
        pairs=graph.add("LoadPairs", file="avatars pairs (embedded)"),
        mode="smallest",
        strength=shorter.strength,
        grid=2,
        results=2,
        seed=SEED,
    )
    own = {"image": picture, "few_shot": condition, "moves": "labels", "words": "", "seed": SEED}
    node = graph.add("EditImage", results=2, **own)
    half = graph.add("EditImage", results=2, strength=0.5, **own)
    ran = run(graph)
    latents, halves = ran[[node[0], 1]].values, ran[[half[0], 1]].values
    assert torch.equal(latents, ran[[images[0], 1]].values)
    assert torch.equal(ran[node], ran[images])
    assert ran.ui(node)["text"][0].startswith("hat: shown by ")
    # Half the strength ends half way from the latents of the picture.
    start = 2 * halves - latents
    torch.testing.assert_close(start[0], start[1], rtol=1e-4, atol=1e-4)
    assert not torch.equal(latents[0], latents[1])


def test_what_is_kept_stays_and_far_images_are_told(graph, run, short):
    strange = graph.add("ReferenceImages", reference="digits held out (embedded)", count=1)
    mask = graph.add("SolidMask", value=1.0, width=28, height=28)
    own = {"words": "no enormous glasses", "results": 1}
    node = graph.add("EditImage", image=strange, keep=mask, **own)
    ran = run(graph)
    (said,) = ran.ui(node)["text"]
    assert "far from what" in said
    assert "enormous" in said.split("\n", 1)[1]
    given = torch.nn.functional.interpolate(
        ran[strange].movedim(3, 1), (64, 64), mode="bilinear", antialias=True
    )
    torch.testing.assert_close(ran[node].movedim(3, 1), given)


def test_a_condition_without_effect_is_told(graph, run, short, picture):
    condition = hats(graph, graph.models(AVATARS, CLIP))
    node = graph.add("EditImage", image=picture, few_shot=condition, moves="search", results=1)
    assert "`few_shot` has no effect unless" in run(graph).ui(node)["text"][0]


CASES = {
    "no labels": (InvalidInput, "Connect Few-Shot Condition", {"moves": "labels"}),
    "no words": (InvalidInput, "Nothing to change", {"words": " "}),
    "no CLIP": (
        ConditionMismatch,
        "Words need a CLIP. Choose a `model`",
        {"model": "digits (embedded)"},
    ),
    "another mask": (InvalidInput, "The mask of what to keep is 14 x 28", {}),
}


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_edited_is_refused(graph, fault, picture, case):
    error, match, inputs = CASES[case]
    if not inputs:
        inputs = {"keep": graph.add("SolidMask", value=1.0, width=28, height=14)}
    graph.add("EditImage", image=picture, **inputs)
    assert match in fault(graph, error)


BAD = {
    "3 masks of what to keep for 2 images": ((2, 64, 64, 3), 0.0, (3, 64, 64)),
    "No image: the batch is empty": ((0, 64, 64, 3), 0.0, (1, 64, 64)),
    "The images 0, 1, counted from 0, have numbers": ((2, 64, 64, 3), torch.nan, (1, 64, 64)),
    "An image batch of shape": ((1, 0, 64, 3), 0.0, (1, 64, 64)),
}


@pytest.mark.parametrize("match", BAD)
def test_bad_images_are_refused_before_the_work(tmp_path, match):
    shape, value, mask = BAD[match]
    host, node = StandaloneHost(tmp_path), load_nodes()["LatentSteer_EditImage"]
    with use(host), torch.inference_mode(), pytest.raises(InvalidInput, match=match):
        node.execute(image=torch.full(shape, value), keep=torch.ones(mask), words="hat")
