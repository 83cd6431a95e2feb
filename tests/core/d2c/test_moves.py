"""Moves of latents: means of a bank, the boundary's normal, the gradient."""

import pytest
import torch
from latentsteer.core.d2c.bank import LatentBank
from latentsteer.core.d2c.bank_means import bank_mean
from latentsteer.core.d2c.moves import GradientMove, boundary_move
from latentsteer.core.errors import GeneratorMismatch, InvalidInput
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import Block, Space

from ..diffusion.gaussian import BASE, BASE_NAME, LINEAR, Exact, prior_of
from .few_shot_toys import DIM, condition_of, linear_generator

STANDARD = prior_of(Exact(LINEAR, torch.eye(DIM)), DIM, LINEAR)
SURE = condition_of((40.0, 0.0, 0.0), bias=0.0)
"""r is 0 or 1: the sign of the first number."""


def bank_of(values):
    return LatentBank(torch.as_tensor(values), BASE, BASE_NAME, "points")


def moved(move, start, strength, most=None, grid=4, way=None):
    rng = SampleRng.of(0, len(start))
    paths = move.paths(start, rng, most or strength, grid)
    assert len(paths) == move.ways
    path = paths[way or next(iter(paths))]
    return path(torch.arange(len(start)), torch.full((len(start),), strength).double())


def test_the_bank_mean_is_the_difference_of_both_means_in_their_standard_deviations():
    """Of points at +-(2, 1, 0) with noise across: a strength of 1 is their deviation along it."""
    half = torch.tensor([2.0, 1.0, 0.0])
    across = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]]).repeat(3, 1)
    values = torch.cat([half + across, -half + across])
    move = bank_mean(bank_of(values), SURE, linear_generator())
    spread = (values @ (half / half.norm())).std()
    torch.testing.assert_close(move.vectors["mean"], half / half.norm() * spread)
    start = torch.ones(2, DIM)
    torch.testing.assert_close(moved(move, start, -3.0), start - 3 * move.vectors["mean"])


def test_the_bank_mean_weights_by_r_and_its_complement():
    values = torch.randn(400, DIM, generator=torch.Generator().manual_seed(0)) + 1
    condition = condition_of((1.0, 0.5, 0.0), bias=-0.7)
    r = condition.probability(values)
    difference = (r @ values) / r.sum() - ((1 - r) @ values) / (1 - r).sum()
    move = bank_mean(bank_of(values), condition, linear_generator())
    cosine = torch.cosine_similarity(move.vectors["mean"], difference, dim=0)
    assert cosine > 1 - 1e-6


def test_for_whitened_normal_latents_the_bank_mean_is_parallel_to_the_boundary():
    values = torch.randn(4000, DIM, generator=torch.Generator().manual_seed(1))
    condition = condition_of((1.0, -2.0, 0.5), bias=-1.0)
    mean = bank_mean(bank_of(values), condition, linear_generator())
    normal = boundary_move(condition, linear_generator())
    assert torch.cosine_similarity(mean.vectors["mean"], normal.vector, dim=0) > 0.995
    torch.testing.assert_close(normal.vector.norm(), torch.tensor(1.0))
    torch.testing.assert_close(mean.vectors["mean"].norm(), torch.tensor(1.0), atol=0.05, rtol=0)


def test_classes_stay():
    space = Space((Block("z", (2,)), Block("y", (1,), role="class")))
    generator = linear_generator(space=space)
    values = torch.randn(100, DIM, generator=torch.Generator().manual_seed(2))
    condition = condition_of((1.0, 0.0, 3.0), bias=0.0)
    means = bank_mean(bank_of(values), condition, generator)
    for vector in (means.vectors["mean"], boundary_move(condition, generator).vector):
        assert vector[2] == 0
        assert vector[0] > 0
    near = moved(means, torch.zeros(1, DIM), 1.0, way="near")
    assert near[0, 2] == 0
    assert near[0, 0] > 0


def test_the_gradient_climbs_r_and_is_pulled_back_to_its_start():
    start = torch.zeros(2, DIM)
    condition = condition_of((2.0, 0.0, 0.0), bias=-2.0)

    def ended(width):
        return moved(GradientMove(condition, STANDARD, width, None), start, 8.0, grid=40)[0]

    wide, narrow = ended(100.0), ended(0.5)
    assert condition.probability(wide[None]) > 0.95
    assert condition.probability(narrow[None]) < 0.5
    # Where both slopes are equal: 2 (1 - r) = z / w^2.
    balance = 2 * (1 - condition.probability(narrow[None])) - narrow[0] / 0.25
    assert abs(float(balance)) < 1e-3
    assert wide[1:].abs().max() == narrow[1:].abs().max() == 0


def test_a_gradients_path_passes_its_steps_in_proportion():
    start = torch.zeros(1, DIM)
    move = GradientMove(condition_of(), STANDARD, 3.0)
    whole = move.paths(start, SampleRng.of(0, 1), 2.0, 4)["gradient"]

    def at(strength):
        return whole(torch.tensor([0]), torch.tensor([strength]).double())

    assert torch.equal(at(0.0), start)
    torch.testing.assert_close(at(0.75), (at(0.5) + at(1.0)) / 2)
    torch.testing.assert_close(moved(move, start, 1.0, grid=2), at(1.0))


def test_what_does_not_fit_is_refused():
    generator = linear_generator()
    values = torch.randn(50, DIM, generator=torch.Generator().manual_seed(0))
    other = condition_of(generator="c" * 64, generator_name="other")
    for make in (
        lambda c: bank_mean(bank_of(values), c, generator),
        lambda c: boundary_move(c, generator),
    ):
        with pytest.raises(GeneratorMismatch, match="of latents of 'other'"):
            make(other)
    with pytest.raises(GeneratorMismatch, match="bank holds latents of 'base'"):
        bank_mean(bank_of(values), other, linear_generator("other", "c" * 64))
    rare = condition_of((1.0, 0.0, 0.0), bias=-9.0)
    with pytest.raises(InvalidInput, match=r"50 points about 0\.\d+ show wanted.*larger bank"):
        bank_mean(bank_of(values), rare, generator)
    with pytest.raises(InvalidInput, match="means are equal"):
        bank_mean(bank_of(torch.ones(50, DIM)), condition_of(bias=0.0), generator)
    with pytest.raises(InvalidInput, match="width 0"):
        GradientMove(condition_of(), STANDARD, 0.0)
    with pytest.raises(InvalidInput, match="strength of -1"):
        moved(GradientMove(condition_of(), STANDARD), values[:1], -1.0)


def clusters(count=60):
    """Latents at z_0 = -1 or 1; those at 1 are at z_1 = 3 or -3, the others at 0."""
    noise = 0.1 * torch.randn(4 * count, DIM, generator=torch.Generator().manual_seed(5))
    places = torch.tensor([[1.0, 3.0, 0.0], [1.0, -3.0, 0.0], [-1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]])
    return noise + places.repeat_interleave(count, dim=0)


def test_modes_are_the_clusters_of_what_varies_with_the_wanted_alone():
    move = bank_mean(bank_of(clusters()), SURE, linear_generator(), modes=2)
    assert list(move.vectors) == ["mean", "mode 1", "mode 2"]
    found = sorted([move.vectors["mode 1"], move.vectors["mode 2"]], key=lambda v: float(v[1]))
    for vector, side in zip(found, (-1, 1), strict=True):
        wanted = torch.tensor([2.0, 3.0 * side, 0.0])
        assert torch.cosine_similarity(vector, wanted, dim=0) > 0.999
    assert torch.cosine_similarity(move.vectors["mean"], torch.tensor([1.0, 0, 0]), dim=0) > 0.99
    again = bank_mean(bank_of(clusters()), SURE, linear_generator(), modes=2)
    assert torch.equal(again.vectors["mode 1"], move.vectors["mode 1"])


def test_latents_that_vary_alike_have_no_modes():
    values = torch.randn(400, DIM, generator=torch.Generator().manual_seed(0))
    assert list(bank_mean(bank_of(values), SURE, linear_generator()).vectors) == ["mean"]
    few = clusters(5)
    assert list(bank_mean(bank_of(few), SURE, linear_generator()).vectors) == ["mean"]


def test_the_way_near_a_sample_leads_from_what_it_shows():
    """Two kinds of latents, told by z_2, differ from the wanted in opposite directions of z_1."""
    noise = 0.1 * torch.randn(400, DIM, generator=torch.Generator().manual_seed(6))
    places = torch.tensor([[1.0, 0, 4], [-1.0, 2, 4], [1.0, 0, -4], [-1.0, -2, -4]])
    values = noise + places.repeat_interleave(100, dim=0)
    move = bank_mean(bank_of(values), SURE, linear_generator(), modes=0, near=40)
    start = torch.tensor([[-1.0, 2.0, 4.0], [-1.0, -2.0, -4.0]])
    steps = moved(move, start, 1.0, way="near") - start
    for step, side in zip(steps, (1, -1), strict=True):
        wanted = torch.tensor([2.0, -2.0 * side, 0.0])
        assert torch.cosine_similarity(step, wanted, dim=0) > 0.99
        spread = (values @ (step / step.norm())).std()
        torch.testing.assert_close(step.norm(), spread, rtol=1e-3, atol=0)
    assert bank_mean(bank_of(values), SURE, linear_generator(), modes=0, near=0).ways == 1
    alone = moved(move, start[1:], 1.0, way="near") - start[1:]
    assert torch.equal(alone[0], steps[1])
