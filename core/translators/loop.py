"""The training loop of a translator, which stops and resumes between two batches."""

import contextlib
import math
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.optim.lr_scheduler import CosineAnnealingLR

from ..checkpoints.record import Checkpoint
from ..devices import numbers_on
from ..errors import Diverged, InvalidInput
from ..pairs.processes import ALONE, Processes
from ..rng import stream_of
from .distributed import backward, own_rows
from .noise import ConditionNoise
from .progress import TrainingFile, TrainingFolder, carry_out, digest
from .recipes import Training
from .resumed import TrainingReport
from .ridge import ROWS
from .state import restore_training, training_tensors
from .translator import Translator

__all__ = ["Loop", "Position"]

GATHERED = 1 << 13
"""Number of pairs that are gathered at a time."""
ORDER, NOISE = "order", "noise"


@dataclass(frozen=True)
class Position:
    """Where a training is.

    Attributes:
        done: number of batches done.
        order: state of the stream of the pairs' order before the epoch of the next batch.
        noise: state of the stream of the noise on the conditions.
    """

    done: int
    order: UInt8[Tensor, " bytes"]
    noise: UInt8[Tensor, " bytes"]


class Loop:
    """A training between two batches: weights, optimiser, schedule and random streams.

    Args:
        translator: translator to train in place.
        latents: latents of the pairs, on the CPU.
        conditions: conditions of the pairs, on the CPU.
        training: hyperparameters.
        seed: seed of the order of the pairs and of the noise on the conditions.
        processes: processes that share the batches.

    Raises:
        InvalidInput: batches have fewer pairs than there are processes, or noise has the
            covariance of a single pair.
    """

    what = "translator training"

    def __init__(
        self,
        translator: Translator,
        latents: Tensor,
        conditions: Tensor,
        training: Training,
        seed: int,
        processes: Processes = ALONE,
    ) -> None:
        if training.batch_size < processes.size:
            raise InvalidInput(
                f"Batches of {training.batch_size} pairs for {processes.size} processes: each "
                "needs at least 1. Start fewer processes, or raise batch_size."
            )
        self.translator, self.training, self.seed = translator, training, seed
        self.processes = processes
        self.host = latents, conditions
        asked = training.initial_std
        own = translator.config.initial_std
        translator.start(latents, own if asked is None and own == "data" else asked)
        like = translator.like
        self.latents, self.conditions = (t.to(like.device, like.dtype) for t in self.host)
        self.per_epoch = -(-len(latents) // training.batch_size)
        self.batches = self.per_epoch * training.epochs
        translator.train().requires_grad_(True)
        fused = training.fused and self.device.type in ("cpu", "cuda")
        self.optimiser = torch.optim.Adam(
            translator.parameters(), lr=training.learning_rate, fused=fused or None
        )
        self.anneal = CosineAnnealingLR(self.optimiser, self.batches)
        self.order = stream_of(seed, "order")
        self.noise = stream_of(seed, "condition noise")
        self.noisy = ConditionNoise(training.condition_noise, training.noise_kind, conditions)
        self.position = Position(0, self.order.get_state(), self.noise.get_state())
        self.stepping = False
        if training.regression_start:
            stream = stream_of(seed, "regressed start")
            noisy = self.noisy.added(self.conditions[:ROWS], stream)
            translator.regress(self.latents[:ROWS], noisy)

    @property
    def done(self) -> int:
        """Number of batches done."""
        return self.position.done

    @property
    def device(self) -> torch.device:
        """Device of the translator."""
        return self.translator.like.device

    def settings(self) -> dict[str, object]:
        """Returns everything that the result depends on, for the training's file."""
        return {
            "translator": asdict(self.translator.config),
            "training": _identity(self.training),
            "seed": self.seed,
            "pairs": digest(*self.host),
        }

    def state(self) -> tuple[dict[str, Tensor], dict[str, object]]:
        """Returns where the training is, for its file."""
        streams = {ORDER: self.position.order, NOISE: self.position.noise}
        return training_tensors(self.translator, self.optimiser) | streams, {
            "done": self.position.done,
            "rates": [group["lr"] for group in self.optimiser.param_groups],
            "schedule": self.anneal.state_dict(),
        }

    def restore(self, held: Checkpoint) -> None:
        """Sets the training to the state in its file; see `Resumed`."""
        tensors, config = held.tensors, held.config
        position = Position(int(config["done"]), tensors[ORDER], tensors[NOISE])
        for group, rate in zip(self.optimiser.param_groups, config["rates"], strict=True):
            group["lr"] = rate
        for stream, state in ((self.order, position.order), (self.noise, position.noise)):
            stream.set_state(state)
        restore_training(self.translator, self.optimiser, tensors)
        self.anneal.load_state_dict(dict(config["schedule"]))
        self.position = position

    def run(
        self, report: TrainingReport, progress: TrainingFile | TrainingFolder | None = None
    ) -> None:
        """Trains to the end, from the training's file if there is one.

        An interruption between two updates of the weights, also one raised by `report`, leaves the
        file at the last batch. One within an update leaves the file of the last regular writing.

        Args:
            report: callback after every batch, with the number of batches done and the loss; first
                with the position and nan where the training resumes.
            progress: file or folder of the training, if it is kept.

        Raises:
            ResumeMismatch: the file is of another training, of something else, or damaged.
            Diverged: the loss is no longer finite.
            InvalidInput: the processes have different trainings.
            PeerFailed: another process has ended.
        """
        kept = None if progress is None else progress.opened(self)
        self._check_same()
        carry_out(self, report, kept)

    def batches_left(self) -> Iterator[float]:
        """Makes the batches from the position on and yields the loss of each."""
        size = self.training.batch_size
        block = max(1, GATHERED // size) * size
        while self.position.done < self.batches:
            epoch_start = self.position.order
            self.order.set_state(epoch_start)
            rows = torch.randperm(len(self.latents), generator=self.order)
            batch = self.position.done % self.per_epoch
            for part in rows[batch * size :].split(block):
                on = numbers_on(part, self.device)
                pairs = zip(
                    self.latents[on].split(size), self.conditions[on].split(size), strict=True
                )
                for z, c in pairs:
                    batch += 1
                    last = batch == self.per_epoch
                    state = self.order.get_state() if last else epoch_start
                    yield self._step(z, c, state)

    def _step(self, z: Tensor, c: Tensor, order: Tensor) -> float:
        training, translator = self.training, self.translator
        c = self.noisy.added(c, self.noise)  # each process draws that of the whole batch
        rows, share = own_rows(self.processes, len(z))
        with self._precision():
            law = translator(c[rows])
        loss = law.loss(z[rows], training.loss_scale, fused=training.fused)
        self.optimiser.zero_grad()
        value = backward(self.processes, loss, share, list(translator.parameters()))
        done = self.position.done
        if not math.isfinite(value):
            raise Diverged(
                f"The translator's loss stopped being finite at batch {done}. Lower the "
                "learning rate.",
                step=done,
            )
        if training.clip is not None:
            torch.nn.utils.clip_grad_norm_(translator.parameters(), training.clip)
        self.stepping = True
        self.optimiser.step()
        self.anneal.step()
        self.position = Position(done + 1, order, self.noise.get_state())
        self.stepping = False
        return value

    def _check_same(self) -> None:
        """Checks that all processes continue the same training from the same place."""
        if self.processes.size == 1:
            return
        own = [weight.detach().cpu() for weight in self.translator.state_dict().values()]
        values = {
            **{f"translator {n}": v for n, v in asdict(self.translator.config).items()},
            **{f"training {n}": v for n, v in asdict(self.training).items()},
            "seed": self.seed,
            "pairs": digest(*self.host),
            "batches done": self.position.done,
            "weights": digest(*own),
        }
        self.processes.check_same(
            values,
            "The training",
            "Start all with the same settings and pairs, and put --base and --out on storage that "
            "all machines share.",
        )

    def _precision(self) -> AbstractContextManager[object]:
        if not self.training.bf16:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)


def _identity(training: Training) -> dict[str, object]:
    """Returns the hyperparameters; those of earlier versions lack some."""
    own = asdict(training)
    if training.noise_kind == "isotropic":
        del own["noise_kind"]
    if not training.regression_start:
        del own["regression_start"]
    return own
