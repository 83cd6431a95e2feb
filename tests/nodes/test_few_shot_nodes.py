"""Few-Shot Condition, Few-Shot Condition by Words, and their files, on coloured pictures."""

import pytest
import torch
from latentsteer.core.d2c import encoding
from latentsteer.core.errors import GeneratorMismatch, InvalidInput
from latentsteer.nodes.standalone.errors import NodeError, WorkflowError
from PIL import Image

AVATARS = "avatars (embedded)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A base folder with twelve red and blue pictures each, three, and twenty-four of both."""
    base = tmp_path_factory.mktemp("coloured")
    for name, colours in {
        "red": [(200 + n, 3 * n, 0) for n in range(12)],
        "blue": [(0, 3 * n, 200 + n) for n in range(12)],
        "few": [(0, 3 * n, 200 + n) for n in range(3)],
        "both": [(200 + n, 3 * n, 0) if n % 2 else (0, 3 * n, 200 + n) for n in range(24)],
    }.items():
        place = base / "input" / name
        place.mkdir(parents=True)
        for number, colour in enumerate(colours):
            mode = "RGB" if number else "RGBA"
            size = (20, 16) if name == "red" else (16, 16)
            Image.new(mode, size, colour).save(place / f"{number:02}.png")
    lines = ["a red square" if n % 2 else "a Blue square" for n in range(24)]
    (base / "input" / "both" / "captions.txt").write_text("\n".join(lines))
    return base


@pytest.fixture
def few(graph, run, new_host, folder):
    """Runs Few-Shot Condition on folders of pictures; returns the condition and its node."""

    def go(images="red", wanted="red", labels=False, bank=False, **folders):
        generator = graph.add("LoadGenerator", file=AVATARS)
        sets = {
            name: graph.add("LoadImageSet", folder=place)
            for name, place in {"images": images, **folders}.items()
            if name in ("images", "others", "unlabelled")
        }
        inputs = {**sets, "generator": generator, "wanted": wanted, "ridge": 0.01}
        inputs |= {name: value for name, value in folders.items() if name not in sets}
        if labels:
            inputs["labels"] = [sets["images"][0], 1] if labels is True else labels
        if bank:
            inputs["bank"] = graph.add("PriorInit", generator=generator, samples=8)
        link = graph.add("FewShotCondition", **inputs)
        graph.add("SaveFewShotCondition", few_shot=link, name="red")
        ran = run(graph, new_host(folder))
        return ran[link], ran[generator], ran.ui(link)

    return go


def shown(condition, generator, colour):
    """The probability at the latent of a picture of one colour."""
    picture = torch.tensor(colour)[:, None, None].expand(1, 3, 64, 64) / 255
    with torch.no_grad():
        return float(condition.probability(generator.encode(picture)))


@pytest.mark.parametrize(
    ("inputs", "kind"),
    [
        ({"others": "blue"}, "labels"),
        ({"images": "both", "labels": True}, "labels"),
        ({"images": "both", "labels": True, "wanted": "a red square"}, "labels"),
        ({"unlabelled": "both"}, "positive-unlabelled"),
    ],
)
def test_each_way_to_label_tells_red_from_blue(few, inputs, kind):
    condition, generator, ui = few(**inputs)
    assert condition.kind == kind
    assert condition.generator == generator.id
    assert shown(condition, generator, (206.0, 15.0, 0.0)) > 0.6
    assert shown(condition, generator, (0.0, 15.0, 206.0)) < 0.4
    assert "share" in str(ui)


def test_a_saved_condition_is_loaded_and_a_bank_gives_the_share(
    few, folder, new_host, new_graph, run
):
    condition, generator, _ = few(others="blue", bank=True, threshold=0.7)
    assert condition.figures["unlabelled"] == 8
    assert condition.threshold == 0.7
    again = new_graph()
    link = again.add("LoadFewShotCondition", file="red.safetensors")
    found = run(again, new_host(folder))[link]
    assert shown(found, generator, (206.0, 15.0, 0.0)) == shown(
        condition, generator, (206.0, 15.0, 0.0)
    )
    assert found.generator == condition.generator


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({}, "All images are of one class"),
        ({"others": "blue", "wanted": " "}, "`wanted` is empty"),
        ({"images": "both", "labels": True, "others": "blue"}, "Both `labels` and `others`"),
        ({"images": "both", "labels": True, "wanted": "green"}, "No label is or contains 'green'"),
        ({"images": "both", "labels": True, "wanted": "square"}, r"'rest': 0"),
        ({"images": "both", "labels": "one\n" * 24, "wanted": "one"}, "All labels are 'one'"),
        ({"others": "few"}, r"'rest': 3\); at least 5 of each"),
        ({"images": "few", "unlabelled": "both"}, "3 positive images; at least 5"),
    ],
)
def test_bad_input_is_refused_before_any_image_is_encoded(few, inputs, words, monkeypatch):
    monkeypatch.setattr(encoding, "encoded", None)
    with pytest.raises(NodeError, match=words) as caught:
        few(**inputs)
    assert type(caught.value.__cause__) is InvalidInput


def test_a_generator_without_an_encoder_is_refused(graph, fault):
    made = graph.models()
    start = graph.add("PriorInit", generator=made.generator, samples=1)
    images = graph.add("Decode", generator=made.generator, latents=start)
    graph.add("FewShotCondition", generator=made.generator, images=images, others=images)
    assert "has no encoder" in fault(graph, InvalidInput)


def test_a_bank_of_another_generator_is_refused(graph, fault):
    made = graph.models()
    bank = graph.add("PriorInit", generator=made.generator, samples=1)
    images = graph.add("Decode", generator=made.generator, latents=bank)
    avatars = graph.add("LoadGenerator", file=AVATARS)
    graph.add("FewShotCondition", generator=avatars, images=images, others=images, bank=bank)
    assert "The latents are of generator" in fault(graph, GeneratorMismatch)


def test_a_missing_or_foreign_file_is_refused(graph, run, new_host, folder):
    graph.add("LoadFewShotCondition", file="none.safetensors")
    with pytest.raises(WorkflowError, match=r"no model 'none\.safetensors'"):
        run(graph, new_host(folder))


def test_words_label_pairs_of_digits(graph, run):
    made = graph.models()
    models = {"generator": made.generator, "auxiliary": made.classifier}
    pairs = graph.add("SynthesisePairs", count=300, **models)
    three, others = (
        graph.add("ClassCondition", auxiliary=made.classifier, classes=classes)
        for classes in ("3", "0-2, 4-9")
    )
    link = graph.add(
        "FewShotConditionByWords",
        pairs=pairs,
        condition=three,
        instead=others,
        ridge=0.01,
        **models,
    )
    ran = run(graph)
    condition, made_of = ran[link], ran[pairs]
    truth = made_of.conditions.argmax(dim=1) == 3
    assert condition.kind == "words"
    assert condition.share == pytest.approx(float(truth.double().mean()), abs=0.03)
    r = condition.probability(made_of.latents)
    assert r[truth].mean() > 3 * r[~truth].mean()


def test_a_prior_chooses_the_coordinates_of_the_labels(few, graph):
    plain, _, _ = few(others="blue")
    prior = graph.add("LoadDiffusionPrior", file="avatars prior (embedded)")
    within, generator, _ = few(others="blue", prior=prior)
    assert not torch.allclose(plain.vector().float(), within.vector().float(), atol=1e-3)
    with torch.no_grad():
        plain = torch.tensor([[205, 15, 0], [0, 15, 205]])[:, :, None, None] / 255
        red, blue = within.probability(generator.encode(plain.expand(2, 3, 64, 64))).tolist()
    assert red > 0.5 > blue
