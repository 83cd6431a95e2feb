"""Model folders of transformers and open_clip: embeddings, captions and errors."""

import json

import open_clip
import pytest
import torch
import transformers
from latentsteer.core.auxiliaries import load_auxiliary, open_model
from latentsteer.core.auxiliaries.clips import openclip
from latentsteer.core.auxiliary import Auxiliary
from latentsteer.core.captioner import CaptionedClip, Captioner, Decoding
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.clip import Clip
from latentsteer.core.errors import CheckpointError, ConditionMismatch, InvalidInput

from ..tiny_folders import (
    TEXT,
    VISION,
    blip2_model,
    blip_model,
    clip_model,
    made,
    saved,
    siglip2_model,
    siglip_model,
    tokenizer,
)

PROMPTS = ["a red hat", "a blue cat"]
pytestmark = pytest.mark.usefixtures("offline")


def images(count=3, height=16, width=16):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))


def tokens(length=6):
    return tokenizer()(PROMPTS, padding="max_length", max_length=length, return_tensors="pt")


def pooled(found):
    return found if isinstance(found, torch.Tensor) else found.pooler_output


# CLIPs


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


# Captioners


@pytest.mark.parametrize("make", [blip_model, blip2_model])
@pytest.mark.parametrize("beams", [1, 2])
def test_captions_do_not_depend_on_the_batch(make, beams, tmp_path):
    captioner = open_model(saved(make(), tmp_path / "blip"))
    assert isinstance(captioner, Captioner)
    before = torch.get_rng_state()
    decoding = Decoding(beams=beams, max_length=12)
    together = captioner.captions(images(3, 20, 24), decoding)
    assert torch.equal(before, torch.get_rng_state())
    assert all(isinstance(text, str) and text for text in together)
    assert not any(text.startswith("a picture of") for text in together if text != "a picture of")
    for row in range(3):
        alone = captioner.captions(images(3, 20, 24)[row : row + 1], decoding)
        assert alone == together[row : row + 1]


def test_blip_says_what_transformers_says(tmp_path):
    model = blip_model()
    captioner = open_model(saved(model, tmp_path / "blip"))
    mean, std = (torch.tensor(c)[:, None, None] for c in openclip.OPENAI)
    start = tokenizer()(["a picture of "] * 3, return_tensors="pt").input_ids
    with torch.no_grad():
        found = model.generate(
            pixel_values=(images() - mean) / std,
            input_ids=start,
            max_length=20,
            min_length=5,
            do_sample=False,
            repetition_penalty=1.1,
        )
    expected = [
        text.removeprefix("a picture of").strip() or "a picture of"
        for text in tokenizer().batch_decode(found, skip_special_tokens=True)
    ]
    assert captioner.captions(images()) == expected


def test_captions_read_by_a_clip_are_conditions_of_that_clip(tmp_path):
    clip = load_auxiliary(saved(clip_model(), tmp_path / "clip"))
    captioner = open_model(saved(blip_model(), tmp_path / "blip"))
    both = CaptionedClip(captioner, clip)
    assert isinstance(both, Auxiliary)
    assert not isinstance(captioner, Auxiliary)
    assert (both.id, both.embed_dim) == (clip.id, 12)
    expected = clip.texts(captioner.captions(images())).embeddings
    torch.testing.assert_close(both.embed(images()), expected)
    blind = Clip("half", "id", clip.module, 12, 16, clip.mean, clip.std, clip.encode)
    with pytest.raises(CheckpointError, match="is a captioner; join it with a CLIP"):
        load_auxiliary(tmp_path / "blip")
    with pytest.raises(ConditionMismatch, match="'half' has no text encoder"):
        CaptionedClip(captioner, blind)


@pytest.mark.parametrize("wrong", [{"max_length": 1}, {"min_length": 30}, {"beams": 0}])
def test_impossible_captions(wrong):
    with pytest.raises(InvalidInput):
        Decoding(**wrong)


# Faults


def test_towers_of_different_widths(tmp_path):
    folder = saved(clip_model(), tmp_path / "clip")
    state = dict(checkpoints.read(folder / "model.safetensors").tensors)
    state["text_projection.weight"] = torch.zeros(10, 16)
    checkpoints.write(folder / "model.safetensors", state)
    with pytest.raises(CheckpointError, match="images become 12 numbers and texts 10"):
        load_auxiliary(folder)


def test_no_projection(tmp_path):
    folder = saved(clip_model(), tmp_path / "clip")
    state = dict(checkpoints.read(folder / "model.safetensors").tensors)
    del state["text_projection.weight"]
    checkpoints.write(folder / "model.safetensors", state)
    with pytest.raises(CheckpointError, match=r"no text_projection.*Stable Diffusion 1"):
        load_auxiliary(folder)


@pytest.mark.parametrize("fault", ["missing", "longer", "not finite"])
def test_weights_that_do_not_fit(fault, tmp_path):
    folder = saved(clip_model(), tmp_path / "clip")
    state = dict(checkpoints.read(folder / "model.safetensors").tensors)
    name = "vision_model.post_layernorm.weight"
    if fault == "missing":
        del state[name]
    else:
        state[name] = torch.zeros(17) if fault == "longer" else torch.full((16,), torch.nan)
    checkpoints.write(folder / "model.safetensors", state)
    with pytest.raises(CheckpointError, match=r"vision_model\.post_layernorm\.weight|do not fit"):
        load_auxiliary(folder)


def test_a_text_encoder_alone(tmp_path):
    model = made(transformers.CLIPTextModel, transformers.CLIPTextConfig(**TEXT))
    with pytest.raises(CheckpointError, match="a text encoder alone"):
        load_auxiliary(saved(model, tmp_path / "text"))


def test_another_kind_of_model_lists_the_known(tmp_path):
    folder = saved(clip_model(), tmp_path / "clip")
    (folder / "config.json").write_text('{"model_type": "bert"}', "utf-8")
    with pytest.raises(CheckpointError, match=r"type 'bert'. Known types: clip, .*blip-2"):
        load_auxiliary(folder)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda f: (f / "model.safetensors").unlink(), "has no weights; expected one of"),
        (lambda f: (f / "config.json").write_text("{", "utf-8"), "is not JSON"),
        (lambda f: (f / "config.json").unlink(), "has neither config.json nor"),
    ],
)
def test_a_folder_that_is_not_whole(spoil, says, tmp_path):
    folder = saved(clip_model(), tmp_path / "clip")
    spoil(folder)
    with pytest.raises(CheckpointError, match=says):
        load_auxiliary(folder)


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


def test_no_tokenizer(tmp_path):
    clip = load_auxiliary(saved(clip_model(), tmp_path / "clip", words=False))
    with pytest.raises(ConditionMismatch, match="has no tokenizer"):
        clip.texts(PROMPTS)
    with pytest.raises(CheckpointError, match="has no tokenizer"):
        open_model(saved(blip_model(), tmp_path / "blip", words=False))


def test_options_are_for_files(tmp_path):
    folder = saved(clip_model(), tmp_path / "clip")
    with pytest.raises(InvalidInput, match="choose auto for both"):
        load_auxiliary(folder, activation="gelu")


def test_googles_siglip_needs_no_package_beside_its_tokenizer_json(tmp_path):
    """Its class of tokenizers needs sentencepiece; tokenizer.json does not."""
    folder = saved(siglip_model(), tmp_path / "siglip")
    wanted = load_auxiliary(folder).texts(["a red hat"]).embeddings
    told = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    told["tokenizer_class"] = "SiglipTokenizer"
    (folder / "tokenizer_config.json").write_text(json.dumps(told), "utf-8")
    torch.testing.assert_close(load_auxiliary(folder).texts(["a red hat"]).embeddings, wanted)


def test_a_tokenizer_whose_package_is_missing_is_one_sentence(tmp_path, monkeypatch):
    import transformers

    def refuse(*arguments, **named):
        raise ImportError("SiglipTokenizer requires the SentencePiece library")

    folder = saved(siglip_model(), tmp_path / "siglip")
    (folder / "tokenizer.json").unlink()
    (folder / "spiece.model").write_bytes(b"x")
    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", refuse)
    said = r"spiece\.model.* needs sentencepiece.*tokenizer\.json"
    with pytest.raises(CheckpointError, match=said):
        load_auxiliary(folder)


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
