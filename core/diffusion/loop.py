"""The training loop of a diffusion prior, which stops and resumes between two updates."""

import contextlib
import math
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ..checkpoints.record import Checkpoint
from ..errors import Diverged, InvalidInput
from ..pairs.processes import ALONE, Processes
from ..rng import stream_of
from ..translators.distributed import backward, own_rows
from ..translators.progress import digest
from ..translators.state import restore_training, training_tensors
from .ddim import diffused
from .recipe import PriorTraining
from .schedule import NoiseSchedule

__all__ = ["PriorLoop", "drawn_times"]

AVERAGES, DRAWS = "averages.", "draws"
MOST_SNR = 5.0
"""gamma of the min-SNR weighting."""


def drawn_times(
    count: int, training: PriorTraining, schedule: NoiseSchedule, stream: torch.Generator
) -> Int[Tensor, " batch"]:
    """Draws the times of a batch, on the CPU.

    Args:
        count: rows of the batch.
        training: how they are drawn.
        schedule: noise levels.
        stream: stream of the training.
    """
    size = len(schedule)
    if training.times == "stratified":
        part = torch.arange(count, dtype=torch.float64)
        part = (part + torch.rand(count, generator=stream, dtype=torch.float64)) / count
        return (part * size).long().clamp_max(size - 1)
    if training.times == "antithetic":
        half = torch.randint(size, (count // 2 + 1,), generator=stream)
        return torch.cat([half, size - 1 - half])[:count]
    return torch.randint(size, (count,), generator=stream)


class PriorLoop:
    """A training between two updates: weights, their averages, optimiser and stream.

    Args:
        network: denoiser to train in place.
        white: whitened latents, on the CPU.
        schedule: noise levels.
        training: hyperparameters.
        seed: seed of all draws.
        processes: processes that share the batches.

    Raises:
        InvalidInput: batches have fewer latents than there are processes.
    """

    what = "diffusion prior training"

    def __init__(
        self,
        network: nn.Module,
        white: Float[Tensor, "rows dim"],
        schedule: NoiseSchedule,
        training: PriorTraining,
        seed: int,
        processes: Processes = ALONE,
    ) -> None:
        if training.batch_size < processes.size:
            raise InvalidInput(
                f"Batches of {training.batch_size} latents for {processes.size} processes: each "
                "needs at least 1. Start fewer processes, or raise batch_size."
            )
        self.network, self.training, self.schedule = network, training, schedule
        self.seed, self.processes, self.host = seed, processes, white
        network.train().requires_grad_(True)
        self.weights = list(network.parameters())
        self.device = self.weights[0].device
        self.white = white.to(self.device)
        self.averages = [weight.detach().clone() for weight in self.weights]
        fused = self.device.type in ("cpu", "cuda")
        self.optimiser = torch.optim.Adam(
            self.weights, lr=training.learning_rate, fused=fused or None
        )
        self.draws = stream_of(seed, "diffusion")
        self.done = 0
        self.drawn = self.draws.get_state()
        self.stepping = False

    def settings(self) -> dict[str, object]:
        """Returns everything that the result depends on, for the training's file."""
        shapes = {name: list(w.shape) for name, w in self.network.named_parameters()}
        return {
            "network": {"kind": type(self.network).__name__, **shapes},
            "training": asdict(self.training),
            "seed": self.seed,
            "latents": digest(self.host),
            "levels": digest(torch.tensor(self.schedule.alphas_bar, dtype=torch.float64)),
        }

    def state(self) -> tuple[dict[str, Tensor], dict[str, object]]:
        """Returns where the training is, for its file."""
        tensors = training_tensors(self.network, self.optimiser)
        names = [name for name, _ in self.network.named_parameters()]
        averages = zip(names, self.averages, strict=True)
        tensors |= {f"{AVERAGES}{name}": tensor for name, tensor in averages}
        return {**tensors, DRAWS: self.drawn}, {"done": self.done}

    def restore(self, held: Checkpoint) -> None:
        """Sets the training to the state in its file; see `Resumed`."""
        names = [name for name, _ in self.network.named_parameters()]
        averages = [held.tensors[f"{AVERAGES}{name}"] for name in names]
        done, drawn = int(held.config["done"]), held.tensors[DRAWS]
        self.draws.set_state(drawn)
        restore_training(self.network, self.optimiser, held.tensors)
        for own, tensor in zip(self.averages, averages, strict=True):
            own.copy_(tensor)
        self.done, self.drawn = done, drawn

    def check_same(self) -> None:
        """Checks that all processes continue the same training from the same place.

        Raises:
            InvalidInput: the processes have different trainings.
            PeerFailed: another process has ended.
        """
        if self.processes.size == 1:
            return
        own = [weight.detach().cpu() for weight in self.network.state_dict().values()]
        training = {f"training {name}": value for name, value in asdict(self.training).items()}
        self.processes.check_same(
            {
                **training,
                "seed": self.seed,
                "latents": digest(self.host),
                "steps done": self.done,
                "weights": digest(*own),
            },
            "The training",
            "Start all with the same settings and latents, and keep files on storage that all "
            "machines share.",
        )

    def batches_left(self) -> Iterator[float]:
        """Makes the updates from the position on and yields the loss of each."""
        while self.done < self.training.steps:
            self.draws.set_state(self.drawn)
            yield self._step()

    def finish(self) -> nn.Module:
        """Returns the network with the averaged weights, frozen."""
        with torch.no_grad():
            for weight, average in zip(self.weights, self.averages, strict=True):
                weight.copy_(average)
        return self.network.eval().requires_grad_(False)

    def _step(self) -> float:
        training = self.training
        count, dim = training.batch_size, self.white.shape[1]
        # Each process draws those of the whole batch.
        chosen = torch.randint(len(self.white), (count,), generator=self.draws)
        times = drawn_times(count, training, self.schedule, self.draws)
        noise = torch.randn(count, dim, generator=self.draws)
        rows, share = own_rows(self.processes, count)
        on = (part[rows].to(self.device, non_blocking=True) for part in (chosen, times, noise))
        loss = self._loss(*on)
        self.optimiser.zero_grad()
        value = backward(self.processes, loss, share, self.weights)
        if not math.isfinite(value):
            raise Diverged(
                f"The denoiser's loss stopped being finite at step {self.done}. Lower the "
                "learning rate, or take float32 if bf16 is on.",
                step=self.done,
            )
        if training.clip is not None:
            torch.nn.utils.clip_grad_norm_(self.weights, training.clip)
        for group in self.optimiser.param_groups:
            group["lr"] = training.rate(self.done)
        self.stepping = True
        self.optimiser.step()
        with torch.no_grad():
            for average, weight in zip(self.averages, self.weights, strict=True):
                average.lerp_(weight, 1 - training.kept(self.done))
        self.done, self.drawn = self.done + 1, self.draws.get_state()
        self.stepping = False
        return value

    def _loss(self, chosen: Tensor, times: Tensor, noise: Tensor) -> Tensor:
        x0, training = self.white[chosen], self.training
        level = self.schedule.level(times).to(x0)[:, None]
        x = diffused(self.schedule, x0, times, noise)
        with self._precision():
            found = self.network(x, times).float()
        if training.predicts == "noise":
            error = (found - noise).square().mean(dim=1)
        else:
            velocity = level.sqrt() * noise - (1 - level).sqrt() * x0
            error = (found - velocity).square().mean(dim=1)
        if training.weighting == "min-snr":
            ratio = (level / (1 - level))[:, 0]
            own = ratio if training.predicts == "noise" else ratio + 1
            error = error * ratio.clamp_max(MOST_SNR) / own
        return error.mean()

    def _precision(self) -> AbstractContextManager[object]:
        if not self.training.bf16:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)
