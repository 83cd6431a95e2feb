"""The diffusion's term and its gradient; the statistics of latents; one step of a training."""

import threading
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from latentsteer.core.d2c.training.joint import (
    LatentStatistics,
    antithetic_times,
    diffusion_term,
    gradient_times,
)
from latentsteer.core.d2c.training.networks import D2CNetworks, StreamDropout
from latentsteer.core.d2c.training.steps import Batch, StepMaker
from latentsteer.core.diffusion.schedule import NoiseSchedule
from latentsteer.core.errors import InvalidInput
from latentsteer.core.pairs.processes import ALONE, Processes
from latentsteer.core.rng import stream_of

from . import tiny

BATCH = Batch(tuple(range(4)), "first 0")


def made(processes=ALONE, seed=3, dtype=torch.float64, **changes):
    configuration = tiny.configuration(**{"parts": 2, **changes})
    networks = D2CNetworks(configuration, seed).to(dtype)
    images = Exact(tiny.images()) if dtype is torch.float64 else tiny.images()
    return networks, StepMaker(networks, images, configuration, seed, processes)


class Exact:
    """Images in float64."""

    def __init__(self, images):
        self.images, self.resolution = images, images.resolution
        self.digest = images.digest

    def __len__(self):
        return len(self.images)

    def read(self, numbers):
        return self.images.read(numbers).double()


def gradients(network):
    return torch.cat(
        [
            (torch.zeros_like(w) if w.grad is None else w.grad).flatten()
            for w in network.parameters()
        ]
    )


def test_gradients_pass_multiplied_and_values_unchanged():
    x = torch.tensor([0.1, -3.0], requires_grad=True)
    y = gradient_times(x, 0.25)
    assert torch.equal(y, x)
    y.square().sum().backward()
    assert torch.equal(x.grad, 0.25 * 2 * x.detach())
    assert not gradient_times(x, 0.0).requires_grad


def test_the_error_of_the_noise_of_a_perfect_and_a_silent_denoiser():
    schedule = NoiseSchedule.linear(steps=20)
    times = torch.tensor([0, 7, 19])
    stream = torch.Generator().manual_seed(0)
    z, noise = torch.randn(2, 3, 2, 4, 4, generator=stream).double()

    def perfect(x, t):
        level = schedule.level(t)[:, None, None, None]
        return (x - level.sqrt() * z) / (1 - level).sqrt()

    assert diffusion_term(perfect, z, schedule, times, noise).abs().max() < 1e-20
    silent = diffusion_term(lambda x, t: torch.zeros_like(x), z, schedule, times, noise)
    torch.testing.assert_close(silent, noise.square().sum((1, 2, 3)))


def test_times_come_in_pairs_that_cover_all():
    times = antithetic_times(7, 1000, stream_of(0))
    assert len(times) == 7
    assert torch.equal(times[4:], 999 - times[:3])
    assert len(antithetic_times(4, 5, stream_of(0))) == 4
    drawn = torch.cat([antithetic_times(100, 10, stream_of(n)) for n in range(20)])
    assert drawn.bincount(minlength=10).min() > 100
    assert len(drawn.unique()) == 10


def test_statistics_standardise_by_the_batch_then_by_all():
    statistics = LatentStatistics(2)
    z = torch.randn(6, 2, 4, 4, generator=torch.Generator().manual_seed(0)) * 5 + 3
    white = statistics(z)
    variance, mean = torch.var_mean(white, (0, 2, 3), correction=0)
    torch.testing.assert_close(mean, torch.zeros(2), atol=1e-6, rtol=0)
    torch.testing.assert_close(variance, torch.ones(2), atol=1e-5, rtol=0)
    statistics.eval().measure(z.split(4))
    torch.testing.assert_close(statistics(z), white, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(statistics.restored(statistics(z)), z)


def test_shrinking_the_latents_does_not_lower_the_diffusions_term():
    z = torch.randn(4, 2, 3, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    weights = torch.randn(4, 2, 3, 3, generator=torch.Generator().manual_seed(1))
    (LatentStatistics(2)(z) * weights).square().sum().backward()
    along = (z.grad * z.detach()).sum((0, 2, 3)).abs()
    assert (along < 1e-4 * (z.grad.abs() * z.detach().abs()).sum((0, 2, 3))).all()


def test_the_diffusion_reaches_the_encoder_by_its_weight_and_its_own_network_whole():
    """The encoder's gradient is linear in the weight; the denoiser's does not depend on it."""
    found = {}
    for weight in (0.0, 1.0, 3.0):
        networks, step = made(diffusion_weight=weight, contrastive_weight=0.0)
        step.autoencoder_step(BATCH)
        found[weight] = gradients(networks.autoencoder), gradients(networks.denoiser)
    (none, own), (once, same), (thrice, again) = found.values()
    reached = once - none
    assert reached.norm() > 1e-3 * none.norm()
    torch.testing.assert_close(thrice - none, 3 * reached, rtol=1e-6, atol=1e-9)
    assert own.norm() > 0
    assert torch.equal(own, same)
    assert torch.equal(own, again)


def test_the_first_of_two_stages_trains_no_diffusion_and_the_second_nothing_else():
    networks, step = made(**{**vars(tiny.TWO_STAGE), "parts": 2})
    losses = step.autoencoder_step(BATCH)
    assert losses.diffusion is None
    assert losses.reconstruction
    assert losses.contrastive
    assert gradients(networks.denoiser).norm() == 0
    networks.zero_grad()
    before = [buffer.clone() for buffer in networks.autoencoder.buffers()]
    losses = step.diffusion_step(replace(BATCH, name="second 0"))
    assert losses.diffusion
    assert losses.reconstruction is None
    assert gradients(networks.denoiser).norm() > 0
    assert gradients(networks.autoencoder).norm() == 0
    assert all(map(torch.equal, before, networks.autoencoder.buffers()))


def test_a_step_moves_the_momentum_encoder_and_pushes_its_keys():
    networks, step = made()
    with torch.no_grad():
        networks.autoencoder.stem.bias.add_(1.0)
    before, queue = networks.follower.stem.bias.clone(), networks.queue.queue.clone()
    step.autoencoder_step(BATCH)
    torch.testing.assert_close(networks.follower.stem.bias, before + 0.5)
    assert int(networks.queue.queue_ptr) == 4
    assert torch.equal(networks.queue.queue[:, 4:], queue[:, 4:])
    torch.testing.assert_close(
        networks.queue.queue[:, :4].norm(dim=0), torch.ones(4).double(), rtol=1e-6, atol=0
    )


@dataclass(frozen=True)
class Thread(Processes):
    """A process that is a thread of this one."""

    meeting: Any = None

    def summed(self, numbers):
        slots, barrier = self.meeting
        slots[self.rank] = numbers
        barrier.wait(60)
        total = sum(slots)
        barrier.wait(60)
        return total


def test_two_processes_make_the_step_of_one():
    networks, step = made()
    losses = step.autoencoder_step(BATCH)
    meeting = ([None, None], threading.Barrier(2))
    pair = [made(Thread(rank, 2, meeting)) for rank in range(2)]
    shared = [None, None]

    def work(rank):
        shared[rank] = pair[rank][1].autoencoder_step(BATCH)

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for (own, _), found in zip(pair, shared, strict=True):
        assert vars(found) == pytest.approx(vars(losses), rel=1e-6)
        for name in ("autoencoder", "denoiser"):
            torch.testing.assert_close(
                gradients(getattr(own, name)), gradients(getattr(networks, name)),
                rtol=1e-5, atol=1e-8,
            )  # fmt: skip
        for name, buffer in networks.named_buffers():
            torch.testing.assert_close(own.get_buffer(name), buffer, rtol=1e-6, atol=1e-7)


def test_more_processes_than_parts_are_refused():
    with pytest.raises(InvalidInput, match="3 processes for batches of 2 parts"):
        made(Processes(0, 3))


def test_dropout_draws_from_its_stream_and_keeps_the_mean():
    dropout = StreamDropout(0.25)
    x = torch.ones(20_000)
    found = []
    for _ in range(2):
        dropout.stream = stream_of(1)
        found.append(dropout(x))
    assert torch.equal(*found)
    assert sorted(set(found[0].tolist())) == pytest.approx([0, 4 / 3])
    assert float(found[0].mean()) == pytest.approx(1, abs=0.02)
    assert torch.equal(dropout.eval()(x), x)
