"""A toy generator with an encoder."""

from dataclasses import replace

import pytest
from latentsteer.core.chunking import Chunking
from latentsteer.core.energies.example import filled, toy_generator
from torch import nn


@pytest.fixture
def make_encoder():
    """Returns a function that makes a generator with an encoder, and its chunking."""

    def made():
        network = filled(nn.Sequential(nn.Flatten(), nn.Linear(75, 6)), 5)
        generator = replace(toy_generator(), encoder=network, encode=network)
        return generator, Chunking.of("fixed", generator.image_size)

    return made
