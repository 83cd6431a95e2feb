"""Towers whose attention copies no frozen weights: equal embeddings and gradients."""

import copy

import open_clip.model
import pytest
import torch
import transformers
from latentsteer.core.auxiliaries.clips.fast_attention import hold_sequence_first
from torch.utils._python_dispatch import TorchDispatchMode

WIDTH = 64
TEXT = {"context_length": 4, "vocab_size": 8, "width": 8, "heads": 1, "layers": 1}
VIT = {"image_size": 32, "layers": 2, "width": WIDTH, "head_width": 32, "patch_size": 16}
HUB = {
    "hidden_size": WIDTH,
    "intermediate_size": WIDTH,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 16,
}


class Pooled(torch.nn.Module):
    def __init__(self, kind):
        super().__init__()
        config = getattr(transformers, f"{kind}VisionConfig")(**HUB)
        self.body = getattr(transformers, f"{kind}VisionModel")(config)

    def forward(self, x):
        return self.body(pixel_values=x).pooler_output


def tower(**vision):
    config = {**VIT, **vision}
    return open_clip.model.CLIP(embed_dim=WIDTH, vision_cfg=config, text_cfg=TEXT).visual


POOL = {"attentional_pool": True, "attn_pooler_queries": 3}
COPYING = {"ViT": tower, "pooled ViT": lambda: tower(**POOL), "SigLIP": lambda: Pooled("Siglip")}
OTHERS = {
    "ViT of open_clip's own attention": lambda: tower(block_type="custom"),
    "ResNet": lambda: tower(layers=[1, 1, 1, 1], width=8),
    "CLIP of transformers": lambda: Pooled("CLIP"),
}


class Products(TorchDispatchMode):
    """Counts batched products with matrices of the size of weights."""

    def __init__(self):
        super().__init__()
        self.big = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function is torch.ops.aten.bmm.default:
            self.big += any(a[0].numel() >= WIDTH * WIDTH for a in args)
        return function(*args, **(kwargs or {}))


def seen(network):
    """Embeddings, gradients and the number of products with copied weights."""
    x = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0)).requires_grad_()
    with Products() as products:
        found = network(x)
        (slope,) = torch.autograd.grad(found.square().sum(), x)
    return found.detach(), slope, products.big


@pytest.mark.parametrize("name", [*COPYING, *OTHERS])
def test_results_stay_and_nothing_is_copied(name):
    with torch.random.fork_rng():
        plain = {**COPYING, **OTHERS}[name]().eval().requires_grad_(False)
    names = list(plain.state_dict())
    turned = hold_sequence_first(copy.deepcopy(plain))
    assert list(turned.state_dict()) == names
    expected, slope, copied = seen(plain)
    assert (copied > 0) == (name in COPYING)
    # A CLIP in bf16 is a copy of the one in fp32.
    for network in (turned, copy.deepcopy(turned)):
        found, other, copied = seen(network)
        assert copied == 0
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(other, slope, rtol=1e-4, atol=1e-5 * float(slope.abs().max()))
    with torch.no_grad():
        image = torch.rand(1, 3, 32, 32)
        torch.testing.assert_close(turned(image), plain(image), rtol=1e-4, atol=1e-5)
