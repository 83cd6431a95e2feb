"""Moves of latents: means of a bank, the boundary's normal, the gradient."""

import pytest
import torch
from latentsteer.core.d2c.bank import LatentBank
from latentsteer.core.d2c.moves import GradientMove, bank_mean, boundary_move
from latentsteer.core.errors import GeneratorMismatch, InvalidInput
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import Block, Space

from .few_shot_toys import DIM, condition_of, linear_generator
from .gaussian import BASE, BASE_NAME, LINEAR, Exact, prior_of

STANDARD = prior_of(Exact(LINEAR, torch.eye(DIM)), DIM, LINEAR)
SURE = condition_of((40.0, 0.0, 0.0), bias=0.0)
"""r is 0 or 1: the sign of the first number."""


def bank_of(values):
    return LatentBank(torch.as_tensor(values), BASE, BASE_NAME, "points")


def moved(move, start, strength, most=None, grid=4):
    rng = SampleRng.of(0, len(start))
    path = move.path(start, rng, most or strength, grid)
    return path(torch.arange(len(start)), torch.full((len(start),), strength).double())


def test_the_bank_mean_is_the_difference_of_both_means_in_their_standard_deviations():
    """Of points at +-(2, 1, 0) with noise across: a strength of 1 is their deviation along it."""
    half = torch.tensor([2.0, 1.0, 0.0])
    across = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]]).repeat(3, 1)
    values = torch.cat([half + across, -half + across])
    move = bank_mean(bank_of(values), SURE, linear_generator())
    spread = (values @ (half / half.norm())).std()
    torch.testing.assert_close(move.vector, half / half.norm() * spread)
    start = torch.ones(2, DIM)
    torch.testing.assert_close(moved(move, start, -3.0), start - 3 * move.vector)


def test_the_bank_mean_weights_by_r_and_its_complement():
    values = torch.randn(400, DIM, generator=torch.Generator().manual_seed(0)) + 1
    condition = condition_of((1.0, 0.5, 0.0), bias=-0.7)
    r = condition.probability(values)
    difference = (r @ values) / r.sum() - ((1 - r) @ values) / (1 - r).sum()
    move = bank_mean(bank_of(values), condition, linear_generator())
    cosine = torch.cosine_similarity(move.vector, difference, dim=0)
    assert cosine > 1 - 1e-6


def test_for_whitened_normal_latents_the_bank_mean_is_parallel_to_the_boundary():
    values = torch.randn(4000, DIM, generator=torch.Generator().manual_seed(1))
    condition = condition_of((1.0, -2.0, 0.5), bias=-1.0)
    mean = bank_mean(bank_of(values), condition, linear_generator())
    normal = boundary_move(condition, linear_generator())
    assert torch.cosine_similarity(mean.vector, normal.vector, dim=0) > 0.995
    torch.testing.assert_close(normal.vector.norm(), torch.tensor(1.0))
    torch.testing.assert_close(mean.vector.norm(), torch.tensor(1.0), atol=0.05, rtol=0)


def test_classes_stay():
    space = Space((Block("z", (2,)), Block("y", (1,), role="class")))
    generator = linear_generator(space=space)
    values = torch.randn(100, DIM, generator=torch.Generator().manual_seed(2))
    condition = condition_of((1.0, 0.0, 3.0), bias=0.0)
    for move in (
        bank_mean(bank_of(values), condition, generator),
        boundary_move(condition, generator),
    ):
        assert move.vector[2] == 0
        assert move.vector[0] > 0


def test_the_gradient_climbs_r_and_is_pulled_back_to_its_start():
    start = torch.zeros(2, DIM)
    condition = condition_of((2.0, 0.0, 0.0), bias=-2.0)

    def ended(width):
        return moved(GradientMove(condition, STANDARD, width, None), start, 8.0, grid=80)[0]

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
    whole = move.path(start, SampleRng.of(0, 1), 2.0, 4)

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
