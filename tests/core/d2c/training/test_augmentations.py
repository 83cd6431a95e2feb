"""The views of MoCo v2: each operation alone, its law, and one stream per image."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.d2c.training.augmentations import views_of
from latentsteer.core.d2c.training.settings import Views
from latentsteer.core.errors import InvalidInput
from latentsteer.core.rng import SampleRng

PLAIN = Views((1.0, 1.0), (1.0, 1.0), (0, 0, 0, 0), 0.0, 0.0, (1.0, 2.0), 0.0, 0.0)


def images(count=3, side=16):
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0))


def test_views_without_any_operation_are_the_images():
    x = images()
    assert torch.equal(views_of(x, SampleRng.of(0, 3), PLAIN), x)


@pytest.mark.bits
def test_a_view_depends_on_its_own_stream_alone():
    x, views = images(4), Views(blur_share=0.5)
    whole = views_of(x, SampleRng.of(7, 4), views)
    for row in range(4):
        assert torch.equal(
            views_of(x[row : row + 1], SampleRng.of(7, [row]), views)[0], whole[row]
        )
    assert torch.equal(views_of(x, SampleRng.of(7, 4), views), whole)
    assert not torch.equal(views_of(x, SampleRng.of(8, 4), views), whole)


def test_mirroring_grey_and_brightness():
    x = images()
    assert torch.equal(views_of(x, SampleRng.of(0, 3), replace(PLAIN, flip_share=1.0)), x.flip(3))
    grey = views_of(x, SampleRng.of(0, 3), replace(PLAIN, grey_share=1.0))
    luma = (x * torch.tensor([0.2989, 0.587, 0.114])[:, None, None]).sum(1)
    torch.testing.assert_close(grey, luma[:, None].expand_as(x))
    dim = x / 4  # stays in range
    lit = views_of(dim, SampleRng.of(0, 3), replace(PLAIN, jitter=(0.4, 0, 0, 0), jitter_share=1))
    factors = (lit / dim).flatten(1)
    torch.testing.assert_close(factors, factors[:, :1].expand_as(factors))
    assert all(0.6 <= factor <= 1.4 and factor != 1 for factor in factors[:, 0].tolist())


def test_the_jitter_keeps_what_its_range_says():
    flat = torch.full((1, 3, 4, 4), 0.5)  # no contrast, saturation or hue to change
    jitter = replace(PLAIN, jitter=(0.0, 0.4, 0.4, 0.1), jitter_share=1.0)
    found = views_of(flat, SampleRng.of(0, 1), jitter)
    torch.testing.assert_close(found, flat, atol=1e-4, rtol=0)


def test_a_blur_keeps_the_mean_and_takes_detail():
    x = images(1, 32)
    blurred = views_of(x, SampleRng.of(0, 1), replace(PLAIN, blur_share=1.0))
    assert float(blurred.mean()) == pytest.approx(float(x.mean()), abs=0.01)
    assert float(blurred.var()) < 0.2 * float(x.var())


def test_crops_keep_a_uniform_share_of_the_area_within_their_ratios():
    """On images of their own coordinates, whose spans are the sides of the crop."""
    side = 64
    ramp = torch.arange(side) / (side - 1)
    x = torch.stack([ramp.expand(side, side), ramp[:, None].expand(side, side)])
    x = torch.cat([x, torch.zeros(1, side, side)])[None].expand(400, -1, -1, -1)
    views = replace(PLAIN, area=(0.25, 0.75), ratio=(3 / 4, 4 / 3))
    found = views_of(x, SampleRng.of(3, 400), views)
    spans = (found.amax((2, 3)) - found.amin((2, 3)))[:, :2] * (side - 1) + 1
    wide, high = spans.unbind(1)
    area, ratio = wide * high / side**2, wide / high
    assert area.min() > 0.2
    assert area.max() < 0.8
    assert ratio.min() > 0.7
    assert ratio.max() < 1.45
    # Uniform on [0.25, 0.75]: standard error 0.144 / 20 = 0.0072.
    assert float(area.mean()) == pytest.approx(0.5, abs=0.03)
    assert float(area.std()) == pytest.approx(0.144, abs=0.02)


def test_the_shares_are_probabilities():
    x = images(1).expand(400, -1, -1, -1)
    flipped = views_of(x, SampleRng.of(5, 400), replace(PLAIN, flip_share=0.3))
    share = float((flipped != x).flatten(1).any(1).float().mean())
    assert share == pytest.approx(0.3, abs=4 * (0.3 * 0.7 / 400) ** 0.5)


@pytest.mark.parametrize(
    "change",
    [
        {"area": (0.0, 1.0)},
        {"area": (0.5, 1.5)},
        {"ratio": (2.0, 1.0)},
        {"jitter": (0.4, 0.4, 0.4, 0.6)},
        {"flip_share": 1.2},
        {"blur": (float("nan"), 1.0)},
    ],
)
def test_settings_out_of_range_are_refused(change):
    with pytest.raises(InvalidInput, match=next(iter(change))):
        Views(**change)


def test_streams_and_images_must_agree():
    with pytest.raises(InvalidInput, match="2 random streams for 3 images"):
        views_of(images(), SampleRng.of(0, 2), PLAIN)
