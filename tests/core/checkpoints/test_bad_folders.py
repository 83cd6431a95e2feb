"""Folders of models with faults: each error says what is missing or does not fit."""

import pytest
import torch
import transformers
from latentsteer.core.auxiliaries import load_auxiliary, open_model
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.errors import CheckpointError, ConditionMismatch, InvalidInput

from ..tiny_folders import TEXT, blip_model, clip_model, made, saved, siglip_model
from .folder_inputs import PROMPTS

pytestmark = pytest.mark.usefixtures("offline")


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
