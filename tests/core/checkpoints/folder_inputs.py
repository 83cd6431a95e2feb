"""Prompts and images for the models of folders."""

import torch

from ..tiny_folders import tokenizer

PROMPTS = ["a red hat", "a blue cat"]


def images(count=3, height=16, width=16):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))


def tokens(length=6):
    return tokenizer()(PROMPTS, padding="max_length", max_length=length, return_tensors="pt")


def pooled(found):
    return found if isinstance(found, torch.Tensor) else found.pooler_output
