"""Noise levels and times of a diffusion."""

import math

import numpy as np
import pytest
import torch
from latentsteer.core.diffusion.schedule import NoiseSchedule
from latentsteer.core.errors import InvalidInput


def test_the_linear_schedule_is_that_of_ddpm():
    schedule = NoiseSchedule.linear()
    levels = np.array(schedule.alphas_bar)
    assert len(schedule) == 1000
    assert levels[0] == 1 - 1e-4
    betas = 1 - levels[1:] / levels[:-1]
    np.testing.assert_allclose(betas[-1], 2e-2, rtol=1e-9)
    np.testing.assert_allclose(np.diff(betas), np.diff(betas)[0], rtol=1e-6)
    assert schedule.level(50).item() == pytest.approx(0.970, abs=5e-4)


def test_the_cosine_schedule_is_that_of_nichol_and_dhariwal():
    schedule = NoiseSchedule.cosine(200)
    for t in (0, 17, 150):
        at = [math.cos((n / 200 + 0.008) / 1.008 * math.pi / 2) ** 2 for n in (t + 1, 0)]
        assert schedule.alphas_bar[t] == pytest.approx(at[0] / at[1], rel=1e-9)
    assert 1 - schedule.alphas_bar[-1] / schedule.alphas_bar[-2] == pytest.approx(0.999)


def test_levels_of_times():
    schedule = NoiseSchedule.linear()
    found = schedule.level(torch.tensor([-1, 0, 999]))
    expected = [1.0, schedule.alphas_bar[0], schedule.alphas_bar[-1]]
    assert found.tolist() == expected
    assert [schedule.level(t).item() for t in (-1, 0, 999)] == expected


def test_times_fall_from_the_last_to_the_first():
    schedule = NoiseSchedule.linear(steps=40)
    for steps in range(2, 41):
        times = schedule.times(steps)
        assert (len(times), times[0], times[-1]) == (steps, 39, 0)
        gaps = -np.diff(times)
        assert gaps.min() >= 1
        assert gaps.max() - gaps.min() <= 1
    assert schedule.times(40) == tuple(range(39, -1, -1))
    assert schedule.times(1) == (39,)
    assert NoiseSchedule.linear().times(2, start=50) == (50, 0)


def test_the_official_times():
    schedule = NoiseSchedule.linear()
    assert schedule.every(1) == schedule.times(1000)
    times = schedule.every(10)
    assert len(times) == 101
    assert times[:3] == (999, 990, 980)
    assert times[-1] == 0


@pytest.mark.parametrize("levels", [(), (0.5,), (0.5, 0.5), (0.5, 0.6), (1.0, 0.5), (0.5, 0.0)])
def test_levels_that_do_not_fall_are_refused(levels):
    with pytest.raises(InvalidInput, match="fall strictly"):
        NoiseSchedule(levels)


def test_times_out_of_range_are_refused():
    schedule = NoiseSchedule.linear(steps=40)
    for steps, start in ((0, None), (41, None), (12, 10), (2, 40), (1, -1)):
        with pytest.raises(InvalidInput, match=r"expected 1 to|times 0 to 39"):
            schedule.times(steps, start)
    with pytest.raises(InvalidInput, match="at least 1"):
        schedule.every(0)
