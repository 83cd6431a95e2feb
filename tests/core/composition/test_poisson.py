"""Poisson blending: the source's gradients inside, the target's colours around."""

import pytest
import torch
from latentsteer.core.composition.placement import placements
from latentsteer.core.composition.poisson import poisson_blend
from latentsteer.core.errors import InvalidInput

SIZE = (19, 23)
BOXES = {str(placement): placement.box(SIZE) for placement in placements()}


def pictures(seed, count=2, size=SIZE):
    drawn = torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(seed))
    return drawn.double()


def laplacian(images):
    """Returns the sum of differences from existing neighbours."""
    found = torch.zeros_like(images)
    for axis in (2, 3):
        step = images.diff(dim=axis)
        first, last = images.shape[axis] - 1, 1
        found.narrow(axis, 0, first).sub_(step)
        found.narrow(axis, last, first).add_(step)
    return found


def blob():
    """A mask of two parts, one with a hole, one that touches a corner."""
    mask = torch.zeros(SIZE, dtype=torch.bool)
    mask[3:12, 2:11] = True
    mask[6:9, 5:8] = False
    mask[14:, 18:] = True
    mask[13, 20] = True
    return mask


MASKS = {name: box.interior(SIZE) for name, box in BOXES.items()} | {"blob": blob()}


@pytest.mark.parametrize("name", MASKS)
def test_gradients_inside_are_the_source_s_and_around_is_the_target(name):
    source, target, mask = pictures(0), pictures(1), MASKS[name]
    blended = poisson_blend(source, target, mask)
    apart = (laplacian(blended) - laplacian(source))[:, :, mask]
    assert float(apart.abs().max()) < 1e-5
    assert torch.equal(blended[:, :, ~mask], target[:, :, ~mask])


@pytest.mark.parametrize("name", MASKS)
def test_what_differs_by_a_constant_vanishes(name):
    target = pictures(1)
    offset = torch.tensor([0.4, -0.2, 7.0]).double()[:, None, None]
    blended = poisson_blend(target + offset, target, MASKS[name])
    assert float((blended - target).abs().max()) < 1e-5


def test_every_image_and_channel_is_solved_for_itself_and_nothing_is_clamped():
    source, target, mask = 3 * pictures(0, 3), pictures(1, 3), MASKS["blob"]
    blended = poisson_blend(source, target, mask)
    for row in range(3):
        one = poisson_blend(source[row : row + 1], target[row : row + 1], mask)
        assert torch.allclose(one[0], blended[row], atol=1e-12)
    turned = poisson_blend(source.flip(1), target.flip(1), mask)
    assert torch.allclose(turned.flip(1), blended, atol=1e-12)
    assert float(blended.min()) < 0
    assert float(blended.max()) > 1


def test_at_the_image_s_edge_the_slope_is_the_source_s():
    """A flat source in a target that rises from left to right: level up to the edge."""
    target = torch.linspace(0, 1, 9).double().expand(1, 3, 5, 9).clone()
    mask = torch.zeros(5, 9, dtype=torch.bool)
    mask[:, 4:] = True
    blended = poisson_blend(torch.zeros_like(target), target, mask)
    assert torch.allclose(blended[..., 4:], target[..., 3:4].expand(1, 3, 5, 5))


def test_the_float_type_of_the_target_is_kept_and_an_empty_mask_changes_nothing():
    source, target = pictures(0).float(), pictures(1).float()
    assert poisson_blend(source, target, MASKS["blob"]).dtype == torch.float32
    nothing = torch.zeros(SIZE, dtype=torch.bool)
    assert torch.equal(poisson_blend(source, target, nothing), target)


def test_one_pixel_high():
    source, target = pictures(0, 1, (1, 6)), pictures(1, 1, (1, 6))
    mask = torch.tensor([[False, True, True, True, True, False]])
    blended = poisson_blend(source, target, mask)
    assert float((laplacian(blended) - laplacian(source))[:, :, mask].abs().max()) < 1e-5


@pytest.mark.parametrize(
    ("source", "mask", "says"),
    [
        (SIZE, torch.ones(SIZE, dtype=torch.bool), "covers the whole image"),
        ((5, 5), MASKS["blob"], "expected images of one size"),
        (SIZE, torch.ones(4, 4, dtype=torch.bool), r"mask of \(4, 4\)"),
    ],
)
def test_bad_input(source, mask, says):
    with pytest.raises(InvalidInput, match=says):
        poisson_blend(pictures(0, 2, source), pictures(1), mask)
