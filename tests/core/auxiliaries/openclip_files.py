"""Tiny CLIPs of open_clip, and comparison with its embeddings."""

import copy

import open_clip
import torch
from latentsteer.core.auxiliaries.clips import openclip
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
