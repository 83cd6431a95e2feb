"""CLIPs from files: embeddings equal open_clip's, and clear errors for other files."""

import copy
import warnings

import open_clip
import pytest
import torch
from latentsteer.core.auxiliaries import load_auxiliary
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.clip import Clip
from latentsteer.core.errors import CheckpointError, ConditionMismatch

from .openclip_files import PROMPTS, agree, images, normalised, theirs

pytestmark = pytest.mark.usefixtures("offline", "registered")


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


@pytest.mark.parametrize(
    ("name", "half"),
    [
        ("tiny-ViT", False),
        ("tiny-RN", True),
        pytest.param("tiny-ViT", True, marks=pytest.mark.slow),
        pytest.param("tiny-RN", False, marks=pytest.mark.slow),
    ],
)
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
