"""The training loop of a translator, which stops and resumes between two batches."""

import contextlib
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict

import torch
from torch import Tensor
from torch.optim.lr_scheduler import CosineAnnealingLR

from ..devices import numbers_on, placed
from ..errors import Diverged
from ..rng import stream_of
from .progress import Position, TrainingFile, TrainingFolder, digest
from .recipes import Training
from .translator import Translator

__all__ = ["Loop"]

Report = Callable[[int, float], None]
"""Callback with the number of batches done and the latest loss, nan where a training resumes."""
GATHERED = 1 << 13
"""Number of pairs that are gathered at a time."""


class Loop:
    """A training between two batches: weights, optimiser, schedule and random streams.

    Args:
        translator: translator to train in place.
        latents: latents of the pairs, on the CPU.
        conditions: conditions of the pairs, on the CPU.
        training: hyperparameters.
        seed: seed of the order of the pairs and of the noise on the conditions.
    """

    def __init__(
        self,
        translator: Translator,
        latents: Tensor,
        conditions: Tensor,
        training: Training,
        seed: int,
    ) -> None:
        self.translator, self.training, self.seed = translator, training, seed
        self.host = latents, conditions
        asked = training.initial_std
        own = translator.config.initial_std
        translator.start(latents, own if asked is None and own == "data" else asked)
        self.latents, self.conditions = (t.to(self.device) for t in self.host)
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
        self.position = Position(0, self.order.get_state(), self.noise.get_state())
        self.stepping = False

    @property
    def device(self) -> torch.device:
        """Device of the translator."""
        return self.translator.like.device

    def settings(self) -> dict[str, object]:
        """Returns everything that the result depends on, for the training's file."""
        return {
            "translator": asdict(self.translator.config),
            "training": asdict(self.training),
            "seed": self.seed,
            "pairs": digest(*self.host),
        }

    def run(self, report: Report, progress: TrainingFile | TrainingFolder | None = None) -> None:
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
        """
        kept = None if progress is None else progress.opened(self)
        try:
            if self.position.done:
                report(self.position.done, math.nan)
            for value in self.batches_left():
                if kept is not None and kept.due():
                    kept.write()
                report(self.position.done, value)
        except OSError:
            raise
        except Diverged:
            if kept is not None:
                kept.diverged()
            raise
        except BaseException:
            if kept is not None:
                kept.stopped(whole=not self.stepping)
            raise
        if kept is not None:
            kept.finished()

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
        if training.condition_noise > 0:
            drawn = torch.randn(c.shape, generator=self.noise)
            c = c + training.condition_noise * placed(drawn, c)
        with self._precision():
            law = translator(c)
        loss = law.loss(z, training.loss_scale, fused=training.fused)
        value = float(loss.detach())
        done = self.position.done
        if not math.isfinite(value):
            raise Diverged(
                f"The translator's loss stopped being finite at batch {done}. Lower the "
                "learning rate.",
                step=done,
            )
        self.optimiser.zero_grad()
        loss.backward()
        if training.clip is not None:
            torch.nn.utils.clip_grad_norm_(translator.parameters(), training.clip)
        self.stepping = True
        self.optimiser.step()
        self.anneal.step()
        self.position = Position(done + 1, order, self.noise.get_state())
        self.stepping = False
        return value

    def _precision(self) -> AbstractContextManager[object]:
        if not self.training.bf16:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)
