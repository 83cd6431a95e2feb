"""DALL-E's dVAE: the authors' outputs, its codes as latents, and what does not fit."""

import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.errors import CheckpointError, GeneratorMismatch, InvalidInput
from latentsteer.core.generators import load_generator
from latentsteer.core.generators.dalle.official import ENCODER, GENERATOR
from latentsteer.core.latents import Latents
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import Identity

from ..example_files import drawn, randomised, tensors_of
from .drawn_files import assert_outputs_agree, written

OUTPUTS = ("z_logits", "z", "dec_out", "rec", "dec_emb")


@pytest.fixture
def folder(tmp_path):
    """A decoder's file with its encoder beside it, as the authors have them."""
    tensors = tensors_of(randomised(GENERATOR.examples[0]()))
    for part in ("decoder", "encoder"):
        own = {n.removeprefix(f"{part}."): t for n, t in tensors.items() if n.startswith(part)}
        checkpoints.write(tmp_path / f"dalle_{part}.safetensors", own)
    return tmp_path


def opened(folder, **options):
    return load_generator(folder / "dalle_decoder.safetensors", {"image_size": 24} | options)


def test_the_outputs_are_those_of_the_authors_code(tmp_path):
    path = written("dalle_dvae", tmp_path / "file.safetensors")
    assert_outputs_agree(path, "dalle_dvae", OUTPUTS)


def test_prior_draws_are_features_of_codes(folder):
    generator = opened(folder)
    z = drawn(generator, 50).unflatten(1, (5, 9)).mT.reshape(-1, 5)
    table = generator.module.table
    distances = (z[:, None] - table).abs().amax(dim=2)
    assert distances.min(dim=1).values.max() == 0
    counts = torch.bincount(distances.argmin(dim=1), minlength=6)
    # 450 draws of 6 codes: 75 each, with a standard deviation of 8.
    assert (counts - 75).abs().max() < 40
    assert "one of 6 codes at each of 3 x 3 places" in str(generator.prior)
    assert generator.prior.log_density is None


def test_images_are_encoded_to_the_features_of_their_likeliest_codes(folder):
    generator = opened(folder)
    images = torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        codes = generator.encoder(images).argmax(dim=1)
        grid = generator.encode(images).unflatten(1, (5, 3, 3))
    assert torch.equal(grid, generator.module.table[codes].permute(0, 3, 1, 2))


def test_features_decode_as_the_codes_do(folder):
    generator = opened(folder)
    codes = torch.tensor([[0, 3, 5, 1, 1, 2, 4, 0, 5]]).view(1, 3, 3)
    shares = torch.nn.functional.one_hot(codes, 6).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        features = generator.module.features(shares)
        images = generator(features.flatten(1), SampleRng.of(0, 1))
        expected = generator.module.statistics(features)[:, :3].sigmoid()
    torch.testing.assert_close(images, ((expected - 0.1) / 0.8).clamp(0, 1))


def test_the_size_is_the_users_and_part_of_the_identity(folder):
    small, large = opened(folder), opened(folder, image_size=32)
    assert (small.image_size, large.image_size) == ((24, 24), (32, 32))
    assert load_generator(folder / "dalle_decoder.safetensors").image_size == (256, 256)
    latents = Latents(drawn(small, 1), Identity(small.source), small.id, small.name, (0,))
    with pytest.raises(GeneratorMismatch, match="image_size 24"):
        latents.check_generator(large)
    with pytest.raises(InvalidInput, match=r"image_size is 20; .* a multiple of 8"):
        opened(folder, image_size=20)


def test_a_decoder_alone_encodes_nothing(folder):
    (folder / "dalle_encoder.safetensors").unlink()
    generator = opened(folder)
    assert generator.encode is None
    assert len(generator.modules) == 1
    checkpoint = checkpoints.read(folder / "dalle_decoder.safetensors")
    assert GENERATOR.facts(checkpoint)["encoder"] == "none beside the file"


def test_an_encoder_that_does_not_fit_is_refused(folder):
    path = folder / "dalle_encoder.safetensors"
    other = randomised(GENERATOR.examples[1]())
    checkpoints.write(path, other.networks["encoder."].state_dict())
    with pytest.raises(CheckpointError, match="has 6 codes, but its encoder 4"):
        opened(folder)
    checkpoints.write(path, {"strange": torch.zeros(1)})
    with pytest.raises(CheckpointError, match="is not the encoder of a dVAE"):
        opened(folder)
    path.write_bytes(b"\x80\x02]q\x00.")
    with pytest.raises(CheckpointError, match="dalle_encoder"):
        opened(folder)


def test_an_encoder_alone_is_known_as_a_part(folder):
    checkpoint = checkpoints.read(folder / "dalle_encoder.safetensors")
    assert ENCODER.recognises(checkpoint)
    assert not GENERATOR.recognises(checkpoint)
    part = ENCODER.load(checkpoint)
    assert (part.kind, part.architecture) == ("encoder of images", "dalle-dvae")
    with pytest.raises(CheckpointError, match="No known architecture recognises dalle_encoder"):
        load_generator(folder / "dalle_encoder.safetensors")
