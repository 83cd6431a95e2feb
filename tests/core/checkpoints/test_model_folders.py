"""Folders of CLIPs, of transformers and open_clip: embeddings."""

import json

import open_clip
import pytest
import torch
import transformers
from latentsteer.core.auxiliaries import load_auxiliary
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.clip import Clip
from latentsteer.core.errors import CheckpointError, ConditionMismatch

from ..tiny_folders import VISION, clip_model, made, saved, siglip2_model, siglip_model
from .folder_inputs import PROMPTS, images, pooled, tokens

pytestmark = pytest.mark.usefixtures("offline")


@pytest.mark.parametrize("safe", [True, False])
def test_a_clip_folder_embeds_as_transformers_does(safe, tmp_path):
    model = clip_model()
    colours = {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.5, 0.6, 0.7]}
    folder = saved(model, tmp_path / "my clip", colours=colours)
    if not safe:
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()
    clip = load_auxiliary(folder)
    assert isinstance(clip, Clip)
    assert (clip.name, clip.embed_dim, clip.image_size) == ("my clip", 12, 16)
    assert clip.id == checkpoints.fingerprint(next(folder.glob("*model.*[sn]")))
    mean, std = (torch.tensor(c)[:, None, None] for c in colours.values())
    with torch.no_grad():
        expected = pooled(model.get_image_features(pixel_values=(images() - mean) / std))
        torch.testing.assert_close(clip.embed(images()), expected)
        expected = pooled(model.get_text_features(**tokens()))
        torch.testing.assert_close(clip.texts(PROMPTS).embeddings, expected)
    assert clip.texts(["a red hat a blue cat"]).notes[0].endswith("(6 tokens); cut: blue cat.")


def test_a_siglip_folder_embeds_as_transformers_does(tmp_path):
    model = siglip_model()
    clip = load_auxiliary(saved(model, tmp_path / "siglip"))
    assert clip.mean == clip.std == (0.5, 0.5, 0.5)
    assert not clip.module.body.head.attention.batch_first
    with torch.no_grad():
        expected = pooled(model.get_image_features(pixel_values=images() * 2 - 1))
        torch.testing.assert_close(clip.embed(images()), expected)
        expected = pooled(model.get_text_features(input_ids=tokens().input_ids))
        torch.testing.assert_close(clip.texts(PROMPTS).embeddings, expected)


def test_a_siglip2_folder_is_used_at_one_size(tmp_path):
    model = siglip2_model()
    clip = load_auxiliary(saved(model, tmp_path / "siglip2"))
    assert clip.image_size == 16
    x = images() * 2 - 1
    patches = x.reshape(3, 3, 2, 8, 2, 8).permute(0, 2, 4, 3, 5, 1).reshape(3, 4, 192)
    grids = torch.tensor([[2, 2]] * 3)
    with torch.no_grad():
        expected = model.vision_model(patches, torch.ones(3, 4, dtype=torch.long), grids)
        torch.testing.assert_close(clip.embed(images()), expected.pooler_output)
    assert clip.texts(PROMPTS).embeddings.shape == (2, 16)


def test_an_image_half_takes_no_texts(tmp_path):
    config = transformers.CLIPVisionConfig(**VISION, projection_dim=12)
    model = made(transformers.CLIPVisionModelWithProjection, config)
    clip = load_auxiliary(saved(model, tmp_path / "vision", words=False))
    x = clip.pixels(images())
    torch.testing.assert_close(clip.embed(images()), model(pixel_values=x).image_embeds)
    with pytest.raises(ConditionMismatch, match="no text encoder"):
        clip.texts(PROMPTS)


@pytest.mark.parametrize("make", [clip_model, siglip_model, siglip2_model])
def test_gradients_reach_images_of_any_size(make, tmp_path):
    clip = load_auxiliary(saved(make(), tmp_path / "clip"))
    x = images(2, 20, 33).requires_grad_()
    (slope,) = torch.autograd.grad(clip.embed(x).square().sum(), x)
    assert bool((slope.flatten(1).norm(dim=1) > 0).all())
    assert clip.in_precision("bf16").embed(x).dtype == torch.float32


def test_a_folder_of_open_clip_says_what_it_is(tmp_path):
    config = {
        "embed_dim": 4,
        "quick_gelu": True,
        "vision_cfg": {"image_size": 16, "layers": 1, "width": 64, "patch_size": 8},
        "text_cfg": {"context_length": 8, "width": 8, "heads": 1, "layers": 1},
    }
    with torch.random.fork_rng():
        model = open_clip.model.CLIP(**config).eval()
    checkpoints.write(tmp_path / "open_clip_model.safetensors", model.state_dict())
    seen = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
    described = {"model_cfg": config, "preprocess_cfg": seen}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(described), "utf-8")
    clip = load_auxiliary(tmp_path)
    torch.testing.assert_close(clip.embed(images()), model.encode_image(images() * 2 - 1))


def test_parts_of_weights(tmp_path):
    model = clip_model()
    folder = saved(model, tmp_path / "clip", max_shard_size="8KB")
    parts = sorted(folder.glob("model-*.safetensors"))
    assert len(parts) > 1
    clip = load_auxiliary(folder)
    x = clip.pixels(images())
    torch.testing.assert_close(clip.embed(images()), pooled(model.get_image_features(x)))
    parts[0].unlink()
    with pytest.raises(CheckpointError, match=rf"names {parts[0].name}, which does not exist"):
        load_auxiliary(folder)


def test_googles_siglip_needs_no_package_beside_its_tokenizer_json(tmp_path):
    """Its class of tokenizers needs sentencepiece; tokenizer.json does not."""
    folder = saved(siglip_model(), tmp_path / "siglip")
    wanted = load_auxiliary(folder).texts(["a red hat"]).embeddings
    told = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    told["tokenizer_class"] = "SiglipTokenizer"
    (folder / "tokenizer_config.json").write_text(json.dumps(told), "utf-8")
    torch.testing.assert_close(load_auxiliary(folder).texts(["a red hat"]).embeddings, wanted)


@pytest.mark.parametrize("wrap", ["module.", "_orig_mod.", "siglip.", "module.model."])
def test_wrapped_weights_of_a_folder_without_their_scale_open(wrap, tmp_path):
    folder = saved(siglip_model(), tmp_path / "siglip")
    wanted = load_auxiliary(folder).texts(["a red hat"]).embeddings
    state = dict(checkpoints.read(folder / "model.safetensors").tensors)
    del state["logit_scale"]
    checkpoints.write(folder / "model.safetensors", {f"{wrap}{n}": t for n, t in state.items()})
    clip = load_auxiliary(folder)
    torch.testing.assert_close(clip.texts(["a red hat"]).embeddings, wanted)
    assert clip.logit_scale is None


def test_words_that_a_folders_tokenizer_has_not_are_noted(tmp_path):
    clip = load_auxiliary(saved(siglip_model(), tmp_path / "siglip"))
    assert clip.texts(["a red hat"]).notes == ()
    (note,) = clip.texts(["a red umbrella"]).notes
    assert "unknown, ignored: umbrella" in note
