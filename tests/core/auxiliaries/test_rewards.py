"""Reward files with the published names, against their published formulas."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from latentsteer.core.auxiliaries import load_auxiliary, open_model
from latentsteer.core.auxiliaries.rewards import REWARD_FILES
from latentsteer.core.auxiliaries.rewards.aesthetic import AestheticHead
from latentsteer.core.auxiliaries.rewards.clips import clip_reward, reward_kind_of
from latentsteer.core.auxiliaries.rewards.image_reward import MEAN, STD
from latentsteer.core.auxiliaries.rewards.pixels import reward_pixels
from latentsteer.core.energies.example import toy_clip
from latentsteer.core.energies.reward import REWARDS, reward_energy
from latentsteer.core.errors import CheckpointError, ConditionMismatch, InvalidInput
from latentsteer.core.rng import SampleRng
from torch import nn
from torch.nn import functional
from torchvision.transforms import v2

from ..example_files import randomised

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "red", "hat", "##s", "cat"]
OPENAI = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def images(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(7))


def energy_of(reward, pixels, prompt=""):
    return reward_energy(reward, prompt)(pixels, SampleRng.of(0, len(pixels)))


@pytest.fixture
def image_reward(tmp_path):
    """A tiny ImageReward.pt, and its tensors."""
    (make,) = REWARD_FILES[0].examples
    (network,) = randomised(make()).networks.values()
    tensors = {k: v.clone() for k, v in network.state_dict().items()}
    tensors["blip.text_encoder.embeddings.position_ids"] = torch.arange(40)[None]
    torch.save(tensors, tmp_path / "ImageReward.pt")
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS), "utf-8")
    return tmp_path / "ImageReward.pt", tensors


def test_image_reward_is_that_of_the_reference_networks(image_reward):
    """Against transformers' BLIP, which is of the same architecture under other names."""
    from transformers import BlipTextConfig, BlipVisionConfig
    from transformers.models.blip.modeling_blip import BlipVisionModel
    from transformers.models.blip.modeling_blip_text import BlipTextModel

    path, tensors = image_reward
    sizes = {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 1}
    vision = BlipVisionModel(
        BlipVisionConfig(
            **sizes, intermediate_size=24, patch_size=4, image_size=8, layer_norm_eps=1e-6
        )
    ).eval()
    text = BlipTextModel(
        BlipTextConfig(
            **sizes,
            intermediate_size=24,
            vocab_size=12,
            max_position_embeddings=40,
            encoder_hidden_size=64,
            is_decoder=True,
        ),
        add_pooling_layer=False,
    ).eval()
    own = {k.removeprefix("blip.text_encoder."): v for k, v in tensors.items()}
    text.load_state_dict({k: own[k] for k in text.state_dict()})
    seen = {k.removeprefix("blip.visual_encoder."): v for k, v in tensors.items()}
    renamed = {
        "embeddings.class_embedding": seen["cls_token"],
        "embeddings.position_embedding": seen["pos_embed"],
        "post_layernorm.weight": seen["norm.weight"],
        "post_layernorm.bias": seen["norm.bias"],
    }
    for part in ("weight", "bias"):
        renamed[f"embeddings.patch_embedding.{part}"] = seen[f"patch_embed.proj.{part}"]
        for theirs, ours in (
            ("layer_norm1", "norm1"),
            ("layer_norm2", "norm2"),
            ("self_attn.qkv", "attn.qkv"),
            ("self_attn.projection", "attn.proj"),
            ("mlp.fc1", "mlp.fc1"),
            ("mlp.fc2", "mlp.fc2"),
        ):
            renamed[f"encoder.layers.0.{theirs}.{part}"] = seen[f"blocks.0.{ours}.{part}"]
    vision.load_state_dict(renamed)

    pixels = images(2, 3, 8, 8)
    ids = torch.tensor([[2, 4, 5, 6, 7, 3, *[0] * 29]] * 2)  # a red hats
    with torch.no_grad():
        normalised = v2.functional.normalize(pixels, *map(list, OPENAI))
        image = vision(pixel_values=normalised).last_hidden_state
        hidden = text(
            input_ids=ids,
            attention_mask=(ids > 0).long(),
            encoder_hidden_states=image,
            encoder_attention_mask=torch.ones(image.shape[:2]),
            is_decoder=False,
        ).last_hidden_state[:, 0]
        for number in (0, 2, 4, 6, 7):
            layer = [tensors[f"mlp.layers.{number}.{part}"] for part in ("weight", "bias")]
            hidden = functional.linear(hidden, *layer)
        expected = (hidden[:, 0] - 0.16717362830052426) / 1.0333394966054072
    found = energy_of(open_model(path), pixels, "a red hats")
    assert (MEAN, STD) == (0.16717362830052426, 1.0333394966054072)
    torch.testing.assert_close(found, 2 - expected, atol=1e-5, rtol=1e-5)


def test_image_reward_says_what_it_lacks_and_what_it_cuts(image_reward):
    path, _ = image_reward
    reward = open_model(path)
    _, notes = reward.encode("a red hat " * 20)
    assert "too long" in notes[0]
    (path.parent / "vocab.txt").write_text("hello", "utf-8")
    with pytest.raises(CheckpointError, match="no vocabulary"):
        open_model(path).encode("a")
    (path.parent / "vocab.txt").unlink()
    with pytest.raises(ConditionMismatch, match=r"vocab\.txt"):
        open_model(path).encode("a")
    with pytest.raises(CheckpointError, match="is a reward"):
        load_auxiliary(path)


class Predictor(nn.Module):
    """Layers of LAION's second predictor, as its file names them."""

    def __init__(self, width):
        super().__init__()
        widths = (width, 8, 6, 5, 4, 1)
        parts = []
        for before, after in pairwise(widths):
            parts += [nn.Linear(before, after), nn.Dropout(0.2)]
        self.layers = nn.Sequential(*parts[:-3], parts[-2])


@pytest.mark.parametrize("version", [1, 2])
def test_aesthetic_heads_are_their_layers_on_unit_embeddings(version, tmp_path):
    clip = toy_clip()
    network = Predictor(6).layers if version == 2 else nn.Linear(6, 1)
    network = network.eval()
    state = network.state_dict()
    state = {f"layers.{k}": v for k, v in state.items()} if version == 2 else state
    if version == 2:
        assert {k.split(".")[1] for k in state} == set("02467")
    path = tmp_path / "sac+logos+ava1-l14-linearMSE.pth"
    torch.save(state, path)
    pixels = images(3, 3, 9, 7)
    with torch.no_grad():
        features = clip.encode_pixels(reward_pixels(pixels, 7, clip.mean, clip.std))
        expected = network(functional.normalize(features, dim=1))[:, 0]
    found = energy_of(open_model(path).on(clip), pixels)
    torch.testing.assert_close(found, 10 - expected, atol=1e-5, rtol=1e-5)


def test_a_head_of_another_clip_or_with_activations_is_refused(tmp_path):
    torch.save(nn.Linear(768, 1).state_dict(), tmp_path / "head.pth")
    with pytest.raises(ConditionMismatch, match="ViT-L/14"):
        open_model(tmp_path / "head.pth").on(toy_clip())
    relu = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Dropout(), nn.Linear(4, 1))
    torch.save({f"layers.{k}": v for k, v in relu.state_dict().items()}, tmp_path / "relu.pth")
    with pytest.raises(CheckpointError, match="No known architecture"):
        open_model(tmp_path / "relu.pth")


@pytest.mark.parametrize(
    ("name", "kind", "factor"),
    [
        ("HPS_v2.1", "HPSv2.1", 1),
        ("PickScore_v1", "PickScore", 90.0),
        ("x", "CLIP", 90),
    ],
)
def test_rewards_of_clips_are_cosines_with_renos_factors(name, kind, factor):
    clip = replace(toy_clip(), name=name, logit_scale=90.0)
    assert reward_kind_of(clip) == kind
    pixels = images(2, 3, 12, 9)
    with torch.no_grad():
        seen = clip.encode_pixels(reward_pixels(pixels, 7, clip.mean, clip.std))
        cosine = functional.cosine_similarity(seen, clip.texts(["red dark"]).embeddings)
    offset = {"HPSv2.1": 1, "PickScore": 30, "CLIP": 100}[kind]
    found = energy_of(clip_reward(clip, kind), pixels, "red dark")
    torch.testing.assert_close(found, offset - factor * cosine)
    assert REWARDS[kind].weight == {"HPSv2.1": 5, "PickScore": 0.05, "CLIP": 0.01}[kind]


@pytest.mark.parametrize("size", [(9, 12), (40, 30), (224, 224), (8, 8)])
def test_pixels_are_those_of_torchvision(size):
    given = images(2, 3, *size)
    made = v2.Compose(
        [
            v2.Resize(8, interpolation=v2.InterpolationMode.BICUBIC, antialias=True),
            v2.CenterCrop(8),
            v2.Normalize(*map(list, OPENAI)),
        ]
    )
    torch.testing.assert_close(reward_pixels(given, 8, *OPENAI), made(given))


def test_rewards_on_one_tower_embed_an_image_once():
    seen = []

    def counting(name, seed=0):
        clip = toy_clip()

        def encode(module, pixels):
            seen.append(name)
            return clip.encode(module, pixels) * (1 + seed)

        return replace(clip, id=name, encode=encode, logit_scale=90.0)

    first, again, other = counting("first"), counting("first"), counting("other", 1)
    head = AestheticHead("head", "h", torch.linspace(-1, 1, 6), 3.0)
    parts = [
        5 * reward_energy(clip_reward(first, "HPSv2.1"), "red dark"),
        0.01 * reward_energy(clip_reward(again, "CLIP"), "dark"),
        reward_energy(head.on(first)),
        reward_energy(clip_reward(other, "HPSv2.1"), "red"),
    ]
    rng, pixels = SampleRng.of(0, 2), images(2, 3, 12, 9).requires_grad_()
    apart = sum(part(pixels, rng) for part in parts)
    (wanted,) = torch.autograd.grad(apart.sum(), pixels)
    assert seen == ["first", "first", "first", "other"]
    seen.clear()
    whole = sum(parts[1:], start=parts[0])
    together = whole(pixels, rng)
    assert seen == ["first", "other"]
    torch.testing.assert_close(together, apart)
    torch.testing.assert_close(torch.autograd.grad(together.sum(), pixels)[0], wanted)
    # Another image is embedded again, also where each sample is repeated.
    seen.clear()
    twice = pixels.detach().repeat_interleave(2, 0)
    found = whole.repeated(2)(twice, SampleRng.of(0, 4))
    assert seen == ["first", "other"]
    torch.testing.assert_close(found, apart.detach().repeat_interleave(2, 0))


def test_bad_input_is_refused():
    clip = toy_clip()
    with pytest.raises(InvalidInput, match="prompt is empty"):
        reward_energy(clip_reward(clip, "HPSv2.1"), " ")
    with pytest.raises(InvalidInput, match="logit scale"):
        clip_reward(clip, "PickScore")
    with pytest.raises(InvalidInput, match="expected one of"):
        clip_reward(clip, "ImageReward")


def test_hostile_files_run_nothing(tmp_path):
    class Hostile:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    torch.save({"layers.0.weight": Hostile()}, tmp_path / "head.pth")
    torch.save({"mlp.layers.0.weight": torch.ones(1), "x": Hostile()}, tmp_path / "r.pth")
    for name in ("head.pth", "r.pth"):
        with pytest.raises(CheckpointError):
            open_model(tmp_path / name)
    assert not (tmp_path / "ran").exists()
