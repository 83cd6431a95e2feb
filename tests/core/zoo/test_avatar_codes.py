"""Quality of the shipped avatars' codes, on avatars that they were not trained on."""

import json

import torch
from latentsteer.core.energies.codebook import nearest_codes
from latentsteer.core.generators import load_generator
from latentsteer.core.rng import SampleRng
from latentsteer.core.zoo.shipped import HERE, embedded, reference_images

COUNT = 60


@torch.no_grad()
def test_the_codes_draw_held_out_avatars_again():
    path = embedded("avatars codes (embedded)")
    assert path.stat().st_size <= 4_000_000
    generator = load_generator(path)
    images = reference_images("avatars held out (embedded)")[0][:COUNT]
    z = generator.encode(images)
    psnr = (
        -10 * (generator(z, SampleRng.of(0, COUNT)) - images).square().mean(dim=(1, 2, 3)).log10()
    )
    manifest = json.loads((HERE / "manifest.json").read_text(encoding="utf-8"))
    (entry,) = (one for one in manifest if one["file"] == path.name)
    listed = entry["figures"]["held_out_psnr"]
    assert abs(float(psnr.mean()) - listed) < 0.5
    assert listed > 20
    # All codes are of one scale, and each is in use somewhere.
    assert torch.allclose(generator.codes.std(), torch.ones(()), atol=0.01)
    assert torch.equal(nearest_codes(generator, z), z)
    shares = generator.prior.shares
    assert torch.allclose(shares.sum(dim=1), torch.ones(64))
    drawn = generator.prior.sample(SampleRng.of(0, 4), torch.empty(0))
    assert torch.equal(nearest_codes(generator, drawn), drawn)
