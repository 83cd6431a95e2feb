"""CLIPs with vocabularies of their own."""

import pytest
import torch
from latentsteer.core.auxiliaries import load_auxiliary
from latentsteer.core.auxiliaries.clips.building import build_clip
from latentsteer.core.auxiliaries.clips.small_vocabulary import TINY, named_config, new_model
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.errors import CheckpointError, InvalidInput

from .openclip_files import images

pytestmark = pytest.mark.usefixtures("offline", "registered")


def write_words(folder, config=TINY):
    model = new_model(config)
    metadata = {"architecture": "open-clip", "model": dict(config)}
    checkpoints.write(folder / "words.safetensors", model.state_dict(), metadata)
    return folder / "words.safetensors"


def test_options_for_a_model_that_takes_none(tmp_path):
    path = write_words(tmp_path)
    with pytest.raises(InvalidInput, match="determines its own architecture and activation"):
        load_auxiliary(path, architecture="ViT-B-32")


def test_words_that_are_not_known_or_do_not_fit_are_noted(tmp_path):
    clip = load_auxiliary(write_words(tmp_path))
    texts = clip.texts(["a red zebra", "red blue red blue red blue"])
    assert texts.notes[0].endswith("unknown, ignored: zebra.")
    assert texts.notes[1].endswith("(6 tokens); cut: blue.")
    (note,) = clip.texts(["red blue " * 400]).notes
    assert len(note) < 300
    with pytest.raises(
        InvalidInput, match=r"No word of 'reed' is known\. The closest to reed: red"
    ):
        clip.texts(["reed"])
    with pytest.raises(InvalidInput, match="empty"):
        clip.texts(["  "])


def test_the_avatars_configuration_opens_by_its_name(tmp_path):
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


@pytest.mark.parametrize("name", ["tiny", "avatars"])
def test_the_network_computes_what_that_of_open_clip_does(name):
    """To the bit under the same kernels, forwards and backwards."""
    config = TINY if name == "tiny" else named_config(name)
    own = new_model(config).eval()
    other = build_clip(
        {part: config[part] for part in ("embed_dim", "vision_cfg", "text_cfg")}, quick_gelu=False
    ).eval()
    assert type(own) is not type(other)
    stream = torch.Generator().manual_seed(0)
    for value in own.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=stream) * 0.2 + 0.1)
    other.load_state_dict(own.state_dict())
    side = own.visual.image_size
    pixels = torch.randn(2, 3, side, side, generator=stream)
    tokens = torch.randint(
        config["text_cfg"]["vocab_size"], (3, own.attn_mask.shape[0]), generator=stream
    )
    results = []
    for model in (own, other):
        x = pixels.clone().requires_grad_()
        seen = model.visual(x)
        slope = torch.autograd.grad(seen.sin().sum(), x)[0]
        results.append((seen, slope, model.encode_text(tokens)))
    for one, two in zip(*results, strict=True):
        assert torch.equal(one, two)


def test_another_tower_is_built_by_open_clip():
    vision = {"image_size": 32, "layers": 1, "width": 8, "patch_size": 16, "head_width": 8}
    model = new_model({**TINY, "vision_cfg": vision})
    assert type(model.visual).__name__ == "VisionTransformer"
