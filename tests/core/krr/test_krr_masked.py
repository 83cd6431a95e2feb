"""The condition of KRR flow by an image with a hole: masked reconstruction."""

import pytest
import torch
from latentsteer.core.energies.example import toy_clip
from latentsteer.core.energies.masked import known_error, masked
from latentsteer.core.errors import DomainMismatch, InvalidInput
from latentsteer.core.features import clip_features

from .krr_inputs import pictures, values


def hole(side=8, first=2, last=5):
    mask = torch.zeros(1, side, side)
    mask[:, first:last, first:last] = 1
    return mask


def test_pixels_count_where_they_are_known():
    source, images, mask = pictures(1, 8), pictures(3, 8, 1), hole()
    known = (1 - mask[0]).bool()
    expected = (images - source)[:, :, known].square().mean(dim=(1, 2))
    energy = masked(source, mask)
    torch.testing.assert_close(values(energy, images), expected)
    torch.testing.assert_close(known_error(images, source, mask), expected.sqrt())
    (leaf,) = energy.leaves()
    torch.testing.assert_close(leaf.measure.of(expected), expected.sqrt())


@pytest.mark.parametrize("seen", [None, "features"])
def test_the_hole_is_free(seen):
    features = seen and clip_features(toy_clip())
    source, mask = pictures(1, 8), hole()
    energy = masked(source, mask, features=features)
    images = torch.where(mask.bool(), pictures(2, 8, 3), source).requires_grad_()
    found = values(energy, images)
    torch.testing.assert_close(found, torch.zeros(2))
    moved = (images.detach() + 0.1 * pictures(2, 8, 4)).requires_grad_()
    (slope,) = torch.autograd.grad(values(energy, moved).sum(), moved)
    free = slope.abs().sum(dim=(0, 1)) == 0
    assert torch.equal(free, mask[0].bool())
    assert len(list(energy.leaves())) == (2 if seen else 1)


def test_grey_counts_as_unknown():
    source, images = pictures(1, 8), pictures(2, 8, 1)
    soft = hole()
    soft[:, 2:5, 5] = 0.4
    hard = soft.ceil()
    torch.testing.assert_close(
        values(masked(source, soft), images), values(masked(source, hard), images)
    )


def test_at_another_size_only_pixels_of_known_ones_count():
    """The content of the hole of the source must not affect the comparison."""
    mask, images = hole(16, 4, 10), pictures(2, 8, 1)
    source = pictures(1, 16)
    other = torch.where(mask.bool(), 1 - source, source)
    one, two = (values(masked(picture, mask), images) for picture in (source, other))
    torch.testing.assert_close(one, two)
    near = torch.where(mask.bool(), source, (source + 0.2).clamp(0, 1))
    assert not torch.allclose(values(masked(near, mask), images), one)


def test_each_sample_has_its_own_source_and_mask():
    sources, images = pictures(3, 8), pictures(3, 8, 1)
    masks = torch.cat([hole(), hole(8, 0, 4), hole(8, 3, 8)])
    together = values(masked(sources, masks), images)
    for row in range(3):
        alone = masked(sources[row : row + 1], masks[row : row + 1])
        torch.testing.assert_close(values(alone, images[row : row + 1])[0], together[row])
    one_source = masked(sources[:1], masks)
    one_source.check_batch(3)
    assert one_source.signature() != masked(sources[:1], masks.flip(0)).signature()


@pytest.mark.parametrize(
    ("sources", "masks", "options", "error", "said"),
    [
        ((1, 8), hole(9), {}, DomainMismatch, "The mask is 9 x 9 pixels and the source image 8"),
        ((1, 8), torch.zeros(1, 8, 8), {}, InvalidInput, "Mask 0 is empty"),
        ((1, 8), torch.ones(1, 8, 8), {}, InvalidInput, "Mask 0 is full"),
        (
            (2, 8),
            torch.cat([hole(), torch.full((1, 8, 8), 0.5)]),
            {},
            InvalidInput,
            "Mask 1 is full",
        ),
        ((3, 8), torch.cat([hole(), hole()]), {}, InvalidInput, "2 masks for 3 source images"),
        ((0, 8), hole(), {}, InvalidInput, "0 source images and 1 masks"),
        ((1, 8), hole() * torch.nan, {}, InvalidInput, "not finite"),
        ((1, 8), hole(), {"pixel_weight": 0.0}, InvalidInput, "Nothing to compare"),
        ((1, 8), hole(), {"pixel_weight": -1.0}, InvalidInput, "at least 0"),
    ],
)
def test_masks_that_do_not_go_are_refused(sources, masks, options, error, said):
    with pytest.raises(error, match=said):
        masked(pictures(*sources), masks, **options)


def test_a_known_part_that_vanishes_at_the_generators_size_is_told():
    mask = torch.ones(1, 32, 32)
    mask[:, 5, 5] = 0
    energy = masked(pictures(1, 32), mask)
    with pytest.raises(InvalidInput, match="At 4 x 4 pixels"):
        values(energy, pictures(2, 4))
