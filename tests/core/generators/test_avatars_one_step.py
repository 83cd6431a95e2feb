"""The embedded one-step generator of avatars: noise grid to image."""

import torch
from latentsteer.core.checkpoints.checkpoint import write
from latentsteer.core.checkpoints.quantised import to_int8
from latentsteer.core.generators import load_generator
from latentsteer.core.generators.avatars_one_step import OneStepAvatars
from latentsteer.core.rng import SampleRng


def test_a_quantised_file_is_the_network_with_its_own_sizes(tmp_path):
    network = OneStepAvatars(2, 6, 3, (8, 8, 4, 4, 4)).eval()
    with torch.no_grad():
        for number, weight in enumerate(network.parameters()):
            stream = torch.Generator().manual_seed(number)
            weight.copy_(0.2 * torch.randn(weight.shape, generator=stream))
    config = {"architecture": "avatars-one-step", "licence": "of nobody"}
    write(tmp_path / "x.safetensors", to_int8(network.state_dict()), config)
    generator = load_generator(tmp_path / "x.safetensors")
    assert str(generator.source) == "noise[2, 4, 4]"
    assert generator.licence == "of nobody"
    z = torch.randn(3, 32, generator=torch.Generator().manual_seed(5)).requires_grad_()
    image = generator(z, SampleRng.of(0, 3))
    with torch.no_grad():
        wanted = network(z.reshape(3, 2, 4, 4))
    assert (image - wanted).abs().max() < 0.02, "within the rounding of the weights"
    (slope,) = torch.autograd.grad(image.square().sum(), z)
    assert (slope.abs() > 0).all(), "every number of the noise counts"
