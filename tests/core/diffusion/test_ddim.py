"""DDIM against closed forms: laws that the exact denoiser of normal latents knows."""

import math
from itertools import pairwise

import pytest
import torch
from latentsteer.core.diffusion.ddim import clean_of, ddim, diffused, noise_of_velocity
from latentsteer.core.errors import InvalidInput
from latentsteer.core.rng import SampleRng

from .gaussian import LINEAR, SHORT, Exact, drawn

COVARIANCE = torch.tensor([[2.0, 0.6], [0.6, 0.5]], dtype=torch.float64)
MEAN = torch.tensor([1.0, -2.0], dtype=torch.float64)
EYE = torch.eye(2, dtype=torch.float64)
ORIGIN = torch.zeros(1, 2, dtype=torch.float64)


def pushed(steps, covariance=COVARIANCE, mean=MEAN):
    """Mean and covariance of the samples, exactly: for normal latents the run is an affine map."""
    exact = Exact(LINEAR, covariance, mean)
    ends = ddim(exact, LINEAR, torch.cat([ORIGIN, EYE]), LINEAR.times(steps))
    columns = ends[1:] - ends[0]
    return ends[0], columns.mT @ columns


def test_a_hundred_steps_give_the_law_of_normal_latents():
    # At T - 1 a part sqrt(4e-5) of the mean remains, which x_T ~ N(0, I) does not have.
    for steps, bound in ((100, 0.03), (1000, 0.007)):
        mean, covariance = pushed(steps)
        torch.testing.assert_close(mean, MEAN, atol=bound, rtol=0)
        torch.testing.assert_close(covariance, COVARIANCE, atol=bound, rtol=bound)


def test_steps_of_second_order_approach_the_exact_flow_faster():
    # With a normal law of deviation s the flow scales x_T by sqrt((1 - a + a s^2)) to s.
    variance = 0.3
    level = LINEAR.level(len(LINEAR) - 1).item()
    exact = (variance / (1 - level + level * variance)) ** 0.5
    network = Exact(LINEAR, variance * torch.eye(1, dtype=torch.float64))
    start = torch.ones(1, 1, dtype=torch.float64)

    def error(order, steps):
        found = ddim(network, LINEAR, start, LINEAR.times(steps), order=order)
        return abs(found.item() - exact)

    for steps in (20, 40, 80):
        assert error(2, steps) < 0.1 * error(1, steps)
    # The first and the last step are DDIM's.
    two = LINEAR.times(2)
    assert torch.equal(
        ddim(network, LINEAR, start, two, order=2), ddim(network, LINEAR, start, two)
    )


def test_each_step_turns_white_latents_by_an_angle():
    # cos(a) = sqrt(level): a step projects onto the next angle.
    _, covariance = pushed(20, EYE, torch.zeros_like(MEAN))
    angles = [math.acos(math.sqrt(LINEAR.alphas_bar[t])) for t in LINEAR.times(20)] + [0]
    expected = math.prod(math.cos(one - two) for one, two in pairwise(angles))
    torch.testing.assert_close(covariance, EYE * expected**2)


@pytest.mark.parametrize(("t", "after"), [(30, 29), (5, 4), (30, 12)])
def test_eta_one_is_the_ancestral_step_of_ddpm(t, after):
    network = drawn(3).double()
    seen = []

    def noise_of(x, on):
        seen.append(x)
        return network(x, on)

    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)).double()
    ddim(noise_of, SHORT, x, (t, after), eta=1.0, rng=SampleRng.of(1, 4))
    draw = SampleRng.of(1, 4).normal(3, like=x)
    level, next_level = SHORT.alphas_bar[t], SHORT.alphas_bar[after]
    beta = 1 - level / next_level
    x0 = clean_of(x, network(x, torch.full((4,), t)), level)
    # DDPM, eq. 6 and 7: the posterior of the next latent given x_0.
    mean = (math.sqrt(next_level) * beta * x0 + math.sqrt(1 - beta) * (1 - next_level) * x) / (
        1 - level
    )
    variance = (1 - next_level) / (1 - level) * beta
    torch.testing.assert_close(seen[1], mean + math.sqrt(variance) * draw)


def test_the_last_step_returns_the_clean_latent():
    network = drawn(3).double()
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)).double()
    found = ddim(network, SHORT, x, (7,), eta=1.0, rng=SampleRng.of(1, 4))
    noise = network(x, torch.full((4,), 7))
    torch.testing.assert_close(found, clean_of(x, noise, SHORT.alphas_bar[7]))


def test_guidance_by_a_linear_log_ratio_shifts_the_law():
    # exp(b x_0) times N(0, 1) is N(b, 1): the guided run is that of its own exact denoiser.
    slope = torch.tensor([0.7, -1.1], dtype=torch.float64)
    start = torch.cat([ORIGIN, EYE])
    times = LINEAR.times(50)
    guided = ddim(Exact(LINEAR, EYE), LINEAR, start, times, guide=lambda x0: x0 @ slope, scale=1.5)
    torch.testing.assert_close(guided, ddim(Exact(LINEAR, EYE, 1.5 * slope), LINEAR, start, times))


def test_guidance_by_a_gaussian_classifier():
    wanted, variance, scale = 1.3, 2.0, 0.8
    times = LINEAR.times(30)

    def log_ratio(x0):
        return -(x0[:, 0] - wanted).square() / (2 * variance)

    exact = Exact(LINEAR, EYE[:1, :1])
    start = torch.tensor([[0.4], [-1.0]], dtype=torch.float64)
    found = ddim(exact, LINEAR, start, times, guide=log_ratio, scale=scale)
    x = start[:, 0]
    for t, after in zip(times, (*times[1:], -1), strict=True):
        a, b = LINEAR.level(t), LINEAR.level(after)
        # White latents: x_0 = sqrt(a) x.
        pull = (wanted - a.sqrt() * x) / variance
        noise = (1 - a).sqrt() * (x - scale * a.sqrt() * pull)
        x = b.sqrt() * (x - (1 - a).sqrt() * noise) / a.sqrt() + (1 - b).sqrt() * noise
    torch.testing.assert_close(found[:, 0], x)
    plain = ddim(exact, LINEAR, start, times)
    assert ((found[:, 0] - wanted).abs() < (plain[:, 0] - wanted).abs()).all()


def test_guidance_needs_no_gradients_of_its_caller():
    with torch.inference_mode():
        start = torch.ones(2, 3)
        found = ddim(
            drawn(3), SHORT, start, SHORT.times(4), guide=lambda x0: -x0.square().sum(dim=1)
        )
    with torch.no_grad():
        again = ddim(
            drawn(3), SHORT, start, SHORT.times(4), guide=lambda x0: -x0.square().sum(dim=1)
        )
    assert torch.equal(found, again)


def test_gradients_are_those_of_finite_differences():
    network = drawn(3).double()
    rng = SampleRng.of(1, 2)
    state = rng.state()
    x = torch.randn(2, 3, generator=torch.Generator().manual_seed(0)).double().requires_grad_()

    def run(x):
        streams = rng.restored(state)
        return ddim(network, SHORT, x, SHORT.times(6), eta=0.5, rng=streams, checkpointed=True)

    assert torch.autograd.gradcheck(run, (x,), fast_mode=True)


@pytest.mark.bits
def test_checkpointed_gradients_have_the_bits_of_plain_ones():
    found = []
    for checkpointed in (True, False):
        x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
        streams = SampleRng.of(1, 4)
        end = ddim(
            drawn(3),
            SHORT,
            x,
            SHORT.times(6),
            eta=0.5,
            rng=streams,
            guide=lambda x0: -x0.square().sum(dim=1),
            checkpointed=checkpointed,
        )
        end.square().sum().backward()
        found.append((end.detach(), x.grad))
    assert all(torch.equal(one, two) for one, two in zip(*found, strict=True))


def test_velocities_and_noise_are_the_same_prediction():
    stream = torch.Generator().manual_seed(0)
    x0, noise = torch.randn(2, 5, 3, generator=stream, dtype=torch.float64)
    t = torch.tensor([0, 3, 10, 30, 39])
    x = diffused(SHORT, x0, t, noise)
    level = SHORT.level(t)[:, None]
    velocity = level.sqrt() * noise - (1 - level).sqrt() * x0
    torch.testing.assert_close(noise_of_velocity(SHORT, x, velocity, t), noise)
    torch.testing.assert_close(clean_of(x[2:3], noise[2:3], SHORT.alphas_bar[10]), x0[2:3])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"eta": 1.5}, "eta 1.5"),
        ({"eta": 0.5}, "random streams"),
        ({"scale": -1.0}, "scale -1"),
        ({"times": ()}, "at least one"),
        ({"times": (3, 3)}, "falling"),
        ({"times": (40, 0)}, "within 0 to 39"),
        ({"times": (3, -1)}, "within 0 to 39"),
    ],
)
def test_bad_input_is_refused(wrong, said):
    given = {"times": (3, 0)} | wrong
    with pytest.raises(InvalidInput, match=said):
        ddim(drawn(3), SHORT, torch.zeros(1, 3), **given)
