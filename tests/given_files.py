"""Tiny files of the official generators that need inputs, and their workflows at that size."""

import torch
from latentsteer.core.checkpoints.architecture import Example
from latentsteer.core.checkpoints.checkpoint import write
from latentsteer.core.generators.comodgan import reading
from latentsteer.core.generators.comodgan.layouts import TENSORFLOW
from latentsteer.core.generators.comodgan.networks import CoModGan, CoModLayout
from latentsteer.core.generators.dalle.official import GENERATOR as DVAE
from latentsteer.core.generators.dfgan.networks.discriminators import EarlyJudge
from latentsteer.core.generators.dfgan.networks.generators import DfGanLayout, EarlyDfGanGenerator
from latentsteer.core.generators.dfgan.text import encoder_example
from latentsteer.core.generators.starganv2.official import GENERATOR as STARGAN
from latentsteer.core.generators.stylegan.networks.foreign import TranslatedDiscriminator
from latentsteer.core.generators.stylegan.networks.foreign_tables import tensorflow_discriminator
from latentsteer.workflows.recipes.files import (
    AFHQ,
    BIRDS,
    CELEBA_HQ,
    COCO,
    COMOD_FFHQ,
    COMOD_PLACES,
    DALLE,
)

from .core.example_files import randomised, tensors_of

SIDE = 32
"""Pixels a side of their images."""
FILES = (AFHQ, BIRDS, CELEBA_HQ, COCO, COMOD_FFHQ, COMOD_PLACES)
WORDS = ("<end>", "this", "bird", "is", "red", "a", "man", "riding", "wave")
TAPS = (1.0, 3.0, 3.0, 1.0)


def _dfgan():
    widths = (4, 4, 4, 4, 4)
    networks = {
        "netG.": EarlyDfGanGenerator(DfGanLayout(5, 4, widths, 3)),
        "netD.": EarlyJudge((3, 4, 4, 4), 4, 2),
        "text_encoder.": encoder_example(len(WORDS), 4),
    }
    return Example(networks, {"vocabulary": list(WORDS)})


def _comodgan():
    sides = {4: 4, 8: 3, 16: 3, 32: 3}
    network = CoModGan(CoModLayout(sides, 5, 4, (5,), 6, averaged=True))
    reading.fit_layout(network, TENSORFLOW, TAPS)
    judge = TranslatedDiscriminator(sides, 4)
    judge.table = tensorflow_discriminator()
    return Example({"2.": network, "1.": judge}, {})


def written(folder):
    """Writes the files into a folder."""
    domains = {AFHQ: ["cat", "dog", "wild"], CELEBA_HQ: ["female", "male", "other"]}
    for name in (BIRDS, COCO):
        _write(folder / name, _dfgan())
    for name in (COMOD_FFHQ, COMOD_PLACES):
        _write(folder / name, _comodgan())
    _write(folder / DALLE, DVAE.examples[0]())
    for name, named in domains.items():
        example = STARGAN.examples[0]()
        _write(folder / name, Example(example.networks, {"domains": named}))


def _write(path, example):
    # The names end as the authors'; the contents are read for what they are.
    own = randomised(example)
    write(path, {n: torch.as_tensor(t) for n, t in tensors_of(own).items()}, own.config)


def smaller(recipe, node):
    """Settings of a node that make its pictures and masks as small as the files' images."""
    if not set(recipe.files) & set(FILES):
        return []
    size = max(n["inputs"].get("width", 0) for n in recipe.api.values())
    inputs = recipe.api[node]["inputs"]
    kinds = ("width", "height", "x", "y")
    return [f"{node}.{k}={inputs[k] * SIDE // size}" for k in kinds if inputs.get(k)]
