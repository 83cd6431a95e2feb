"""Langevin dynamics on Gaussian energies, against the distributions of the chain."""

import numpy as np
import pytest
import torch
from latentsteer.core.errors import InvalidInput
from latentsteer.core.refine.kernel import descend, gradient
from latentsteer.core.refine.rules import Langevin
from latentsteer.core.refine.schedule import Schedule
from latentsteer.core.rng import SampleRng
from scipy.linalg import solve_discrete_lyapunov

ROWS, PAIRS = 10, 1000
CHAINS = ROWS * PAIRS
"""Independent chains of two coordinates."""
ERROR = (2 / CHAINS) ** 0.5
"""The standard error of a variance, relative to it."""
CENTRE = torch.tensor([0.5, -0.3], dtype=torch.float64)
MARGIN = 4.5
"""Standard errors; a correct chain exceeds them once in 150,000 numbers."""


def energy_of(precision, toys):
    def evaluate(v):
        away = v.reshape(-1, PAIRS, 2) - CENTRE
        return 0.5 * (away @ precision * away).sum(dim=(1, 2))

    return toys.energy_of(evaluate, toys.vectors(2 * PAIRS))


def ends_of(rule, precision, steps, toys):
    """Returns the points of CHAINS independent chains from the origin after some steps."""
    kernel = descend(gradient(energy_of(precision, toys)), rule)
    state = kernel.init(torch.zeros(ROWS, 2 * PAIRS, dtype=torch.float64))
    rng = SampleRng.of(11, ROWS, "langevin")
    for _ in range(steps):
        state, _ = kernel.step(state, rng)
    return state.position.reshape(CHAINS, 2)


def assert_law(points, mean, covariance):
    """Asserts that sample moments are within MARGIN standard errors of a Gaussian's."""
    variances = covariance.diagonal()
    error = (points.mean(dim=0) - mean).abs() / (variances / CHAINS).sqrt()
    assert error.max() < MARGIN, f"mean off by {error.tolist()} standard errors"
    # The variance of a sample covariance: (s_ii s_jj + s_ij^2) / n.
    spread = ((torch.outer(variances, variances) + covariance.square()) / CHAINS).sqrt()
    error = (points.T.cov() - covariance).abs() / spread
    assert error.max() < MARGIN, f"covariance off by {error.tolist()} standard errors"


@pytest.mark.parametrize("step_size", [0.02, 0.1])
def test_without_momentum_each_eigendirection_is_an_autoregression(step_size, toys):
    beta, slopes = 5.0, torch.tensor([1.0, 4.0], dtype=torch.float64)
    rule = Langevin(step_size=step_size, inverse_temperature=beta, momentum=0)
    points = ends_of(rule, slopes.diag(), 150, toys)
    decay = 1 - beta * step_size * slopes / 2
    assert bool((decay.abs() ** 150 < 1e-3).all())
    assert_law(points, CENTRE, (step_size / (1 - decay.square())).diag())


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_with_momentum_the_covariance_solves_the_discrete_lyapunov_equation(momentum, toys):
    beta, step_size = 2.0, 0.1
    precision = torch.tensor([[2.0, 0.8], [0.8, 1.0]], dtype=torch.float64)
    gain = beta * step_size / 2
    a, one = precision.numpy(), np.eye(2)
    # (z, v) -> ((1 - gain A) z - gain m v + noise, A z + m v), about the centre.
    transition = np.block([[one - gain * a, -gain * momentum * one], [a, momentum * one]])
    assert np.abs(np.linalg.eigvals(transition)).max() ** 200 < 1e-3
    noise = np.diag([step_size, step_size, 0, 0])
    covariance = torch.from_numpy(solve_discrete_lyapunov(transition, noise))[:2, :2]
    rule = Langevin(step_size=step_size, inverse_temperature=beta, momentum=momentum)
    assert_law(ends_of(rule, precision, 200, toys), CENTRE, covariance)


def test_small_steps_sample_the_boltzmann_law(toys):
    beta, step_size = 3.0, 0.008
    precision = torch.tensor([[2.0, 0.3], [0.3, 1.5]], dtype=torch.float64)
    slopes = torch.linalg.eigvalsh(precision)
    # The chain's own variance is larger by beta lambda a / 4, less than a standard error.
    assert (beta * step_size * slopes / 4).max() < ERROR
    assert (1 - beta * step_size * slopes / 2).max() ** 350 < 0.005
    rule = Langevin(step_size=step_size, inverse_temperature=beta, momentum=0)
    assert_law(ends_of(rule, precision, 350, toys), CENTRE, (beta * precision).inverse())


def test_momentum_multiplies_the_gain_on_a_constant_gradient(toys):
    pull = toys.energy_of(lambda v: 3 * v.sum(dim=1), toys.vectors(2))
    rule = Langevin(
        step_size=0.1,
        inverse_temperature=2,
        momentum=0.8,
        noise_schedule=toys.schedule(lambda step: 0.0),
    )
    kernel = descend(gradient(pull), rule)
    state = kernel.init(torch.zeros(1, 2, dtype=torch.float64))
    rng = SampleRng.of(0, 1)
    for _ in range(200):
        before = state.position
        state, _ = kernel.step(state, rng)
    expected = -(2 * 0.1 / 2) * 3 / (1 - 0.8)
    torch.testing.assert_close(state.position - before, torch.full_like(before, expected))


def test_schedules_scale_the_step_and_the_noise_apart(toys):
    flat = toys.energy_of(lambda v: 0 * v.sum(dim=1), toys.vectors(3))
    start = torch.zeros(1, 3, dtype=torch.float64)

    def walked(**schedules):
        rule = Langevin(step_size=0.04, inverse_temperature=1, momentum=0, **schedules)
        kernel = descend(gradient(flat), rule)
        state, rng = kernel.init(start), SampleRng.of(7, 1)
        steps = []
        for _ in range(3):
            following, _ = kernel.step(state, rng)
            steps.append(following.position - state.position)
            state = following
        return steps

    plain = walked()
    quartered = walked(step_schedule=Schedule("linear", 3, 0.25))
    halved = walked(noise_schedule=Schedule("linear", 3, 0.5))
    draws = SampleRng.of(7, 1)
    for index, step in enumerate(plain):
        torch.testing.assert_close(step, 0.2 * draws.normal(3, like=start))
        factor = (1, 0.625, 0.25)[index]
        torch.testing.assert_close(quartered[index], step * factor**0.5)
        torch.testing.assert_close(halved[index], step * (1, 0.75, 0.5)[index])


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"step_size": 0.0}, "lambda"),
        ({"step_size": float("nan")}, "lambda"),
        ({"inverse_temperature": -1.0}, "beta"),
        ({"momentum": 1.0}, "momentum"),
        ({"momentum": -0.1}, "momentum"),
    ],
)
def test_numbers_out_of_range_are_refused(wrong, name):
    with pytest.raises(InvalidInput, match=name):
        Langevin(**{"inverse_temperature": 1.0} | wrong)
