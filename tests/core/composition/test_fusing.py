"""Placements, pasting and cropping."""

import pytest
import torch
from latentsteer.core.composition.paste import Paste
from latentsteer.core.composition.placement import PLACES, Placement, placements
from latentsteer.core.errors import DomainMismatch, InvalidInput
from latentsteer.core.images import Box, resized
from latentsteer.core.rng import SampleRng

SIZE = (15, 22)


def pictures(seed, count, size=SIZE):
    return torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(seed))


def test_the_paper_s_eighteen():
    tried = placements()
    assert len(set(tried)) == 18
    assert {placement.scale for placement in tried} == {0.65, 0.5}
    assert [placement.place for placement in tried[:9]] == list(PLACES)
    assert PLACES[0] == "top left"
    assert PLACES[4] == "centre"
    assert str(placements([0.5], "bottom centre")[0]) == "0.5 bottom centre"


@pytest.mark.parametrize(
    ("placement", "box"),
    [
        (Placement(0.5, "top", "left"), Box(0, 0, 32, 32)),
        (Placement(0.5, "bottom", "right"), Box(32, 32, 32, 32)),
        (Placement(0.5, "centre", "centre"), Box(16, 16, 32, 32)),
        (Placement(0.65, "centre", "right"), Box(11, 22, 42, 42)),
        (Placement(0.65, "bottom", "centre"), Box(22, 11, 42, 42)),
        (Placement(0.33, "centre", "left"), Box(21, 0, 21, 21)),
        (Placement(1e-3, "centre", "centre"), Box(31, 31, 1, 1)),
    ],
)
def test_where_a_placement_lies(placement, box):
    assert placement.box((64, 64)) == box


def test_a_box_s_mask_and_its_interior():
    mask = Box(0, 2, 3, 4).mask((5, 9))
    assert mask.long().sum() == 12
    assert bool(mask[:3, 2:6].all())
    inside = Box(0, 2, 3, 4).interior((5, 9))
    expected = torch.zeros(5, 9, dtype=torch.bool)
    expected[:2, 3:5] = True  # the upper side is on the edge of the image
    assert torch.equal(inside, expected)


@pytest.mark.parametrize("scale", [0.0, -0.5, 1.0, 1.2, float("nan"), float("inf")])
def test_a_foreground_that_is_no_smaller_than_the_background(scale):
    with pytest.raises(InvalidInput, match="foreground must be smaller than the background"):
        placements([0.5, scale])


@pytest.mark.parametrize(
    ("scales", "places", "says"),
    [
        ([], "all nine", "No scale of the foreground given"),
        ([0.5], "upper left", "Places 'upper left'; expected one of all nine, top left"),
    ],
)
def test_no_placement(scales, places, says):
    with pytest.raises(InvalidInput, match=says):
        placements(scales, places)


def test_a_scale_that_rounds_to_the_whole():
    with pytest.raises(InvalidInput, match="covers the whole background"):
        Paste((8, 8), placements([0.5, 0.99]))


def test_fused_is_the_resized_foreground_pasted_and_crop_what_lies_behind():
    paste = Paste(SIZE, placements())
    count = 2 * len(paste.placements)
    front, back, rng = pictures(0, count), pictures(1, count), SampleRng.of(0, count)
    fused, crop = paste.fused(front, back, rng), paste.magnified(back, rng)
    for row, box in enumerate(paste.boxes * 2):
        expected = back[row].clone()
        small = resized(front[row : row + 1], (box.height, box.width))[0]
        expected[:, box.rows, box.columns] = small
        assert torch.allclose(fused[row], expected, atol=1e-6)
        behind = back[row : row + 1, :, box.rows, box.columns]
        assert torch.allclose(crop[row], resized(behind, SIZE)[0], atol=1e-6)
        outside = ~paste.masks()[row % len(paste.boxes)]
        assert torch.equal(fused[row][:, outside], back[row][:, outside])


def test_rows_are_placed_by_their_run_whatever_part_of_the_batch_is_seen():
    paste = Paste(SIZE, placements())
    count = 2 * len(paste.placements)
    front, back, rng = pictures(0, count), pictures(1, count), SampleRng.of(0, count)
    whole = paste.fused(front, back, rng)
    part = paste.fused(front[16:21], back[16:21], rng.part(16, 21))
    assert torch.allclose(part, whole[16:21], atol=1e-6)


def test_what_is_alike_has_no_difference():
    """A background that already shows the foreground at the place."""
    paste = Paste(SIZE, placements([0.5]))
    front, rng = pictures(0, 9), SampleRng.of(0, 9)
    fused = paste.fused(front, pictures(1, 9), rng)
    assert torch.equal(paste.magnified(fused, rng), paste.magnified(fused.clone(), rng))
    again = paste.fused(front, fused, rng)
    assert torch.allclose(again, fused, atol=1e-6)


def test_gradients_reach_both():
    paste, rng = Paste(SIZE, placements([0.5], "centre")), SampleRng.of(0, 1)
    front, back = pictures(0, 1).requires_grad_(), pictures(1, 1).requires_grad_()
    by_front, by_back = torch.autograd.grad(paste.fused(front, back, rng).sum(), (front, back))
    (box,) = paste.boxes
    assert bool((by_front > 0).all())
    assert float(by_front.sum()) == pytest.approx(3 * box.height * box.width, rel=1e-5)
    assert torch.equal(by_back[0, 0], (~paste.masks()[0]).float())


@pytest.mark.parametrize("which", ["foreground", "background"])
def test_images_of_different_sizes(which):
    paste, rng = Paste(SIZE, placements([0.5], "centre")), SampleRng.of(0, 1)
    images = {"foreground": pictures(0, 1), "background": pictures(1, 1)}
    images[which] = pictures(2, 1, (9, 9))
    with pytest.raises(
        DomainMismatch, match=f"The {which}'s images are 9 x 9 pixels; expected 22"
    ):
        paste.fused(images["foreground"], images["background"], rng)


def test_no_placements_at_all():
    with pytest.raises(InvalidInput, match="No placement"):
        Paste(SIZE, ())
