"""Images of another shape than is wanted."""

import pytest
import torch
from latentsteer.core.errors import InvalidInput
from latentsteer.core.images import enlarged, fitted

WIDE = torch.arange(3 * 4 * 8.0).reshape(1, 3, 4, 8)


@pytest.mark.parametrize("across", [False, True])
def test_a_crop_keeps_the_middle_and_a_pad_all(across):
    images = WIDE.mT if across else WIDE
    cropped, padded = (fitted(images, (4, 4), fit) for fit in ("crop", "pad"))
    back = (cropped.mT, padded.mT) if across else (cropped, padded)
    assert torch.equal(back[0], WIDE[..., 2:6])
    whole = fitted(images, (8, 8), "pad")
    whole = whole.mT if across else whole
    assert torch.equal(whole[:, :, 2:6], WIDE)
    assert torch.equal(whole[:, :, 0], WIDE[:, :, 0])
    assert torch.equal(whole[:, :, 7], WIDE[:, :, 3])
    assert back[1].shape == (1, 3, 4, 4)


def test_a_stretch_changes_the_shape_and_equal_shapes_only_the_size():
    square = WIDE[..., :4]
    assert all(torch.equal(fitted(square, (4, 4), fit), square) for fit in ("crop", "pad"))
    assert fitted(WIDE, (4, 4), "stretch").shape == (1, 3, 4, 4)
    constant = torch.full((1, 3, 10, 30), 0.3)
    for fit in ("crop", "pad", "stretch"):
        torch.testing.assert_close(fitted(constant, (7, 5), fit), torch.full((1, 3, 7, 5), 0.3))


def test_enlarged_images_have_the_colours_of_the_small_ones():
    images = torch.rand(2, 3, 6, 5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(enlarged(images, 1), images)
    large = enlarged(images, 4)
    assert large.shape == (2, 3, 24, 20)
    assert 0 <= large.min() < large.max() <= 1
    flat = torch.full((1, 3, 3, 3), 0.3)
    torch.testing.assert_close(enlarged(flat, 5), torch.full((1, 3, 15, 15), 0.3))
    # A ramp stays one away from its ends.
    ramp = torch.linspace(0, 1, 8).expand(1, 1, 8, 8)
    steps = enlarged(ramp, 2)[0, 0, 0, 4:-4].diff()
    torch.testing.assert_close(steps, torch.full_like(steps, 1 / 14))
    with pytest.raises(InvalidInput, match="0 times"):
        enlarged(images, 0)
