"""Load Aux Model with CLIPs, and nodes with an auxiliary of another kind."""

import json

import pytest
import torch
from latentsteer.core.auxiliaries.classifiers.networks.resnet import ResNet, Stage
from latentsteer.core.auxiliaries.clips.host_vision import vision_clip, with_texts
from latentsteer.core.auxiliaries.clips.networks.vision import ClipVisionNetwork
from latentsteer.core.auxiliaries.clips.settings import VisionSettings
from latentsteer.core.auxiliaries.clips.small_vocabulary import TINY, new_model
from latentsteer.core.captioner import Captioner
from latentsteer.core.checkpoints.checkpoint import write
from latentsteer.core.clip import Clip, Texts
from latentsteer.core.errors import CheckpointError, ConditionMismatch
from latentsteer.nodes.images import from_host
from latentsteer.nodes.kinds import as_auxiliary, as_captioner, as_classifier, as_clip
from latentsteer.nodes.load import auxiliary as load_aux
from latentsteer.nodes.standalone.errors import NodeError, WorkflowError

WORDS = "words.safetensors"
SETTINGS = VisionSettings(2, "quick_gelu", 16, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
SIZES = {"width": 8, "patch": 8, "places": 5, "layers": 2, "heads": 2, "hidden": 12, "embed": 6}


@pytest.fixture
def own(tmp_path, new_host, run):
    """A base folder with a tiny CLIP; gives the folder of auxiliaries and a way to run on it."""
    folder = tmp_path / "own"
    aux = folder / "models" / "latentsteer_aux"
    aux.mkdir(parents=True)
    metadata = {"architecture": "open-clip", "model": dict(TINY)}
    write(aux / WORDS, new_model(TINY).state_dict(), metadata)
    return aux, lambda graph: run(graph, new_host(folder))


def vision(seed=0):
    stream = torch.Generator().manual_seed(seed)
    network = ClipVisionNetwork(**SIZES, act="quick_gelu")
    return {n: torch.randn(t.shape, generator=stream) for n, t in network.state_dict().items()}


def clip_of(seed=0):
    return vision_clip("host's", vision(seed), SETTINGS)


def test_a_clip_is_opened_and_its_texts_embedded(own, graph):
    _, run = own
    loaded = graph.add("LoadAuxModel", file=WORDS)
    clip = run(graph)[loaded]
    assert isinstance(clip, Clip)
    assert clip.texts(["a red"]).embeddings.shape == (1, 4)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", [(32, 32), (7, 51)])
def test_grey_and_transparent_images_of_any_size(channels, size, own, graph):
    _, run = own
    loaded = graph.add("LoadAuxModel", file=WORDS)
    clip = run(graph)[loaded]
    images = torch.rand(2, *size, channels, generator=torch.Generator().manual_seed(0))
    if channels != 4:
        x = from_host(images).requires_grad_()
        (slope,) = torch.autograd.grad(clip.embed(x).square().sum(), x)
        assert slope.abs().sum() > 0
    else:
        assert clip.image_condition(from_host(images)).embedding.shape == (2, 4)


def test_folders_are_offered_and_their_files_are_not(own, new_host):
    aux, _ = own
    inside = aux / "mine" / "clip-base"
    inside.mkdir(parents=True)
    (inside / "config.json").write_text(json.dumps({"model_type": "bert"}), "utf-8")
    write(inside / "model.safetensors", {"w": torch.zeros(1)})
    with new_host(aux.parent.parent).executing("run", "node"):
        schema = load_aux.LoadAuxModel.define_schema()
        (file,) = [i for i in schema.inputs if i.id == "file"]
        assert file.options[-2:] == ["mine/clip-base", WORDS]
        before = load_aux.changed(load_aux.KIND, "mine/clip-base")
        write(inside / "model.safetensors", {"w": torch.zeros(2)})
        assert load_aux.changed(load_aux.KIND, "mine/clip-base") != before
        assert load_aux.present(load_aux.KIND, "mine/clip-base") is True
        assert "There is no model" in load_aux.present(load_aux.KIND, "mine")
        assert "There is no model" in load_aux.present(load_aux.KIND, "../latentsteer_aux/mine")


def test_a_folder_of_an_unknown_kind(own, graph):
    aux, run = own
    (aux / "bert").mkdir()
    (aux / "bert" / "config.json").write_text(json.dumps({"model_type": "bert"}), "utf-8")
    write(aux / "bert" / "model.safetensors", {"w": torch.zeros(1)})
    graph.add("LoadAuxModel", file="bert")
    with pytest.raises(NodeError, match=r"holds a model of type 'bert'\. Known types: clip,"):
        run(graph)


def test_an_architecture_that_is_not_offered(own, graph):
    _, run = own
    graph.add("LoadAuxModel", file=WORDS, architecture="ViT-Z")
    with pytest.raises(WorkflowError, match="ViT-Z"):
        run(graph)


def test_an_option_that_the_file_does_not_take(own, graph):
    _, run = own
    graph.add("LoadAuxModel", file=WORDS, activation="gelu")
    with pytest.raises(NodeError, match="determines its own architecture and activation"):
        run(graph)


WRONG = {
    "ClassCondition": {"classes": "1"},
    "EnergyClassifier": {"condition": True},
    "EnergyBayes": {"condition": True, "generator": True},
    "EvaluateImages": {"images": True},
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_clip_where_a_classifier_is_needed(kind, own, graph):
    _, run = own
    made = graph.models()
    condition = graph.add("ClassCondition", auxiliary=made.classifier, classes="1")
    start = graph.add("PriorInit", generator=made.generator, condition=condition)
    images = graph.add("Decode", generator=made.generator, latents=start)
    there = {"condition": condition, "generator": made.generator, "images": images}
    inputs = {name: there[name] if value is True else value for name, value in WRONG[kind].items()}
    graph.add(kind, auxiliary=graph.add("LoadAuxModel", file=WORDS), **inputs)
    with pytest.raises(
        NodeError, match=r"is a CLIP, not a (classifier|judge)\. Load a classifier"
    ):
        run(graph)


def test_a_classifier_where_a_captioner_or_a_clip_is_needed(graph, run):
    made = graph.models()
    graph.add("CaptionAuxModel", captioner=made.classifier, clip=made.classifier)
    with pytest.raises(NodeError, match=r"is a classifier, not a captioner\. Load a BLIP"):
        run(graph)


def captioner():
    module = torch.nn.Linear(1, 1)
    half = (0.5, 0.5, 0.5)
    return Captioner("blip", "id", module, 8, half, half, lambda m, x, d: ["a hat"] * len(x))


def test_kinds():
    clip = clip_of()
    assert as_clip(clip) is as_auxiliary(clip) is clip
    assert as_captioner(one := captioner()) is one
    with pytest.raises(ConditionMismatch, match=r"'blip' is a captioner, .* by Caption Aux Model"):
        as_auxiliary(captioner())
    with pytest.raises(ConditionMismatch, match="'blip' is a captioner, not a CLIP"):
        as_clip(captioner())
    with pytest.raises(ConditionMismatch, match="is a CLIP, not a classifier"):
        as_classifier(clip)
    with pytest.raises(ConditionMismatch, match="is a CLIP, not a captioner"):
        as_captioner(clip)


# Classifiers


@pytest.fixture
def narrow():
    """The weights of a CIFAR ResNet of four classes."""
    stages = [Stage(1, 6, 6, 1, "none"), Stage(1, 8, 8, 1, "convolved")]
    parts = {"stem": 6, "kernel": 3, "max_pool": False, "bottleneck": False}
    with torch.random.fork_rng():
        return ResNet(**parts, stages=stages, classes=4).eval()


def test_a_graph_without_the_inputs_of_classifiers_runs(own, graph, narrow):
    """Graphs from before there were any."""
    aux, run = own
    write(aux / "resnet.safetensors", narrow.state_dict())
    loaded = graph.add("LoadAuxModel", file="resnet.safetensors")
    for name in ("class_names", "mean", "std", "max_pool", "image_size"):
        del graph.api["1"]["inputs"][name]
    assert run(graph)[loaded].classes == ("0", "1", "2", "3")


def test_what_is_chosen_reaches_the_classifier(own, graph, narrow):
    aux, run = own
    write(aux / "resnet.safetensors", narrow.state_dict())
    (aux / "names").mkdir()
    (aux / "names" / "mine.txt").write_text("cat\ndog\nbird\nfish\n", "utf-8")
    chosen = {"class_names": "names/mine.txt", "mean": "0.5, 0.4 0.3", "std": "(0.2, 0.3, 0.4)"}
    chosen |= {"max_pool": "on", "image_size": 24}
    loaded = graph.add("LoadAuxModel", file="resnet.safetensors", **chosen)
    condition = graph.add("ClassCondition", auxiliary=loaded, classes="dog, fish")
    generator = graph.add("LoadGenerator", file="digits (embedded)")
    energy = graph.add("EnergyClassifier", auxiliary=loaded, condition=condition)
    start = graph.add("PriorInit", generator=generator, condition=condition)
    refined = graph.add("LangevinRefine", generator=generator, start=start, energy=energy, steps=2)
    ran = run(graph)
    classifier = ran[loaded]
    assert classifier.classes == ("cat", "dog", "bird", "fish")
    narrow.maxpool = torch.nn.MaxPool2d(3, 2, 1)
    x = torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    mean, std = (torch.tensor(c)[:, None, None] for c in ((0.5, 0.4, 0.3), (0.2, 0.3, 0.4)))
    with torch.no_grad():
        torch.testing.assert_close(classifier.logits(x), narrow((x - mean) / std))
    assert ran[refined].values.isfinite().all()


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        ({"mean": "grey"}, "mean 'grey'; expected auto, or three numbers such as"),
        ({"std": "0.5"}, "has 1 entries; expected 3 numbers"),
        ({"std": "0.2, 0, 0.2"}, "expected numbers above 0"),
        ({"class_names": "two.txt"}, "2 class names given; resnet.safetensors has 4 classes"),
        ({"class_names": "none.txt"}, "has no class names"),
        ({"image_size": 2}, "expected a whole number from 8 to 4096"),
    ],
)
def test_what_cannot_be_chosen(chosen, says, own, graph, narrow):
    aux, run = own
    write(aux / "resnet.safetensors", narrow.state_dict())
    (aux / "two.txt").write_text("cat\ndog\n", "utf-8")
    (aux / "none.txt").write_text("\n", "utf-8")
    graph.add("LoadAuxModel", file="resnet.safetensors", **chosen)
    with pytest.raises(NodeError, match=says):
        run(graph)


def test_a_digits_classifier_takes_no_such_choice(graph, run):
    graph.add("LoadAuxModel", file="digits classifier (embedded)", max_pool="on")
    with pytest.raises(NodeError, match="takes no option max_pool"):
        run(graph)


def test_texts_are_offered_but_for_those_of_model_folders(own, new_host):
    aux, _ = own
    for name in ("mine.txt", "deep/er.txt", "clip/merges.txt"):
        (aux / name).parent.mkdir(exist_ok=True)
        (aux / name).write_text("cat", "utf-8")
    (aux / "clip" / "config.json").write_text("{}", "utf-8")
    with new_host(aux.parent.parent).executing("run", "node"):
        schema = load_aux.LoadAuxModel.define_schema()
        (names,) = [i for i in schema.inputs if i.id == "class_names"]
        assert names.options == ["auto", "deep/er.txt", "mine.txt"]
        seen = load_aux.LoadAuxModel.fingerprint_inputs(WORDS, class_names="mine.txt")
        (aux / "mine.txt").write_text("hound", "utf-8")
        assert load_aux.LoadAuxModel.fingerprint_inputs(WORDS, class_names="mine.txt") != seen
        assert load_aux.LoadAuxModel.fingerprint_inputs(WORDS, class_names=None)


# The host's CLIP Vision


class Vision:
    """Stands for the host's object."""


def test_clip_vision_takes_the_place_of_the_file(own, new_host, monkeypatch):
    aux, _ = own
    seen = []

    def weights(host, model):
        seen.append(model)
        return vision(), SETTINGS

    host = new_host(aux.parent.parent)
    monkeypatch.setattr(type(host), "vision_weights", weights)
    model = Vision()
    with host.executing("run", "node"):
        file = "digits classifier (embedded)"
        with torch.inference_mode():
            (clip,) = load_aux.LoadAuxModel.execute(file, clip_vision=model).args
            (again,) = load_aux.LoadAuxModel.execute(file, clip_vision=model).args
        assert again is clip
        assert seen == [model]
        assert (clip.embed_dim, clip.image_size, clip.encode_texts) == (6, 16, None)
        x = torch.rand(2, 3, 20, 20, generator=torch.Generator().manual_seed(0)).requires_grad_()
        (slope,) = torch.autograd.grad(clip.embed(x).square().sum(), x)
        assert slope.abs().sum() > 0
        with pytest.raises(ConditionMismatch, match=r"makes 6 numbers .* 4 of a text"):
            load_aux.LoadAuxModel.execute(WORDS, clip_vision=model)


def test_the_text_half_must_be_of_the_same_clip():
    def texts(prompts):
        return Texts(torch.zeros(len(prompts), 6))

    whole = Clip(**{**vars(clip_of()), "name": "whole", "encode_texts": texts})
    assert with_texts(clip_of(), whole).texts(["a"]).embeddings.shape == (1, 6)
    with pytest.raises(ConditionMismatch, match="embed the same image differently"):
        with_texts(clip_of(seed=1), whole)


def test_the_same_weights_have_the_same_id():
    assert clip_of().id == clip_of().id != clip_of(1).id


@pytest.mark.parametrize("lacking", ["visual_projection.weight", "class_embedding"])
def test_a_vision_model_that_is_no_clip(lacking):
    tensors = {n: t for n, t in vision().items() if lacking not in n}
    with pytest.raises(CheckpointError, match="lack their pooling"):
        vision_clip("CLIP Vision", tensors, SETTINGS)


def test_the_standalone_host_has_no_clip_vision(new_host):
    with pytest.raises(WorkflowError, match="CLIP Vision models need ComfyUI"):
        new_host().vision_weights(Vision())
