"""Image towers whose last block computes the class token alone: equal embeddings, faster."""

import copy

import open_clip.model
import pytest
import torch
from latentsteer.core.auxiliaries.clips.building import build_clip
from latentsteer.core.auxiliaries.clips.fast_attention import (
    hold_sequence_first,
    read_class_token_alone,
)

TEXT = {"context_length": 4, "vocab_size": 8, "width": 8, "heads": 1, "layers": 1}
VIT = {"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8}
KINDS = {
    "plain": {},
    "one layer": {"layers": 1},
    "scaled layers": {"ls_init_value": 0.5},
    "norm after pooling": {"final_ln_after_pool": True},
}
OTHERS = {
    "averaged": {"pool_type": "avg"},
    "attentional pool": {"attentional_pool": True, "attn_pooler_queries": 3},
    "own attention": {"block_type": "custom"},
    "ResNet": {"layers": [1, 1, 1, 1], "width": 8},
}


def config(**vision):
    return {"embed_dim": 16, "vision_cfg": {**VIT, **vision}, "text_cfg": TEXT}


def seen(network):
    """Returns embeddings, gradients, and the number of tokens of the last block's output."""
    x = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0)).requires_grad_()
    places = []
    blocks = getattr(getattr(network, "transformer", None), "resblocks", None)
    hook = blocks and blocks[-1].register_forward_hook(lambda _, x, y: places.append(y.shape[0]))
    found = network(x)
    if hook:
        hook.remove()
    (slope,) = torch.autograd.grad(found.square().sum(), x)
    return found.detach(), slope, places


@pytest.mark.parametrize("name", [*KINDS, *OTHERS])
def test_embeddings_and_gradients_stay(name):
    with torch.random.fork_rng():
        plain = open_clip.model.CLIP(**config(**{**KINDS, **OTHERS}[name])).visual
    plain = hold_sequence_first(plain.eval().requires_grad_(False))
    expected, slope, whole = seen(plain)
    shorter = copy.deepcopy(plain)
    read_class_token_alone(shorter)
    assert list(shorter.state_dict()) == list(plain.state_dict())
    for network in (shorter, copy.deepcopy(shorter)):
        found, other, places = seen(network)
        assert places == ([1] if name in KINDS else whole)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(other, slope, rtol=1e-5, atol=1e-6 * float(slope.abs().max()))


def test_the_loader_builds_such_towers():
    built = build_clip(config(), quick_gelu=False).visual.eval()
    assert seen(built)[2] == [1]
