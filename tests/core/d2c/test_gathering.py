"""The latents that a prior is trained on."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.chunking import Chunking
from latentsteer.core.d2c.gathering import latents_of_images, latents_of_pairs
from latentsteer.core.errors import GeneratorMismatch, InvalidInput
from latentsteer.core.pairs.pairs import Pairs

CPU = torch.device("cpu")


def pairs(z, generator=""):
    return Pairs(z, torch.zeros(len(z), 1), generator)


def test_latents_of_images_are_the_encoders(toys):
    generator = toys.generator()
    dim, size = generator.source.dim, generator.image_size

    def encode(images):
        return images.mean(dim=(1, 2, 3))[:, None].expand(-1, dim) * 2

    encoding = replace(generator, encode=encode)
    images = torch.rand(70, 3, *size, generator=torch.Generator().manual_seed(0))
    seen = []
    found = latents_of_images(
        encoding, images, chunking=Chunking(8, padded=True), device=CPU, report=seen.append
    )
    torch.testing.assert_close(found, encode(images))
    assert seen == [64, 70]
    with pytest.raises(InvalidInput, match="no encoder"):
        latents_of_images(generator, images, chunking=Chunking(8, padded=True), device=CPU)
    with pytest.raises(InvalidInput, match=r"[Nn]o image"):
        latents_of_images(encoding, images[:0], chunking=Chunking(8, padded=True), device=CPU)


def test_latents_of_pairs_are_finite_and_of_the_generator(toys, caplog):
    generator = toys.generator()
    z = toys.normal(300, generator.source.dim)
    assert torch.equal(latents_of_pairs(generator, pairs(z, generator.id)), z)
    broken = z.clone()
    broken[7, 2] = torch.inf
    assert torch.equal(latents_of_pairs(generator, pairs(broken)), torch.cat([z[:7], z[8:]]))
    assert "1 of 300 latents" in caplog.text
    broken[:5] = torch.nan
    with pytest.raises(InvalidInput, match="6 of 300"):
        latents_of_pairs(generator, pairs(broken))
    with pytest.raises(InvalidInput, match="No pairs"):
        latents_of_pairs(generator, pairs(z[:0]))
    with pytest.raises(GeneratorMismatch, match="another generator"):
        latents_of_pairs(generator, pairs(z, "c" * 64))
