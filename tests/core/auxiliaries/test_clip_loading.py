"""CLIPs from files: embeddings equal open_clip's, and clear errors for other files."""

import copy
import socket
import warnings

import open_clip
import pytest
import torch
from latentsteer.core.auxiliaries import load_auxiliary
from latentsteer.core.auxiliaries.clips import openclip
from latentsteer.core.auxiliaries.clips.building import architectures, configuration
from latentsteer.core.auxiliaries.clips.matching import matching_names
from latentsteer.core.auxiliaries.clips.small_vocabulary import TINY, new_model
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.clip import Clip
from latentsteer.core.errors import CheckpointError, ConditionMismatch, InvalidInput
from open_clip.model import CLIP, CustomTextCLIP

TEXT = {"context_length": 8, "vocab_size": 49408, "width": 8, "heads": 2, "layers": 1}
VIT = {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16}
RESNET = {"image_size": 32, "layers": [1, 1, 1, 1], "width": 4, "head_width": 64}
CONFIGS = {
    "tiny-ViT": {"embed_dim": 4, "vision_cfg": VIT, "text_cfg": TEXT},
    "tiny-ViT-quickgelu": {
        "embed_dim": 4,
        "vision_cfg": VIT,
        "text_cfg": TEXT,
        "quick_gelu": True,
    },
    "tiny-RN": {"embed_dim": 4, "vision_cfg": RESNET, "text_cfg": TEXT},
    "tiny-SigLIP": {
        "embed_dim": 8,
        "init_logit_bias": -10,
        "custom_text": True,
        "vision_cfg": {**VIT, "pool_type": "avg"},
        "text_cfg": {**TEXT, "no_causal_mask": True, "hf_tokenizer_name": "timm/somewhere"},
    },
    "tiny-hub-text": {
        "embed_dim": 4,
        "vision_cfg": VIT,
        "text_cfg": {"hf_model_name": "roberta-base"},
    },
}
PROMPTS = ["a red hat", "two cats"]


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """No test here may use the network."""

    def refuse(*arguments, **named):
        raise AssertionError("the network was asked for")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    """Tiny architectures among open_clip's own."""
    known = open_clip.factory._MODEL_CONFIGS
    monkeypatch.setattr(open_clip.factory, "_MODEL_CONFIGS", {**known, **CONFIGS})
    monkeypatch.setattr(openclip, "architectures", lambda: [*CONFIGS, "ViT-B-32", "RN50"])


def theirs(name, *, quick=False):
    """Returns a model of open_clip with random weights large enough to affect results."""
    config = copy.deepcopy(CONFIGS[name])
    config.pop("quick_gelu", None)
    kind = CustomTextCLIP if config.pop("custom_text", False) else CLIP
    with torch.random.fork_rng():
        model = kind(**config, quick_gelu=quick).eval()
    stream = torch.Generator().manual_seed(7)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            size = parameter[0].numel() ** -0.5
            parameter.data = 1.5 * size * torch.randn(parameter.shape, generator=stream)
    return model


def images(count=3, height=32, width=32):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))


def normalised(x):
    mean, std = (torch.tensor(c)[:, None, None] for c in openclip.OPENAI)
    return (x - mean) / std


def agree(clip, model):
    """Asserts that images and texts have open_clip's embeddings."""
    x = images()
    with torch.no_grad():
        torch.testing.assert_close(clip.embed(x), model.encode_image(normalised(x)))
        tokens = open_clip.tokenize(PROMPTS, context_length=8)
        torch.testing.assert_close(clip.texts(PROMPTS).embeddings, model.encode_text(tokens))


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".bin"])
@pytest.mark.parametrize("name", ["tiny-ViT", "tiny-RN"])
def test_a_file_of_open_clip_embeds_as_open_clip_does(name, suffix, tmp_path):
    model, path = theirs(name), tmp_path / f"model{suffix}"
    if suffix == ".safetensors":
        checkpoints.write(path, model.state_dict())
    else:
        torch.save(model.state_dict(), path)
    clip = load_auxiliary(path)
    agree(clip, model)
    assert isinstance(clip, Clip)
    assert (clip.embed_dim, clip.image_size) == (4, 32)
    assert clip.id == checkpoints.fingerprint(path)
    assert not any(p.requires_grad for p in clip.module.parameters())


@pytest.mark.parametrize("name", ["tiny-ViT", "tiny-RN"])
def test_gradients_at_images_are_open_clips(name, tmp_path):
    model, path = theirs(name), tmp_path / "model.safetensors"
    checkpoints.write(path, model.state_dict())
    clip = load_auxiliary(path)
    slopes = []
    for embed in (clip.embed, lambda x: model.encode_image(normalised(x))):
        x = images().requires_grad_()
        slopes.append(torch.autograd.grad(embed(x).square().sum(), x)[0])
    torch.testing.assert_close(*slopes, rtol=1e-4, atol=1e-5 * float(slopes[1].abs().max()))


def test_the_image_tower_holds_its_places_first(tmp_path):
    path = tmp_path / "model.safetensors"
    checkpoints.write(path, theirs("tiny-ViT").state_dict())
    clip = load_auxiliary(path)
    for module in (clip.module, clip.in_precision("bf16").module):
        transformer = module.transformer
        assert not transformer.batch_first
        assert not any(block.attn.batch_first for block in transformer.resblocks)


@pytest.mark.parametrize("wrap", ["module.", "state_dict.", "state_dict.module."])
def test_a_training_checkpoint_is_unwrapped(wrap, tmp_path):
    model = theirs("tiny-ViT")
    state = model.state_dict()
    if "module." in wrap:
        state = {f"module.{name}": tensor for name, tensor in state.items()}
    content = {"epoch": 3, "state_dict": state, "optimizer": {"step": torch.ones(1)}}
    torch.save(content if "state_dict" in wrap else state, tmp_path / "epoch.pt")
    agree(load_auxiliary(tmp_path / "epoch.pt"), model)


def test_two_models_in_a_file_are_refused(tmp_path):
    state = theirs("tiny-ViT").state_dict()
    torch.save({"state_dict": state, "ema": dict(state)}, tmp_path / "both.pt")
    with pytest.raises(CheckpointError, match=r"holds 2 models, under 'ema\.', 'state_dict\.'"):
        load_auxiliary(tmp_path / "both.pt")


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("name", ["tiny-ViT", "tiny-RN"])
def test_a_torchscript_archive_of_openai_has_quickgelu(name, half, tmp_path):
    model = theirs(name, quick=True)
    tokens = open_clip.tokenize(PROMPTS, context_length=8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        script = torch.jit.trace_module(
            copy.deepcopy(model),
            {"encode_image": images(), "encode_text": tokens},
            check_trace=False,
        )
        torch.jit.save(script.half() if half else script, tmp_path / "ViT.pt")
    clip = load_auxiliary(tmp_path / "ViT.pt")
    agree(clip, model.half().float() if half else model)
    plain = load_auxiliary(tmp_path / "ViT.pt", activation="gelu")
    assert plain.id != clip.id == load_auxiliary(tmp_path / "ViT.pt", activation="quickgelu").id
    assert not torch.allclose(plain.texts(PROMPTS).embeddings, clip.texts(PROMPTS).embeddings)


def test_the_activation_is_that_of_the_name_or_of_the_option(tmp_path):
    path = tmp_path / "model.safetensors"
    checkpoints.write(path, theirs("tiny-ViT").state_dict())
    quick, plain = theirs("tiny-ViT", quick=True), theirs("tiny-ViT")
    agree(load_auxiliary(path), plain)
    agree(load_auxiliary(path, architecture="tiny-ViT-quickgelu"), quick)
    agree(load_auxiliary(path, activation="quickgelu"), quick)
    agree(load_auxiliary(path, architecture="tiny-ViT-quickgelu", activation="gelu"), plain)
    ids = {load_auxiliary(path, activation=a).id for a in ("auto", "gelu", "quickgelu")}
    assert len(ids) == 2
    by_name = load_auxiliary(path, architecture="tiny-ViT-quickgelu").id
    assert by_name == load_auxiliary(path, activation="quickgelu").id


def test_a_siglip_has_its_own_colours_and_asks_for_its_tokenizer(tmp_path):
    model, path = theirs("tiny-SigLIP"), tmp_path / "siglip.safetensors"
    checkpoints.write(path, model.state_dict())
    clip = load_auxiliary(path)
    assert clip.mean == clip.std == (0.5, 0.5, 0.5)
    x = images()
    with torch.no_grad():
        torch.testing.assert_close(clip.embed(x), model.encode_image(x * 2 - 1))
    with pytest.raises(ConditionMismatch, match=r"tokenizer 'timm/somewhere'.*tokenizer\.json"):
        clip.texts(PROMPTS)


def test_an_image_tower_alone_takes_no_texts(tmp_path):
    model, path = theirs("tiny-ViT"), tmp_path / "vision.safetensors"
    state = {n: t for n, t in model.state_dict().items() if n.startswith("visual.")}
    checkpoints.write(path, state)
    clip = load_auxiliary(path)
    torch.testing.assert_close(clip.embed(images()), model.encode_image(normalised(images())))
    with pytest.raises(ConditionMismatch, match="'vision' has no text encoder"):
        clip.texts(PROMPTS)


def test_long_prompts_say_which_words_are_cut(tmp_path):
    path = tmp_path / "model.safetensors"
    checkpoints.write(path, theirs("tiny-ViT").state_dict())
    texts = load_auxiliary(path).texts(["a b c d e f g h", "a b"])
    (note,) = texts.notes
    assert note.endswith("(8 tokens); cut: g h.")
    assert texts.embeddings.shape == (2, 4)


def test_loading_leaves_the_global_random_state_alone(tmp_path):
    path = tmp_path / "model.safetensors"
    checkpoints.write(path, theirs("tiny-ViT").state_dict())
    before = torch.get_rng_state()
    load_auxiliary(path)
    assert torch.equal(before, torch.get_rng_state())


# What cannot be opened


def test_an_unknown_size_lists_the_nearest(tmp_path):
    state = theirs("tiny-ViT").state_dict()
    state["visual.positional_embedding"] = torch.zeros(3, 64)
    checkpoints.write(tmp_path / "odd.safetensors", state)
    with pytest.raises(
        CheckpointError, match=r"odd\.safetensors: .*Nearest: tiny-ViT, tiny-ViT-q"
    ):
        load_auxiliary(tmp_path / "odd.safetensors")
    with pytest.raises(CheckpointError, match=r"positional_embedding"):
        load_auxiliary(tmp_path / "odd.safetensors", architecture="tiny-ViT")


def test_architectures_that_only_their_heads_tell_apart_are_listed(tmp_path, monkeypatch):
    many = {**CONFIGS["tiny-ViT"], "vision_cfg": {**VIT, "head_width": 8}}
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "tiny-many-heads", many)
    monkeypatch.setattr(openclip, "architectures", lambda: ["tiny-ViT", "tiny-many-heads"])
    path = tmp_path / "model.safetensors"
    checkpoints.write(path, theirs("tiny-ViT").state_dict())
    with pytest.raises(CheckpointError, match=r"fit several .*tiny-ViT, tiny-many-heads"):
        load_auxiliary(path)
    agree(load_auxiliary(path, architecture="tiny-ViT"), theirs("tiny-ViT"))


def test_an_architecture_that_does_not_exist_lists_those_that_do(tmp_path):
    path = tmp_path / "model.safetensors"
    checkpoints.write(path, theirs("tiny-ViT").state_dict())
    with pytest.raises(InvalidInput, match=r"no architecture 'ViT-Z'.*ViT-B-32"):
        load_auxiliary(path, architecture="ViT-Z")


def test_a_text_tower_of_the_hub_is_not_fetched(tmp_path):
    path = tmp_path / "model.safetensors"
    checkpoints.write(path, theirs("tiny-ViT").state_dict())
    with pytest.raises(CheckpointError, match=r"'roberta-base'.*nothing is downloaded"):
        load_auxiliary(path, architecture="tiny-hub-text")


def test_options_for_a_model_that_takes_none(tmp_path):
    path = write_words(tmp_path)
    with pytest.raises(InvalidInput, match="determines its own architecture and activation"):
        load_auxiliary(path, architecture="ViT-B-32")


def test_towers_of_different_widths(tmp_path):
    state = theirs("tiny-ViT").state_dict()
    state["text_projection"] = torch.zeros(8, 6)
    checkpoints.write(tmp_path / "mixed.safetensors", state)
    with pytest.raises(CheckpointError, match="images become 4 numbers and texts 6"):
        load_auxiliary(tmp_path / "mixed.safetensors")


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["text_model.encoder.layers.0.mlp.fc1.weight"], "without a projection, as in Stable"),
        (
            ["cond_stage_model.transformer.text_model.encoder.layers.0.mlp.fc1.weight"],
            "without a projection, as in Stable",
        ),
        (
            ["text_model.encoder.layers.0.mlp.fc1.weight", "text_projection.weight"],
            "a text encoder alone",
        ),
        (
            ["vision_model.post_layernorm.weight", "visual_projection.weight"],
            "Put the whole model folder",
        ),
    ],
)
def test_half_a_clip_in_another_librarys_names(names, says, tmp_path):
    path = tmp_path / "half.safetensors"
    checkpoints.write(path, {name: torch.zeros(2, 2) for name in names})
    with pytest.raises(CheckpointError, match=says):
        load_auxiliary(path)


# Custom vocabularies


def write_words(folder, config=TINY):
    model = new_model(config)
    metadata = {"architecture": "open-clip", "model": dict(config)}
    checkpoints.write(folder / "words.safetensors", model.state_dict(), metadata)
    return folder / "words.safetensors"


def test_words_that_are_not_known_or_do_not_fit_are_noted(tmp_path):
    clip = load_auxiliary(write_words(tmp_path))
    texts = clip.texts(["a red zebra", "red blue red blue red blue"])
    assert texts.notes[0].endswith("unknown, ignored: zebra.")
    assert texts.notes[1].endswith("(6 tokens); cut: blue.")
    with pytest.raises(
        InvalidInput, match=r"No word of 'reed' is known\. The closest to reed: red"
    ):
        clip.texts(["reed"])
    with pytest.raises(InvalidInput, match="empty"):
        clip.texts(["  "])


def test_the_avatars_configuration_opens_by_its_name(tmp_path):
    from latentsteer.core.auxiliaries.clips.small_vocabulary import named_config

    model = new_model(named_config("avatars")).eval()
    config = {"architecture": "open-clip", "model": "avatars"}
    checkpoints.write(tmp_path / "avatars.safetensors", model.state_dict(), config)
    clip = load_auxiliary(tmp_path / "avatars.safetensors")
    x = images(2, 64, 48)
    maps = clip.stages(clip.module, clip.pixels(x))
    assert [m.shape[2] for m in maps] == [32, 32, 16, 8]
    seen = clip.module.attnpool(clip.module.layer4(maps[-1]))
    torch.testing.assert_close(seen, clip.embed(x))
    assert clip.texts(["a red hat"]).embeddings.shape == (1, 128)


def test_a_configuration_that_is_not_there(tmp_path):
    model = new_model(TINY)
    config = {"architecture": "open-clip", "model": "../../etc"}
    checkpoints.write(tmp_path / "m.safetensors", model.state_dict(), config)
    with pytest.raises(CheckpointError, match=r"no CLIP configuration.*Known: avatars"):
        load_auxiliary(tmp_path / "m.safetensors")


# Images of all kinds


@pytest.mark.parametrize("size", [(32, 32), (17, 45), (1, 1)])
def test_images_of_any_size_give_gradients(size, tmp_path):
    path = tmp_path / "model.safetensors"
    checkpoints.write(path, theirs("tiny-RN").state_dict())
    clip = load_auxiliary(path)
    x = images(2, *size).requires_grad_()
    condition = clip.image_condition(x)
    assert condition.embedding.shape == (2, 4)
    (slope,) = torch.autograd.grad(clip.embed(x).square().sum(), x)
    assert slope.abs().sum() > 0


def test_half_precision_stays_near(tmp_path):
    path = tmp_path / "model.safetensors"
    checkpoints.write(path, theirs("tiny-ViT").state_dict())
    clip = load_auxiliary(path)
    near = clip.in_precision("bf16").embed(images())
    assert near.dtype == torch.float32
    assert torch.cosine_similarity(near, clip.embed(images())).min() > 0.99


# The names of open_clip itself


def test_architectures_are_open_clips_own():
    assert sorted(architectures()) == sorted(set(open_clip.list_models()) - set(CONFIGS))
    names = architectures()
    assert names.index("RN50x4") < names.index("RN50x16")


@pytest.mark.parametrize("name", ["ViT-B-32", "ViT-L-14", "ViT-H-14", "RN50"])
def test_known_architectures_are_told_from_shapes(name):
    config = dict(configuration(name))
    with torch.device("meta"):
        state = CLIP(**config).state_dict()
    state = {n: t for n, t in state.items() if not n.startswith("logit")}
    there = ["ViT-B-16", "ViT-B-32", "ViT-B-32-quickgelu", "ViT-L-14", "ViT-H-14", "RN50", "RN101"]
    found = matching_names(state, exact=True, among=there)
    assert found == [n for n in there if n.removesuffix("-quickgelu") == name]


@pytest.mark.parametrize("wrap", ["", "module.", "clip.", "model.", "state_dict._orig_mod."])
def test_the_state_dict_of_an_openai_archive_opens_with_its_activation(wrap, tmp_path):
    model = theirs("tiny-ViT", quick=True)
    state = model.state_dict()
    sizes = {"input_resolution": 32, "context_length": 8, "vocab_size": 49408}
    state |= {name: torch.tensor(size) for name, size in sizes.items()}
    torch.save({f"{wrap}{name}": tensor for name, tensor in state.items()}, tmp_path / "clip.pt")
    clip = load_auxiliary(tmp_path / "clip.pt")
    agree(clip, model)
    assert clip.logit_scale == pytest.approx(float(model.logit_scale.detach().exp()))


@pytest.mark.parametrize("scale", [None, torch.nan, torch.inf])
def test_a_clip_without_a_usable_scale_opens(scale, tmp_path):
    model = theirs("tiny-ViT")
    state = model.state_dict()
    del state["logit_scale"]
    if scale is not None:
        state["logit_scale"] = torch.tensor(scale)
    torch.save(state, tmp_path / "clip.pt")
    clip = load_auxiliary(tmp_path / "clip.pt")
    agree(clip, model)
    assert clip.logit_scale is None
