"""The law of D2C's pixels: closed forms, and draws of the authors' code."""

import itertools

import pytest
import torch
from latentsteer.core.checkpoints.parity import read_arrays
from latentsteer.core.errors import InvalidInput
from latentsteer.core.generators.d2c.networks.logistics import LogisticMixture, quantised
from latentsteer.core.generators.d2c.parity import drawn_by
from latentsteer.core.rng import SampleRng

from .d2c_files import PARITY, drawn, drawn_images

NUMBERS = 3 * drawn("numbers", (1, 30, 4, 4))
"""Three logistics for each pixel, given to the authors' code too."""


def test_pixels_are_drawn_as_the_authors_draw_them():
    wanted = read_arrays(PARITY / "d2c_pixels.npz")["img_seed5"]
    torch.testing.assert_close(drawn_by(NUMBERS, 5), wanted, rtol=0, atol=1e-5)


def test_log_probabilities_are_the_authors():
    """Of wide logistics: theirs of improbable colours are approximations, unlike these."""
    wanted = read_arrays(PARITY / "d2c_pixels.npz")["log_prob"]
    levels = quantised(drawn_images(4), 5)
    found = LogisticMixture.of(NUMBERS / 6).log_prob(levels, 5)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("bits", [1, 3])
def test_the_probabilities_of_all_colours_sum_to_one(bits):
    levels = torch.linspace(0, 1, 2**bits, dtype=torch.float64)
    colours = torch.tensor([*itertools.product(levels, repeat=3)], dtype=torch.float64)
    numbers = NUMBERS[:1, :, :1, :1].double().expand(len(colours), -1, -1, -1)
    found = LogisticMixture.of(numbers).log_prob(colours[:, :, None, None], bits)
    assert float(found.exp().sum()) == pytest.approx(1, abs=1e-6)


def test_the_mean_is_that_of_many_draws():
    """Of narrow logistics, whose colours are not clamped."""
    narrow = LogisticMixture.of(0.2 * NUMBERS[:1, :, :1, :1].expand(-1, -1, 64, 64))
    narrow = LogisticMixture(
        narrow.logits, narrow.means, narrow.log_scales.fill_(-3), narrow.coefficients
    )
    draws = torch.cat([narrow.sample(SampleRng.of(seed, 1)) for seed in range(8)]).flatten(2)
    error = draws.std(dim=(0, 2)) / (8 * 64 * 64) ** 0.5
    far = (draws.mean(dim=(0, 2)) - narrow.mean()[0, :, 0, 0]).abs()
    assert bool((far < 4 * error).all())


def test_a_draw_is_differentiable_in_the_chosen_logistic():
    numbers = NUMBERS.clone().requires_grad_()
    images = LogisticMixture.of(numbers).sample(SampleRng.of(0, 1))
    (slope,) = torch.autograd.grad(images.sum(), numbers)
    assert float(slope[:, :3].abs().max()) == 0
    assert float(slope[:, 3:].abs().max()) > 0


def test_numbers_of_no_mixture_are_refused():
    with pytest.raises(InvalidInput, match="31 channels"):
        LogisticMixture.of(torch.zeros(1, 31, 2, 2))


def test_images_are_quantised_downwards_with_the_gradient_of_the_identity():
    images = torch.tensor([0.0, 7 / 255, 8 / 255, 1.0]).view(1, 1, 2, 2).expand(1, 3, 2, 2)
    found = quantised(images, 5)
    assert found[0, 0].flatten().tolist() == pytest.approx([0, 0, 1 / 31, 1])
    assert torch.equal(quantised(images, 8), images)
    leaf = images.clone().requires_grad_()
    (slope,) = torch.autograd.grad(quantised(leaf, 5).sum(), leaf)
    assert torch.equal(slope, torch.ones_like(slope))
    with pytest.raises(InvalidInput, match="9 bits"):
        quantised(images, 9)
