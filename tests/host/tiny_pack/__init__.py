"""A custom node pack for tests: ComfyUI's loaders return tiny random models.

Load Checkpoint makes an SD1.5 model; the loaders of a model, a CLIP or a VAE make a Z-Image.
"""

import sys
from pathlib import Path

import torch

import nodes

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import tiny_models

NODE_CLASS_MAPPINGS = {}


class Words:
    """In place of a CLIP: a prompt's features follow from its letters."""

    def __init__(self, family):
        self.family = family

    def tokenize(self, text, **others):
        return text

    def encode_from_tokens_scheduled(self, tokens, **others):
        return tiny_models.make_prompt(self.family, sum(map(ord, tokens)) % 1000)


def load_checkpoint(self, ckpt_name, **others):
    return tiny_models.make_model("SD15"), Words("SD15"), tiny_models.make_vae(4)


def load_unet(self, unet_name, weight_dtype):
    return (tiny_models.make_model("ZImage"),)


def load_clip(self, clip_name, **others):
    return (Words("ZImage"),)


def load_vae(self, vae_name):
    return (tiny_models.make_vae(tiny_models.CHANNELS["ZImage"]),)


# The host loads packs outside of inference mode, and runs nodes in it.
for loader, load in (
    (nodes.CheckpointLoaderSimple, load_checkpoint),
    (nodes.UNETLoader, load_unet),
    (nodes.CLIPLoader, load_clip),
    (nodes.VAELoader, load_vae),
):
    setattr(loader, load.__name__, torch.inference_mode()(load))
