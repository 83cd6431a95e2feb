"""Energy CLIP of the best matching region."""

import pytest
import torch
from latentsteer.core.condition import Condition
from latentsteer.core.energies.example import toy_clip
from latentsteer.core.energies.regions import somewhere
from latentsteer.core.energies.similarity import similarity
from latentsteer.core.errors import ConditionMismatch
from latentsteer.core.images import Box, resized
from latentsteer.core.rng import SampleRng

BOXES = (Box(0, 0, 3, 3), Box(4, 5, 3, 3), Box(2, 1, 4, 5))


@pytest.fixture
def clip():
    return toy_clip()


@pytest.fixture
def condition(clip):
    rows = torch.randn(6, clip.embed_dim, generator=torch.Generator().manual_seed(5))
    return Condition(rows, tuple("abcdef"), clip.id, clip.name)


def test_it_is_the_lowest_of_the_regions_own_energies(clip, condition):
    images = torch.rand(6, 3, 7, 8, generator=torch.Generator().manual_seed(2))
    plain, rng = similarity(clip, condition), SampleRng.of(0, 6)
    regions = [images]
    regions += [resized(images[:, :, box.rows, box.columns], (7, 8)) for box in BOXES]
    each = torch.stack([plain(region, rng) for region in regions])
    torch.testing.assert_close(somewhere(clip, condition, BOXES)(images, rng), each.amin(dim=0))
    assert len(each.argmin(dim=0).unique()) > 1


def test_its_gradient_is_within_the_region_that_fits_best(clip, condition):
    images = torch.rand(6, 3, 7, 8, generator=torch.Generator().manual_seed(2)).requires_grad_()
    rng = SampleRng.of(0, 6)
    (slope,) = torch.autograd.grad(somewhere(clip, condition, BOXES)(images, rng).sum(), images)
    plain = similarity(clip, condition)
    with torch.no_grad():
        each = torch.stack(
            [plain(resized(images[:, :, b.rows, b.columns], (7, 8)), rng) for b in BOXES]
        )
        inside = each.amin(dim=0) < plain(images, rng)
    assert bool(inside.any())
    for row in inside.nonzero()[:, 0].tolist():
        mask = BOXES[int(each[:, row].argmin())].mask((7, 8))
        assert float(slope[row][:, ~mask].abs().max()) == 0
        assert float(slope[row][:, mask].abs().max()) > 0


def test_without_boxes_it_is_energy_clip(clip, condition):
    images = torch.rand(6, 3, 7, 8)
    rng = SampleRng.of(0, 6)
    expected = similarity(clip, condition)(images, rng)
    torch.testing.assert_close(somewhere(clip, condition, ())(images, rng), expected)


def test_another_clips_condition_is_refused(clip, condition):
    other = Condition(condition.embedding, condition.labels, "another", "another CLIP")
    with pytest.raises(ConditionMismatch, match="another CLIP"):
        somewhere(clip, other, BOXES)
