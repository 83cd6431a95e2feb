"""A custom node pack for tests: ComfyUI's Load Checkpoint returns a tiny random model."""

import sys
from pathlib import Path

import torch

import nodes

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import tiny_models

NODE_CLASS_MAPPINGS = {}


class Words:
    """In place of a CLIP: a prompt's features follow from its letters."""

    def tokenize(self, text, **others):
        return text

    def encode_from_tokens_scheduled(self, tokens, **others):
        return tiny_models.make_prompt("SD15", sum(map(ord, tokens)) % 1000)


def load_checkpoint(self, ckpt_name, **others):
    return tiny_models.make_model("SD15"), Words(), tiny_models.make_vae(4)


# The host loads packs outside of inference mode, and runs nodes in it.
nodes.CheckpointLoaderSimple.load_checkpoint = torch.inference_mode()(load_checkpoint)
