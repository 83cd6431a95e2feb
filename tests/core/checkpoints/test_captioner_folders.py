"""Folders of captioners: captions, and conditions by them."""

import pytest
import torch
from latentsteer.core.auxiliaries import load_auxiliary, open_model
from latentsteer.core.auxiliaries.clips import openclip
from latentsteer.core.auxiliary import Auxiliary
from latentsteer.core.captioner import CaptionedClip, Captioner, Decoding
from latentsteer.core.clip import Clip
from latentsteer.core.errors import CheckpointError, ConditionMismatch, InvalidInput

from ..tiny_folders import blip2_model, blip_model, clip_model, saved, tokenizer
from .folder_inputs import images

pytestmark = pytest.mark.usefixtures("offline")


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
