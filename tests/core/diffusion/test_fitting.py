"""Training of a diffusion prior."""

import math
import threading
from dataclasses import replace

import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.diffusion.denoisers import UNetDenoiser
from latentsteer.core.diffusion.fitting import LatentOwner, fit_prior
from latentsteer.core.diffusion.loop import PriorLoop, drawn_times
from latentsteer.core.diffusion.noise_error import gaussian_denoiser, noise_error
from latentsteer.core.diffusion.recipe import DenoiserSizes, PriorTraining
from latentsteer.core.diffusion.schedule import NoiseSchedule
from latentsteer.core.errors import Diverged, InvalidInput, ResumeMismatch
from latentsteer.core.pairs.processes import Processes
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import Block, Space
from latentsteer.core.translators.progress import TrainingFile, TrainingFolder

from .gaussian import LINEAR, SHORT, Exact, drawn

FLAT = LatentOwner("b" * 64, "base", Space((Block("z", (2,)),)), "a licence")
TINY = DenoiserSizes("residual", 8, 1, 0, 4, 4)
BRIEF = PriorTraining(steps=12, batch_size=8, warm_up=4, ema=0.5)


def normal(rows, dim=2, seed=0):
    return torch.randn(rows, dim, generator=torch.Generator().manual_seed(seed))


def clusters(rows, seed=0):
    """Two narrow clusters on a diagonal."""
    stream = torch.Generator().manual_seed(seed)
    sides = torch.randint(2, (rows, 1), generator=stream) * 2.0 - 1
    return 5 + sides * torch.tensor([3.0, -3.0]) + 0.3 * torch.randn(rows, 2, generator=stream)


def weights(prior):
    return prior.network.state_dict()


def same(one, other):
    own, theirs = weights(one), weights(other)
    return all(torch.equal(own[name], theirs[name]) for name in own)


@pytest.mark.parametrize("predicts", ["velocity", pytest.param("noise", marks=pytest.mark.slow)])
def test_a_prior_learns_what_no_normal_law_is(predicts):
    training = PriorTraining(
        steps=200, batch_size=128, learning_rate=1e-2, warm_up=20, ema=0.97, predicts=predicts
    )
    sizes = DenoiserSizes("residual", 32, 1, 0, 16, 16)
    prior, errors = fit_prior(clusters(2000), FLAT, training, sizes=sizes, schedule=SHORT, seed=0)
    assert errors.prior < 0.8 * errors.gaussian
    assert (errors.held_out, errors.trained) == (100, 1900)
    z = prior.sample(SampleRng.of(0, 64), torch.zeros(()), steps=20)
    near = [(z - 5 - side * torch.tensor([3.0, -3.0])).norm(dim=1) < 1.5 for side in (1, -1)]
    # A normal law with these moments has 0.4 of its draws there.
    assert (near[0] | near[1]).float().mean() > 0.8
    assert 12 < near[0].sum() < 52
    assert prior.licence == "a licence"


def test_the_error_of_a_normal_law_is_that_of_its_exact_denoiser():
    z = normal(500, 3) @ torch.tensor([[1.0, 0.0, 0.0], [0.8, 0.5, 0.0], [0.0, 0.3, 2.0]])
    covariance = torch.cov(z.double().mT, correction=0).float()
    exact = Exact(LINEAR, covariance, z.mean(dim=0))
    found = noise_error(gaussian_denoiser(z, LINEAR), LINEAR, z)
    assert found == pytest.approx(noise_error(exact, LINEAR, z), rel=1e-4)
    # Of white latents the mean squared error is the level itself.
    white = normal(1000, 3)
    times = [round(999 * (n + 0.5) / 16) for n in range(16)]
    expected = sum(LINEAR.alphas_bar[t] for t in times) / 16
    error = noise_error(Exact(LINEAR, torch.eye(3)), LINEAR, white)
    assert error == pytest.approx(expected, rel=0.05)


def test_an_untrained_velocity_is_the_normal_law():
    training = replace(BRIEF, steps=1, learning_rate=1e-12, whitening="matrix")
    _, errors = fit_prior(clusters(500), FLAT, training, sizes=TINY, seed=0)
    assert errors.prior == pytest.approx(errors.gaussian, rel=1e-3)


@pytest.fixture(scope="module")
def whole():
    return fit_prior(normal(100), FLAT, BRIEF, sizes=TINY, seed=3)[0]


@pytest.mark.bits
@pytest.mark.parametrize("stops", [(1,), (5, 7), (11,)])
def test_an_interrupted_training_ends_with_the_same_bits(stops, tmp_path, whole):
    path = tmp_path / "state.safetensors"
    seen = []
    for stop in (*stops, None):

        def report(done, loss, stop=stop):
            seen.append(done)
            if done == stop:
                raise KeyboardInterrupt

        def run(report=report):
            return fit_prior(
                normal(100),
                FLAT,
                BRIEF,
                sizes=TINY,
                seed=3,
                report=report,
                progress=TrainingFile(path),
            )[0]

        if stop is None:
            assert same(run(), whole)
        else:
            with pytest.raises(KeyboardInterrupt):
                run()
            assert checkpoints.read(path).config["done"] == stop
    assert seen[-1] == 12
    assert len(seen) == 12 + len(stops)


def test_a_folder_keeps_only_unfinished_trainings(tmp_path, whole):
    stopped = []
    kept = TrainingFolder(tmp_path, on_stop=stopped.append)

    def stop(done, loss):
        if done == 5:
            raise KeyboardInterrupt

    options = {"sizes": TINY, "seed": 3, "progress": kept}
    with pytest.raises(KeyboardInterrupt):
        fit_prior(normal(100), FLAT, BRIEF, report=stop, **options)
    assert [path.exists() for path in stopped] == [True]
    assert same(fit_prior(normal(100), FLAT, BRIEF, **options)[0], whole)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seed": 4}, "seed: 3 then, 4 now"),
        ({"training": replace(BRIEF, ema=0.9)}, "training.ema: 0.5 then, 0.9 now"),
        ({"latents": normal(100, seed=1)}, "latents: "),
        ({"schedule": SHORT}, "levels: "),
        ({"sizes": replace(TINY, width=6)}, "network.inwards.weight"),
    ],
)
def test_another_training_does_not_resume(changes, said, tmp_path):
    given = {"latents": normal(100), "training": BRIEF, "sizes": TINY, "seed": 3}
    file = TrainingFile(tmp_path / "state.safetensors")
    fit_prior(owner=FLAT, progress=file, **given)
    with pytest.raises(ResumeMismatch, match=said):
        fit_prior(owner=FLAT, progress=file, **given | changes)


def test_the_file_of_a_translators_training_is_refused(tmp_path):
    path = tmp_path / "state.safetensors"
    checkpoints.write(path, {"x": torch.zeros(1)}, {"what": "translator training"})
    with pytest.raises(ResumeMismatch, match="holds a translator training, not a diffusion prior"):
        fit_prior(normal(100), FLAT, BRIEF, sizes=TINY, seed=3, progress=TrainingFile(path))


def test_averaged_weights_are_kept():
    """By hand from the weights after each update."""
    network, averages = drawn(2), []
    loop = PriorLoop(network, normal(50), LINEAR, BRIEF, 0)
    mean = {name: weight.detach().clone() for name, weight in network.named_parameters()}
    for step, _ in enumerate(loop.batches_left()):
        keep = min(0.5, (1 + step) / (10 + step))
        for name, weight in network.named_parameters():
            mean[name] = keep * mean[name] + (1 - keep) * weight.detach()
        averages.append(keep)
    assert averages[0] == 0.1
    end = loop.finish().state_dict()
    for name, weight in mean.items():
        torch.testing.assert_close(end[name], weight)


def test_the_rate_rises_and_falls():
    training = PriorTraining(steps=100, warm_up=10, learning_rate=2.0)
    rates = [training.rate(done) for done in range(100)]
    assert rates[:10] == pytest.approx([0.2 * n for n in range(1, 11)])
    assert rates[55] == pytest.approx(1.0)
    assert rates[99] == pytest.approx(2 * 0.5 * (1 + math.cos(math.pi * 89 / 90)))
    steady = replace(training, decay="none", warm_up=0)
    assert {steady.rate(done) for done in (0, 50, 99)} == {2.0}


def test_min_snr_weighs_both_predictions_alike():
    """The loss of a denoiser that predicts zero latents, in closed form."""

    class Zero(torch.nn.Module):
        """Predicts x_0 = 0 as noise or velocity."""

        def __init__(self, predicts):
            super().__init__()
            self.dummy, self.predicts = torch.nn.Parameter(torch.zeros(1)), predicts

        def forward(self, x, t):
            level = LINEAR.level(t).to(x)[:, None]
            noise = x / (1 - level).sqrt()
            return (noise if self.predicts == "noise" else level.sqrt() * noise) + 0 * self.dummy

    white = normal(64)
    times = torch.arange(64) * 15
    level = LINEAR.level(times)
    snr = level / (1 - level)
    expected = (white.square().mean(dim=1) * snr.clamp_max(5)).mean().float()
    for predicts in ("noise", "velocity"):
        training = replace(BRIEF, predicts=predicts, weighting="min-snr")
        loop = PriorLoop(Zero(predicts), white, LINEAR, training, 0)
        found = loop._loss(torch.arange(64), times, normal(64, seed=1))
        torch.testing.assert_close(found.detach(), expected, rtol=1e-3, atol=0)


def test_times_are_drawn_as_named():
    stream = torch.Generator().manual_seed(0)
    found = {
        times: drawn_times(10, replace(BRIEF, times=times), SHORT, stream)
        for times in ("uniform", "antithetic", "stratified")
    }
    assert all(t.min() >= 0 and t.max() < 40 and len(t) == 10 for t in found.values())
    assert (found["stratified"] // 4).tolist() == list(range(10))
    pairs = found["antithetic"]
    assert (pairs[:4] + pairs[6:]).tolist() == [39] * 4
    assert len(found["uniform"].unique()) > 4


class Pair(Processes):
    """One of two processes that are threads."""

    def together(self, shared, barrier):
        object.__setattr__(self, "shared", shared)
        object.__setattr__(self, "barrier", barrier)
        return self

    def exchanged(self, value):
        self.shared[self.rank] = value
        self.barrier.wait()
        both = list(self.shared)
        self.barrier.wait()
        return both

    def gathered(self, value):
        return self.exchanged(value)

    def summed(self, numbers):
        return sum(self.exchanged(numbers.clone()))


def test_two_processes_train_as_one(whole):
    shared, barrier, found = [None, None], threading.Barrier(2), [None, None]

    def run(rank):
        own = Pair(rank, 2).together(shared, barrier)
        with torch.inference_mode(False):
            found[rank] = fit_prior(normal(100), FLAT, BRIEF, sizes=TINY, seed=3, processes=own)[0]

    threads = [threading.Thread(target=run, args=(rank,)) for rank in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert same(*found)
    for name, weight in weights(whole).items():
        torch.testing.assert_close(weights(found[0])[name], weight, rtol=1e-4, atol=1e-5)


def test_a_grid_gets_a_unet():
    grid = LatentOwner("b" * 64, "base", Space((Block("z", (2, 4, 4)),)))
    training = replace(BRIEF, steps=2, whitening="channels", bf16=True)
    sizes = DenoiserSizes(width=4, time=4)
    prior, errors = fit_prior(normal(20, 32), grid, training, sizes=sizes, seed=0)
    assert isinstance(prior.network, UNetDenoiser)
    assert math.isfinite(errors.prior)
    wide = DenoiserSizes(width=4, time=4).network(Space((Block("z", (1, 32, 16)),)), 0)
    assert len(wide.down) == 3


def test_a_loss_that_is_not_finite_ends_the_training(tmp_path):
    path = tmp_path / "state.safetensors"
    training = replace(BRIEF, learning_rate=1e30, warm_up=0, clip=None)
    with pytest.raises(Diverged, match="Lower the learning rate"):
        fit_prior(normal(50), FLAT, training, sizes=TINY, seed=0, progress=TrainingFile(path))


@pytest.mark.parametrize(
    ("latents", "said"),
    [
        (normal(1), "at least 2"),
        (normal(5, 3), r"expected \[rows, 2\]"),
        (torch.full((5, 2), float("nan")), "5 of 5 latents"),
    ],
)
def test_bad_latents_are_refused(latents, said):
    with pytest.raises(InvalidInput, match=said):
        fit_prior(latents, FLAT, BRIEF, sizes=TINY, seed=0)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"steps": 0}, "steps 0"),
        ({"batch_size": 0}, "batch_size 0"),
        ({"warm_up": -1}, "warm_up -1"),
        ({"learning_rate": 0.0}, "learning_rate 0"),
        ({"learning_rate": math.nan}, "learning_rate nan"),
        ({"clip": 0.0}, "clip 0"),
        ({"ema": 1.0}, "ema 1"),
        ({"held_out": 0.6}, "held_out 0.6"),
    ],
)
def test_settings_out_of_range_are_refused(wrong, said):
    with pytest.raises(InvalidInput, match=said):
        PriorTraining(**wrong)


def test_networks_that_do_not_fit_are_refused():
    with pytest.raises(InvalidInput, match="channels x height x width"):
        fit_prior(normal(9), FLAT, BRIEF, sizes=DenoiserSizes("unet"), seed=0)
    with pytest.raises(InvalidInput, match="Start fewer processes"):
        PriorLoop(drawn(2), normal(9), NoiseSchedule.linear(), BRIEF, 0, Processes(0, 9))
