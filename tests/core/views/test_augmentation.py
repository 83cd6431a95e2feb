"""AugCLIP's views: equal to the step-by-step form, drawn from the released distribution."""

import pytest
import torch
from latentsteer.core.errors import InvalidInput
from latentsteer.core.rng import SampleRng
from latentsteer.core.views.augclip import (
    OPERATIONS,
    augmented,
    checked_operations,
    checked_ratio,
    draw_views,
)
from latentsteer.core.views.separable import DenseMaps, SparseMaps, taps
from latentsteer.workflows.studies.bench.released import step_by_step

DOUBLE = torch.float64
CLIP = {"mean": (0.48, 0.46, 0.41), "std": (0.27, 0.26, 0.28)}
SUBSETS = [pytest.param((name,), id=name) for name in OPERATIONS] + [
    pytest.param(OPERATIONS, id="all")
]


def pictures(count=1, height=64, width=64, dtype=DOUBLE):
    stream = torch.Generator().manual_seed(0)
    return torch.rand(count, 3, height, width, generator=stream, dtype=dtype)


def both_ways(image, parameters, size):
    """Returns views and the gradient of a random sum of them, in the fast and the plain form."""
    found = []
    for make in (augmented, step_by_step):
        leaf = image.clone().requires_grad_()
        views = make(leaf, parameters, size, **CLIP)
        vector = torch.rand(views.shape, generator=torch.Generator().manual_seed(1), dtype=DOUBLE)
        found.append((views.detach(), torch.autograd.grad((views * vector).sum(), leaf)[0]))
    return found


@pytest.mark.parametrize(
    ("side", "operations"),
    [
        pytest.param(side, *subset.values, id=f"{side}-{subset.id}", marks=marks)
        for side in (64, 256, 512)
        for subset in SUBSETS
        for marks in [[pytest.mark.slow] if side == 512 and subset.id != "all" else []]
    ],
)
def test_views_and_gradients_are_those_of_the_steps(operations, side):
    images = pictures(1, side, side)
    drawn = draw_views(SampleRng.of(side, 1), 3, images, operations=operations)
    fast, plain = both_ways(images[0], drawn.of(0), 224 if side == 512 else 56)
    torch.testing.assert_close(fast, plain, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("height", "width", "size"), [(40, 56, 32), (33, 20, 48), (5, 6, 7)])
def test_other_shapes_and_a_ratio_per_view(height, width, size):
    images = pictures(2, height, width)
    drawn = draw_views(SampleRng.of(3, 2), 12, images, resize_ratio="view")
    fast, plain = both_ways(images[1], drawn.of(1), size)
    torch.testing.assert_close(fast, plain, rtol=0, atol=1e-9)


def test_matrices_for_accelerators_and_reads_for_cpus_are_the_same_maps():
    drawn = draw_views(SampleRng.of(0, 1), 6, pictures(1, 24, 30), resize_ratio="view").of(0)
    axes = [
        taps(side, 16, shift=shift, ratio=drawn.ratio, first=first, last=first + side // 2)
        for side, shift, first in (
            (24, drawn.down, drawn.hole_row / 2),
            (30, drawn.right, drawn.hole_column / 2),
        )
    ]
    dense, sparse = DenseMaps(*axes), SparseMaps(*axes)
    image, vectors = pictures(1, 24, 30)[0], pictures(6, 16, 16)
    torch.testing.assert_close(dense.apply(image), sparse.apply(image), rtol=0, atol=1e-12)
    torch.testing.assert_close(dense.adjoint(vectors), sparse.adjoint(vectors), rtol=0, atol=1e-12)
    # The definition of the adjoint.
    left, right = (sparse.apply(image) * vectors).sum(), (sparse.adjoint(vectors) * image).sum()
    torch.testing.assert_close(left, right)


def test_views_that_do_nothing_are_the_image_normalised():
    image = pictures(1, 20, 20)[0]
    drawn = draw_views(SampleRng.of(0, 1), 2, image[None], operations=["cutout"]).of(0)
    assert bool((drawn.hole == 1).all())
    drawn.hole.zero_()
    seen = augmented(image, drawn, 20, **CLIP)
    mean, std = (torch.tensor(CLIP[name], dtype=DOUBLE)[:, None, None] for name in CLIP)
    torch.testing.assert_close(seen, ((image - mean) / std).expand(2, 3, 20, 20))


def test_float32_views_are_close_to_float64_ones():
    images = pictures(1, 128, 128)
    drawn = draw_views(SampleRng.of(0, 1), 4, images).of(0)
    single = augmented(images[0].float(), drawn, 56, **CLIP)
    assert single.dtype == torch.float32
    torch.testing.assert_close(
        single.double(), augmented(images[0], drawn, 56, **CLIP), rtol=0, atol=5e-6
    )


# The distribution, over 10,000 draws: means within 4 standard errors.


@pytest.fixture(scope="module")
def drawn():
    images = torch.empty(100, 3, 64, 40)
    return draw_views(SampleRng.of(7, 100), 100, images, resize_ratio="view")


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("brightness", -0.5, 0.5),
        ("saturation", 0.0, 2.0),
        ("contrast", 0.5, 1.5),
        ("ratio", 0.8, 1.2),
    ],
)
def test_continuous_parameters_are_uniform(drawn, name, low, high):
    values = (getattr(drawn, name).flatten() - low) / (high - low)
    assert values.shape == (10_000,)
    assert values.min() >= 0
    assert values.max() < 1
    assert values.min() < 0.002
    assert values.max() > 0.998
    # Standard deviations of u and of (u - 1/2)^2: 1/sqrt(12) and 1/sqrt(180).
    assert abs(values.mean() - 1 / 2) < 4 * 12**-0.5 / 100
    assert abs((values - 0.5).square().mean() - 1 / 12) < 4 * 180**-0.5 / 100


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("down", -8, 8),  # 64 / 8
        ("right", -5, 5),  # 40 / 8
        ("hole_row", 0, 64),  # the hole's side, 32, is even
        ("hole_column", 0, 40),
    ],
)
def test_whole_numbers_are_uniform_over_their_support(drawn, name, low, high):
    values = getattr(drawn, name).flatten()
    counts = torch.bincount((values - low).long(), minlength=high - low + 1)
    assert torch.equal(values, values.round())
    assert len(counts) == high - low + 1
    assert counts.min() > 0
    expected = 10_000 / len(counts)
    statistic = float(((counts - expected) ** 2 / expected).sum())
    freedom = len(counts) - 1
    assert abs(statistic - freedom) < 5 * (2 * freedom) ** 0.5


def test_a_hole_of_an_odd_side_has_its_centre_on_a_pixel():
    # 5 * 0.5 + 0.5 rounds down to 3, 6 * 0.5 + 0.5 to 3.
    odd = draw_views(SampleRng.of(0, 10), 100, torch.empty(10, 3, 5, 6))
    assert (odd.hole_row.min(), odd.hole_row.max()) == (0, 4)
    assert (odd.hole_column.min(), odd.hole_column.max()) == (0, 5)


def test_parameters_do_not_go_together(drawn):
    names = ("brightness", "saturation", "contrast", "down", "right", "ratio", "hole_row")
    rows = torch.stack([getattr(drawn, name).flatten() for name in names])
    correlations = rows.corrcoef() - torch.eye(len(names), dtype=DOUBLE)
    assert correlations.abs().max() < 5 / 100


def test_the_ratio_of_a_sample_is_that_of_all_its_views():
    shared = draw_views(SampleRng.of(7, 100), 20, torch.empty(100, 3, 64, 64))
    assert bool((shared.ratio == shared.ratio[:, :1]).all())
    assert len(shared.ratio.unique()) == 100
    alone = draw_views(SampleRng.of(7, 100), 20, torch.empty(100, 3, 64, 64), resize_ratio="view")
    assert len(alone.ratio.unique()) > 1990
    assert torch.equal(alone.ratio[:, 0], shared.ratio[:, 0])


@pytest.mark.parametrize("operations", SUBSETS)
def test_operations_that_are_off_do_nothing_and_leave_the_others_draws(operations):
    images = torch.empty(3, 3, 64, 64)
    everything = draw_views(SampleRng.of(1, 3), 4, images)
    some = draw_views(SampleRng.of(1, 3), 4, images, operations=operations)
    parts = {
        "color": {"brightness": 0, "saturation": 1, "contrast": 1},
        "translation": {"down": 0, "right": 0},
        "resize": {"ratio": 1},
        "cutout": {"hole": 0},
    }
    for operation, neutral in parts.items():
        for name, value in neutral.items():
            found = getattr(some, name)
            if operation in operations:
                assert torch.equal(found, getattr(everything, name))
            else:
                assert bool((found == value).all())


@pytest.mark.bits
def test_a_batch_equals_its_members_and_parts_the_whole():
    images = pictures(3, 24, 24)
    together = draw_views(SampleRng.of(2, 3), 5, images)
    for row in range(3):
        alone = draw_views(SampleRng.of(2, [row]), 5, images[row : row + 1])
        whole = augmented(images[row], together.of(row), 16)
        assert torch.equal(augmented(images[row], alone.of(0), 16), whole)
        parts = [augmented(images[row], together.of(row, *span), 16) for span in ((0, 2), (2, 5))]
        torch.testing.assert_close(torch.cat(parts), whole, rtol=0, atol=1e-14)


def test_views_differentiate_once():
    leaf = pictures(1, 8, 8)[0].requires_grad_()
    drawn = draw_views(SampleRng.of(0, 1), 2, leaf[None]).of(0)
    views = augmented(leaf, drawn, 6)
    (slope,) = torch.autograd.grad(views.square().sum(), leaf, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        slope.sum().backward()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"views": 0}, "0 views"),
        ({"views": -1}, "-1 views"),
        ({"operations": ()}, r"\(none\)"),
        ({"operations": ("color", "colour")}, "'colour' of views given; choose from color"),
    ],
)
def test_bad_input_is_refused(wrong, message):
    views = wrong.pop("views", 2)
    with pytest.raises(InvalidInput, match=message):
        draw_views(SampleRng.of(0, 1), views, pictures(), **wrong)


def test_an_unknown_ratio_is_refused():
    with pytest.raises(InvalidInput, match="'call'; it is per 'sample' or per 'view'"):
        checked_ratio("call")


def test_operations_come_in_their_order_each_once():
    assert checked_operations(["cutout", "color", "cutout"]) == ("color", "cutout")
