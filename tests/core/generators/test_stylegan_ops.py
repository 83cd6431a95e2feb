"""The operations of StyleGANs against their definitions, written out."""

import math

import pytest
import torch
from latentsteer.core.generators.stylegan.networks.mapping import (
    FullyConnected,
    MappingNetwork,
    broadcast,
    normalize_2nd_moment,
    truncated,
)
from latentsteer.core.generators.stylegan.networks.ops import (
    ACTIVATIONS,
    bias_act,
    conv2d_resample,
    modulated_conv2d,
    resampling_filter,
    upfirdn2d,
)
from torch.nn import functional


def normal(*shape, seed=0):
    stream = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=stream, dtype=torch.float64)


def by_definition(x, f, up, down, sides, flip, gain):
    """Reference: inserts zeros, pads or crops, correlates with the filter, decimates."""
    n, c, height, width = x.shape
    grown = x.new_zeros(n, c, height * up, width * up)
    grown[:, :, ::up, ::up] = x
    left, right, top, bottom = sides
    padded = functional.pad(grown, (left, right, top, bottom))
    plane = torch.outer(f, f) if f.ndim == 1 else f
    plane = plane if flip else plane.flip((0, 1))
    tall, broad = plane.shape
    high, wide = padded.shape[2] - tall + 1, padded.shape[3] - broad + 1
    out = x.new_zeros(n, c, high, wide)
    for i in range(tall):
        for j in range(broad):
            out += plane[i, j] * padded[:, :, i : i + high, j : j + wide]
    return gain * out[:, :, ::down, ::down]


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("shape", [(4, 4), (3, 5), (6,), (1,)])
@pytest.mark.parametrize(
    ("up", "down", "sides"),
    [
        (1, 1, (0, 0, 0, 0)),
        (1, 1, (2, 1, 3, 0)),
        (2, 1, (2, 1, 2, 1)),
        (1, 2, (1, 1, 1, 1)),
        (3, 2, (4, 1, 0, 3)),
        (2, 1, (-1, -2, 3, -1)),
        (1, 2, (-2, 3, -1, -1)),
        (2, 1, (7, 9, 6, 8)),
    ],
)
def test_resampling_is_zeros_padding_filter_and_decimation(up, down, sides, shape, flip):
    x, f = normal(2, 3, 9, 10), normal(*shape, seed=1)
    expected = by_definition(x, f, up, down, sides, flip, 1.7)
    found = upfirdn2d(x, f, up, down, sides, flip_filter=flip, gain=1.7)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_padding_may_be_one_number_or_one_per_axis():
    x, f = normal(1, 2, 6, 6), normal(3, 3, seed=1)
    assert torch.equal(upfirdn2d(x, f, padding=2), upfirdn2d(x, f, padding=(2, 2, 2, 2)))
    assert torch.equal(upfirdn2d(x, f, padding=(1, 2)), upfirdn2d(x, f, padding=(1, 1, 2, 2)))
    assert torch.equal(upfirdn2d(x, None, down=2), x[:, :, ::2, ::2])


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("taps", [(4, 4), (3, 3), (8,)])
def test_a_convolution_that_enlarges_is_zeros_filter_and_convolution(kernel, taps):
    x, w, f = normal(2, 3, 7, 7), normal(5, 3, kernel, kernel, seed=1), normal(*taps, seed=2)
    before, after = (f.shape[-1] + 1) // 2, (f.shape[-1] - 2) // 2
    grown = upfirdn2d(x, f, 2, 1, (before, after, before, after), gain=4)
    expected = functional.conv2d(grown, w.flip((2, 3)), padding=kernel // 2)
    found = conv2d_resample(x, w, f, up=2, padding=kernel // 2)
    assert found.shape == (2, 5, 14, 14)
    # At the border one pads the upsampled image and the other its filtered form.
    torch.testing.assert_close(found[..., 4:-4, 4:-4], expected[..., 4:-4, 4:-4])


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("taps", [(4, 4), (3, 3), (8,)])
def test_a_convolution_that_reduces_is_filter_convolution_and_decimation(kernel, taps):
    x, w, f = normal(2, 3, 16, 16), normal(5, 3, kernel, kernel, seed=1), normal(*taps, seed=2)
    before, after = (f.shape[-1] - 1) // 2, (f.shape[-1] - 2) // 2
    half = kernel // 2
    sides = (before + half, after + half, before + half, after + half)
    expected = functional.conv2d(upfirdn2d(x, f, padding=sides), w)[:, :, ::2, ::2]
    found = conv2d_resample(x, w, f, down=2, padding=half)
    torch.testing.assert_close(found, expected)
    assert found.shape == (2, 5, 8, 8)


@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize("up", [1, 2])
def test_a_modulated_convolution_is_one_of_weights_per_sample(demodulate, up):
    x, w, styles = normal(3, 4, 5, 5), normal(6, 4, 3, 3, seed=1), normal(3, 4, seed=2)
    f, noise = resampling_filter(normal(4, seed=3).abs()), normal(5 * up, 5 * up, seed=4)
    found = modulated_conv2d(x, w, styles, noise, up, 1, f, demodulate)
    for row in range(3):
        own = w * styles[row][None, :, None, None]
        if demodulate:
            own = own / (own.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8).sqrt()
        expected = conv2d_resample(x[row : row + 1], own, f, up=up, padding=1) + noise
        torch.testing.assert_close(found[row : row + 1], expected)


def test_an_activation_has_bias_gain_and_bound():
    x, b = normal(2, 3, 4, 4), normal(3, seed=1)
    biased = x + b[:, None, None]
    leaky = torch.where(biased > 0, biased, 0.2 * biased) * math.sqrt(2)
    torch.testing.assert_close(bias_act(x, b, "lrelu"), leaky)
    torch.testing.assert_close(bias_act(x, b, "lrelu", clamp=0.5), leaky.clamp(-0.5, 0.5))
    own = bias_act(x, b, "lrelu", alpha=0.5, gain=3.0)
    torch.testing.assert_close(own, torch.where(biased > 0, biased, 0.5 * biased) * 3)
    for name, (function, alpha, gain) in ACTIVATIONS.items():
        torch.testing.assert_close(bias_act(x, None, name), function(x, alpha) * gain)


def test_a_layers_weights_are_multiplied_at_run_time():
    layer = FullyConnected(4, 3, activation="lrelu", lr_multiplier=0.1, shift=1.0).double()
    layer.bias.data.copy_(normal(3))
    x = normal(2, 4, seed=1)
    line = x @ layer.weight.T * 0.1 / 2 + layer.bias * 0.1 + 1
    torch.testing.assert_close(layer(x), functional.leaky_relu(line, 0.2) * math.sqrt(2))


def test_the_first_ws_are_pulled_to_the_centre():
    ws, centre = normal(2, 5, 3), normal(3, seed=1)
    pulled = centre + 0.3 * (ws - centre)
    torch.testing.assert_close(truncated(ws, centre, 0.3), pulled)
    part = truncated(ws, centre, 0.3, 2)
    torch.testing.assert_close(part[:, :2], pulled[:, :2])
    assert torch.equal(part[:, 2:], ws[:, 2:])
    assert torch.equal(truncated(ws, None), ws)
    with pytest.raises(ValueError, match="mean of w"):
        truncated(ws, None, 0.5)
    per_row = normal(2, 3, seed=2)
    zero = broadcast(ws[:, 0], 4, per_row, 0.0)
    torch.testing.assert_close(zero, per_row[:, None].expand(-1, 4, -1))


def test_z_and_the_class_are_normalised_apart_or_together():
    z, c = normal(2, 5), torch.eye(3, dtype=torch.float64)[:2]
    apart = MappingNetwork(5, 3, 4, embed_dim=6, hidden=None).double()
    embedded = apart.embed(c)
    parts = [normalize_2nd_moment(z), normalize_2nd_moment(embedded)]
    torch.testing.assert_close(apart(z, c), torch.cat(parts, dim=1))
    together = MappingNetwork(5, 3, 4, embed_dim=6, hidden=None, joined_first=True).double()
    joined = torch.cat([z, c @ together.embed.weight.T], dim=1)
    torch.testing.assert_close(together(z, c), normalize_2nd_moment(joined))


def test_a_short_filter_becomes_a_plane_and_a_long_one_stays_a_line():
    assert resampling_filter(torch.tensor([1.0, 3, 3, 1])).shape == (4, 4)
    assert resampling_filter(torch.ones(8)).shape == (8,)
    assert float(resampling_filter(torch.ones(3, 3)).sum()) == pytest.approx(1)
