"""Random views: closed forms, bounds, separate streams, and gradients."""

import math

import pytest
import torch
from latentsteer.core.energies.classification import classification
from latentsteer.core.errors import InvalidInput
from latentsteer.core.rng import SampleRng
from latentsteer.core.views.jitter import (
    GREY_SHARE,
    SHARPEST,
    SHIFT,
    random_views,
    softest,
    viewed,
)

DOUBLE = torch.float64


def pictures(count=3, height=16, width=16, dtype=DOUBLE):
    stream = torch.Generator().manual_seed(0)
    return torch.rand(count, 3, height, width, generator=stream, dtype=dtype)


def column(*values):
    return torch.tensor(values, dtype=DOUBLE)


def view(images, shift=(0.0, 0.0), blur=0.05, share=0.0, grey=0.0):
    count = len(images)
    return viewed(
        images,
        column(*shift).expand(count, 2),
        column(blur).expand(count),
        column(share).expand(count),
        column(grey).expand(count),
    )


def test_the_view_that_changes_nothing_is_the_image():
    images = pictures()
    torch.testing.assert_close(view(images), images, rtol=0, atol=1e-12)


def test_a_shift_by_whole_pixels_moves_them_and_repeats_the_border():
    images = pictures(height=12, width=20)
    moved = view(images, shift=(2.0, -3.0))
    torch.testing.assert_close(moved[..., 2:, :-3], images[..., :-2, 3:], rtol=0, atol=1e-12)
    torch.testing.assert_close(moved[..., 0, :-3], images[..., 0, 3:], rtol=0, atol=1e-12)
    torch.testing.assert_close(moved[..., 2:, -1], images[..., :-2, -1], rtol=0, atol=1e-12)


def test_half_a_pixel_is_the_mean_of_two():
    images = pictures()
    moved = view(images, shift=(0.5, 0.0), blur=0.1)
    between = (images[..., :-1, :] + images[..., 1:, :]) / 2
    torch.testing.assert_close(moved[..., 1:, :], between, rtol=0, atol=1e-12)


def test_the_blur_of_a_point_is_a_gaussian_of_its_width():
    point = torch.zeros(1, 3, 33, 33, dtype=DOUBLE)
    point[..., 16, 16] = 1
    spread = view(point, blur=1.2)
    assert float(spread[0, 0].sum()) == pytest.approx(1)
    offsets = torch.arange(33, dtype=DOUBLE) - 16
    variance = (spread[0, 0].sum(dim=1) * offsets.square()).sum()
    assert float(variance) == pytest.approx(1.2**2, rel=1e-6)
    ratio = spread[0, 0, 16, 18] / spread[0, 0, 16, 16]
    assert float(ratio) == pytest.approx(math.exp(-4 / (2 * 1.2**2)))


def test_a_flat_image_stays_flat_and_blends_with_the_grey():
    flat = torch.full((2, 3, 9, 9), 0.8, dtype=DOUBLE)
    seen = view(flat, shift=(1.3, -2.2), blur=1.0, share=0.25, grey=0.4)
    torch.testing.assert_close(seen, torch.full_like(seen, 0.75 * 0.8 + 0.25 * 0.4))


def test_views_stay_in_range_and_have_the_mean_of_their_draws():
    white = torch.ones(400, 3, 8, 8, dtype=DOUBLE)
    views = random_views(white, SampleRng.of(0, 400), 5)
    assert views.shape == (400, 5, 3, 8, 8)
    assert views.min() >= 1 - GREY_SHARE
    assert views.max() <= 1 + 1e-12
    # 1 - share (1 - grey), both uniform: mean 1 - 0.3 / 4.
    assert float(views.mean()) == pytest.approx(1 - GREY_SHARE / 4, abs=0.003)
    noise = random_views(pictures(50), SampleRng.of(0, 50), 4)
    assert noise.min() >= 0
    assert noise.max() <= 1


def test_shifts_stay_within_their_share_of_the_side_and_reach_it():
    # The centre of mass of a dot is where the view moved it, under any grey.
    dot = torch.zeros(300, 3, 64, 64, dtype=DOUBLE)
    dot[..., 32, 32] = 1
    seen = random_views(dot, SampleRng.of(1, 300), 1)[:, 0, 0]
    seen = seen - seen[:, :1, :1]
    place = torch.arange(64, dtype=DOUBLE) - 32
    total = seen.sum(dim=(1, 2))
    for axis in (1, 2):
        centre = (seen.sum(dim=axis) * place).sum(dim=1) / total
        assert centre.abs().max() <= 64 * SHIFT + 0.01
        assert centre.max() > 3.5
        assert centre.min() < -3.5
        assert abs(centre.mean()) < 0.5
    assert softest(64) == pytest.approx(4 / 3)
    assert softest(5) == SHARPEST


def test_a_batch_of_views_equals_its_members():
    images = pictures(4)
    together = random_views(images, SampleRng.of(3, 4), 6)
    for row in range(4):
        alone = random_views(images[row : row + 1], SampleRng.of(3, [row]), 6)
        torch.testing.assert_close(alone[0], together[row], rtol=0, atol=1e-12)
    assert not torch.allclose(together[:, 0], together[:, 1])


def test_fresh_views_are_drawn_at_every_look():
    rng = SampleRng.of(3, 2)
    images = pictures(2)
    assert not torch.allclose(random_views(images, rng, 2), random_views(images, rng, 2))
    again = random_views(images, SampleRng.of(3, 2), 2)
    torch.testing.assert_close(again, random_views(images, SampleRng.of(3, 2), 2))


def test_a_gradient_goes_through_to_every_pixel():
    images = pictures(2, 8, 6).requires_grad_()
    (slope,) = torch.autograd.grad(random_views(images, SampleRng.of(0, 2), 3).sum(), images)
    assert bool((slope > 0).all())
    # Linear in the image: every view is, and its rows of weights add to 1.
    torch.testing.assert_close(
        (slope * images).sum() + (random_views(images * 0, SampleRng.of(0, 2), 3)).sum(),
        random_views(images, SampleRng.of(0, 2), 3).sum(),
    )


@pytest.mark.parametrize("count", [0, -1])
def test_no_views_are_refused(count):
    with pytest.raises(InvalidInput, match="at least 1"):
        random_views(pictures(), SampleRng.of(0, 3), count)


def test_the_energy_is_the_mean_cross_entropy_of_the_views(toys):
    classifier = toys.classifier(DOUBLE)
    images = pictures(3, 8, 8)
    energy = classification(classifier, classifier.condition(["a", "c", "b"]), views=4)
    laws = torch.stack(
        [classifier.embed(v) for v in random_views(images, SampleRng.of(0, 3), 4).unbind(1)]
    )
    expected = -torch.stack([laws[:, 0, 0], laws[:, 1, 2], laws[:, 2, 1]]).log().mean(dim=1)
    torch.testing.assert_close(energy(images, SampleRng.of(0, 3)), expected)
    assert str(energy) == "1·classifier(toy f, 4 views)"
    plain = classification(classifier, classifier.condition(["a", "c", "b"]))
    assert energy.signature() != plain.signature()


def test_a_negative_number_of_views_is_refused(toys):
    classifier = toys.classifier()
    with pytest.raises(InvalidInput, match="-1 views"):
        classification(classifier, classifier.condition(["a"]), views=-1)
