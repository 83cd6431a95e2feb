"""A batch of a training of D2C: its losses and gradients, in parts that processes share."""

import contextlib
import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ...diffusion.schedule import NoiseSchedule
from ...errors import InvalidInput
from ...generators.d2c.networks.logistics import LogisticMixture, quantised
from ...pairs.processes import Processes
from ...rng import SampleRng, digest_of, stream_of
from ...translators.distributed import summed_together
from .augmentations import views_of
from .contrastive import follow, info_nce
from .images import TrainingImages
from .joint import antithetic_times, diffusion_term, gradient_times, in_full
from .networks import D2CNetworks, StreamDropout
from .running_statistics import Turns
from .settings import D2CConfiguration

__all__ = ["Batch", "Losses", "StepMaker"]


@dataclass(frozen=True)
class Losses:
    """Means over a batch; None for a term that the step does not have.

    Attributes:
        reconstruction: -log p(x given z1) in nats per image.
        diffusion: squared error of the noise, summed over a latent.
        contrastive: L_C in nats.
    """

    reconstruction: float | None = None
    diffusion: float | None = None
    contrastive: float | None = None

    @property
    def finite(self) -> bool:
        """Whether every term that is there is finite."""
        return all(value is None or math.isfinite(value) for value in vars(self).values())

    @property
    def text(self) -> str:
        """The terms that are there, in words."""
        there = [(name, value) for name, value in vars(self).items() if value is not None]
        return ", ".join(f"{name} {value:.4g}" for name, value in there)


@dataclass(frozen=True)
class Batch:
    """The images of a step.

    Attributes:
        numbers: numbers of its images.
        name: names the step among all of a training; names its random streams.
    """

    numbers: tuple[int, ...]
    name: str


class StepMaker:
    """Computes the gradients of a step, the same for any number of processes up to rounding.

    A batch has a fixed number of parts. Each part is normalised apart, and a process has whole
    parts. Running statistics are the means of those after each part.

    Args:
        networks: networks, whose gradients are set.
        images: images of the training.
        configuration: sizes and hyperparameters.
        seed: seed of all draws.
        processes: processes that share a batch.

    Raises:
        InvalidInput: there are more processes than parts.
    """

    def __init__(
        self,
        networks: D2CNetworks,
        images: TrainingImages,
        configuration: D2CConfiguration,
        seed: int,
        processes: Processes,
    ) -> None:
        self.networks, self.images = networks, images
        self.configuration, self.training = configuration, configuration.training
        self.contrast, self.seed, self.processes = configuration.contrast, seed, processes
        if processes.size > self.training.parts:
            raise InvalidInput(
                f"{processes.size} processes for batches of {self.training.parts} parts; each "
                "needs at least one. Start fewer processes, or raise parts."
            )
        self.own_parts = range(self.training.parts)[processes.rows(self.training.parts)]
        self.schedule = NoiseSchedule.linear(*configuration.betas, configuration.times)
        self.dropouts = [m for m in networks.denoiser.modules() if isinstance(m, StreamDropout)]

    @property
    def like(self) -> Tensor:
        """A tensor with the device and the type of the networks."""
        return self.networks.statistics.mean

    @property
    def device(self) -> torch.device:
        """Device of the networks."""
        return self.like.device

    def autoencoder_step(self, batch: Batch) -> Losses:
        """Sets the gradients of a joint step or of one of the first stage; pushes its keys."""
        networks, training = self.networks, self.training
        networks.autoencoder.train()
        networks.statistics.train()
        networks.denoiser.train()
        trained = [networks.autoencoder, networks.statistics]
        parameters = [*networks.autoencoder.parameters()]
        if networks.joint:
            parameters += networks.denoiser.parameters()
        keys = self._keys(batch)
        turns = Turns(trained, training.parts)
        sums = torch.zeros(3).to(self.like)
        for part in self.own_parts:
            with turns.turn():
                terms, loss = self._part(batch, self._rows(batch, part), keys, turns)
            loss.backward()
            sums += terms
        self._exchange(parameters, [sums, *turns.sums])
        turns.finish()
        if networks.queue is not None and keys is not None:
            networks.queue.push(keys)
        there = (training.reconstruction_weight > 0, networks.joint, keys is not None)
        return Losses(*(v if own else None for v, own in zip(sums.tolist(), there, strict=True)))

    def diffusion_step(self, batch: Batch) -> Losses:
        """Sets the gradients of a step of the second stage."""
        networks = self.networks
        networks.autoencoder.eval()
        networks.statistics.eval()
        networks.denoiser.train()
        times = self._times(batch)
        sums = torch.zeros(1).to(self.like)
        for part in self.own_parts:
            rows = self._rows(batch, part)
            with torch.no_grad(), self._precision():
                z = networks.autoencoder.encode(self._clean(batch, rows))
                white = networks.statistics(in_full(z))
            error = self._noise_error(batch, rows, white, times).sum() / len(batch.numbers)
            error.backward()
            sums += error.detach()
        self._exchange([*networks.denoiser.parameters()], [sums])
        return Losses(diffusion=float(sums))

    def _part(
        self, batch: Batch, rows: range, keys: Tensor | None, turns: Turns
    ) -> tuple[Float[Tensor, " terms"], Tensor]:
        """Returns the terms of a part and its loss, both divided by the batch."""
        networks, training = self.networks, self.training
        terms: dict[str, Tensor] = {}
        x, z = None, None
        if keys is not None and networks.queue is not None:
            x = self._views(batch, rows, "query")
            with self._precision():
                z = networks.autoencoder.encode(x)
                features = networks.autoencoder.features_of(z)
            own, temperature = keys[rows.start : rows.stop], self.contrast.temperature
            terms["contrastive"] = info_nce(features, own, networks.queue.queue, temperature)
        if x is None or z is None or training.reconstructed == "clean":
            turns.reset()  # running statistics are those of clean images
            x = self._clean(batch, rows)
            with self._precision():
                z = networks.autoencoder.encode(x)
        if training.reconstruction_weight:
            with self._precision():
                numbers = networks.autoencoder.decode(z)
            law = LogisticMixture.of(in_full(numbers))
            terms["reconstruction"] = -law.log_prob(x, self.configuration.bits).sum(dim=(1, 2))
        white = networks.statistics(in_full(z))
        if networks.joint:
            white = gradient_times(white, training.diffusion_weight)
            terms["diffusion"] = self._noise_error(batch, rows, white, self._times(batch))
        means = {name: term.sum() / len(batch.numbers) for name, term in terms.items()}
        weights = {
            "reconstruction": training.reconstruction_weight,
            "diffusion": 1.0,
            "contrastive": training.contrastive_weight,
        }
        loss = torch.stack([weights[name] * mean for name, mean in means.items()]).sum()
        absent = torch.zeros(()).to(self.like)
        return torch.stack([means.get(name, absent).detach() for name in weights]), loss

    def _noise_error(
        self, batch: Batch, rows: range, white: Tensor, times: Tensor
    ) -> Float[Tensor, " rows"]:
        stream = self._device_stream("dropout", batch.name, rows.start)
        for dropout in self.dropouts:
            dropout.stream = stream
        noise = self._rng(batch, rows, "noise").normal(*white.shape[1:], like=white)
        chosen = times[rows.start : rows.stop].to(self.device)
        with self._precision():
            return diffusion_term(self.networks.denoiser, white, self.schedule, chosen, noise)

    @torch.no_grad()
    def _keys(self, batch: Batch) -> Float[Tensor, "batch dim"] | None:
        """Moves the momentum encoder; returns the keys of the whole batch, in its order.

        The images of a part are drawn from the whole batch, MoCo's shuffling.
        """
        networks = self.networks
        if networks.follower is None:
            return None
        contrast = self.contrast
        follow(networks.follower, networks.autoencoder, contrast.momentum)
        order = torch.randperm(len(batch.numbers), generator=self._stream("shuffle", batch.name))
        keys = torch.zeros(len(order), contrast.dim).to(self.like)
        turns = Turns([networks.follower], self.training.parts)
        for part in self.own_parts:
            span = self._rows(batch, part)
            rows = order[span.start : span.stop].tolist()
            views = self._views(batch, rows, "key")
            with turns.turn(), self._precision():
                keys[rows] = networks.follower.features(views)
        shared = summed_together(self.processes, [keys, *turns.sums])
        keys = shared[0]
        turns.take(shared[1:])
        turns.finish()
        return keys

    def _exchange(self, parameters: Sequence[nn.Parameter], more: Sequence[Tensor]) -> None:
        """Sums gradients and more numbers over the processes, in place."""
        used = [weight.grad for weight in parameters if weight.grad is not None]
        tensors = [*used, *more]
        for own, total in zip(tensors, summed_together(self.processes, tensors), strict=True):
            if own is not total:
                own.copy_(total)

    def _rows(self, batch: Batch, part: int) -> range:
        count = len(batch.numbers)
        return range(count)[Processes(part, self.training.parts).rows(count)]

    def _clean(self, batch: Batch, rows: Sequence[int]) -> Float[Tensor, "rows 3 _ _"]:
        """Images as they are, some of them mirrored."""
        images = self.images.read([batch.numbers[row] for row in rows])
        if self.training.mirror:
            drawn = self._rng(batch, rows, "mirror").uniform(1, 1, 1, like=images)
            images = torch.where(drawn < 0.5, images.flip(3), images)
        return self.placed(images)

    def _views(self, batch: Batch, rows: Sequence[int], which: str) -> Float[Tensor, "rows 3 _ _"]:
        images = self.images.read([batch.numbers[row] for row in rows])
        rng = self._rng(batch, rows, which)
        views = views_of(images, rng, self.contrast.views)
        # Whole levels of 8 bits, as images that are read.
        return self.placed((views * 255).round() / 255)

    def placed(self, images: Float[Tensor, "rows 3 _ _"]) -> Float[Tensor, "rows 3 _ _"]:
        """Returns images as the encoder takes them, on the device of the networks."""
        return quantised(images, self.configuration.bits).to(self.device, non_blocking=True)

    def _times(self, batch: Batch) -> Tensor:
        stream = self._stream("times", batch.name)
        return antithetic_times(len(batch.numbers), self.configuration.times, stream)

    def _stream(self, *name: object) -> torch.Generator:
        return stream_of(self.seed, "d2c", *name)

    def _device_stream(self, *name: object) -> torch.Generator:
        if self.device.type == "cpu":
            return self._stream(*name)
        seed = digest_of(self.seed, "d2c", *name) >> 1
        return torch.Generator(self.device).manual_seed(seed)

    def _rng(self, batch: Batch, rows: Sequence[int], purpose: str) -> SampleRng:
        return SampleRng.of(self.seed, [*rows], f"d2c {purpose} {batch.name}")

    def _precision(self) -> AbstractContextManager[object]:
        if not self.training.bf16:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)
