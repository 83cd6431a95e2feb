"""The avatars' vector-quantised autoencoder: its codes as latents, and their prior."""

import pytest
import torch
from latentsteer.core.energies.codebook import nearest_codes
from latentsteer.core.generators import load_generator
from latentsteer.core.generators.avatars_codes import GENERATOR, CodesEncoder, code_numbers
from latentsteer.core.generators.dalle.codes import CodePrior
from latentsteer.core.rng import SampleRng

from ..example_files import randomised, written


@pytest.fixture
def generator(tmp_path):
    return load_generator(
        written(randomised(GENERATOR.examples[0]()), tmp_path / "codes.safetensors")
    )


def images(count):
    return torch.rand(count, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def test_images_are_encoded_to_their_nearest_codes(generator):
    with torch.no_grad():
        z = generator.encode(images(2))
        seen = generator.encoder(images(2)).flatten(2).mT
        shown = generator(z, SampleRng.of(0, 2))
    table = generator.codes
    expected = table[torch.cdist(seen, table).argmin(dim=2)]
    assert torch.equal(z.unflatten(1, (3, 64)).mT, expected)
    assert torch.equal(nearest_codes(generator, z), z)
    assert shown.shape == (2, 3, 64, 64)
    assert 0 <= float(shown.min()) < float(shown.max()) <= 1


def test_the_nearest_code_is_that_of_the_least_distance():
    stream = torch.Generator().manual_seed(1)
    features = torch.randn(2, 3, 2, 5, generator=stream)
    table = torch.randn(7, 3, generator=stream)
    flat = features.flatten(2).mT
    assert torch.equal(code_numbers(features, table), torch.cdist(flat, table).argmin(dim=2))


def test_the_prior_draws_each_code_by_its_share_at_the_place():
    shares = torch.tensor([[0.0, 3.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 2.0], [1.0, 1.0, 0.0]])
    prior = CodePrior(torch.tensor([[0.0], [1.0], [2.0]]), 2, shares)
    drawn = prior.sample(SampleRng.of(0, 2000), torch.empty(0)).long()
    counts = torch.stack([torch.bincount(place, minlength=3) for place in drawn.mT])
    assert (counts[shares == 0] == 0).all()
    expected = shares / shares.sum(dim=1, keepdim=True)
    # 2000 draws: a share has a standard deviation of at most 0.011.
    assert (counts / 2000 - expected).abs().max() < 0.045
    assert str(prior) == "one of 3 codes at each of 2 x 2 places, by its share there"


def test_a_sample_of_the_prior_does_not_depend_on_its_batch(generator):
    like = torch.empty(0)
    whole = generator.prior.sample(SampleRng.of(3, 4), like)
    alone = generator.prior.sample(SampleRng.of(3, (2,)), like)
    assert torch.equal(whole[2:3], alone)


def test_places_differ_by_their_position():
    encoder = CodesEncoder(2, (4, 4, 4))
    grey = torch.full((1, 3, 64, 64), 0.5)
    with torch.no_grad():
        inner = encoder(grey)[:, :, 3:5, 3:5]
        assert torch.allclose(inner, inner.mean(dim=(2, 3), keepdim=True), atol=1e-6)
        encoder.position[:, 3, 3] += 1.0
        moved = encoder(grey)[:, :, 3:5, 3:5]
    assert not torch.allclose(moved, moved.mean(dim=(2, 3), keepdim=True), atol=1e-3)
