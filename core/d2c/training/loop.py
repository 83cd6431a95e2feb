"""The loop of a training of D2C, which stops and resumes between two batches."""

import math
from collections.abc import Iterator
from dataclasses import asdict
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from ...checkpoints.record import Checkpoint
from ...errors import Diverged, InvalidInput
from ...pairs.processes import ALONE, Processes
from ...rng import stream_of
from ...translators.state import restore_training, training_tensors
from .images import TrainingImages
from .networks import D2CNetworks
from .settings import D2CConfiguration
from .steps import Batch, Losses, StepMaker

__all__ = ["D2CLoop"]

AT_ONCE = 64
"""Images that are encoded at a time for the statistics."""
PARTS = ("autoencoder", "denoiser")


class D2CLoop:
    """A training of D2C between two batches. Implements `core.translators.resumed.Resumed`.

    Every draw of a batch is named by the seed and the batch, so that the number of batches done is
    all that is kept of the random streams.

    Args:
        images: images of the training.
        configuration: the networks and the hyperparameters.
        seed: seed of the initial weights and of all draws.
        device: where to compute.
        processes: processes that share the batches.

    Attributes:
        losses: those of the latest batch.

    Raises:
        InvalidInput: images of another size, fewer than a batch, or more processes than parts.
    """

    what = "D2C training"

    def __init__(
        self,
        images: TrainingImages,
        configuration: D2CConfiguration,
        seed: int,
        *,
        device: torch.device,
        processes: Processes = ALONE,
    ) -> None:
        training = configuration.training
        if images.resolution != configuration.resolution:
            raise InvalidInput(
                f"Images of {images.resolution} pixels for a D2C of {configuration.resolution}. "
                "Bring them to its size."
            )
        second = training.second_batch_size if training.diffusion_steps else 0
        if len(images) < (most := max(training.batch_size, second)):
            raise InvalidInput(
                f"{len(images)} images for batches of {most}. Give more images, or lower the "
                f"batch size to {len(images)} or less."
            )
        self.images, self.configuration, self.training = images, configuration, training
        self.seed, self.processes, self.stepping = seed, processes, False
        self.networks = D2CNetworks(configuration, seed).to(device)
        self.steps = StepMaker(self.networks, images, configuration, seed, processes)
        self.optimisers = {
            "autoencoder": torch.optim.AdamW(
                self.networks.autoencoder.parameters(),
                training.learning_rate,
                weight_decay=training.weight_decay,
            ),
            "denoiser": torch.optim.Adam(
                self.networks.denoiser.parameters(), training.diffusion_rate
            ),
        }
        self.losses, self._done, self._measured = Losses(), 0, False

    @property
    def done(self) -> int:
        """Number of batches done."""
        return self._done

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.steps.device

    def settings(self) -> dict[str, object]:
        """Returns everything that the result depends on."""
        own = asdict(self.configuration)
        del own["what"]
        own["denoiser"]["attention"] = sorted(own["denoiser"]["attention"])
        return {**own, "seed": self.seed, "images": self._digest}

    @cached_property
    def _digest(self) -> str:
        return f"{len(self.images)} {self.images.digest}"

    def state(self) -> tuple[dict[str, Tensor], dict[str, object]]:
        """Returns where it is: tensors, and numbers as JSON."""
        tensors = {
            f"{name}/{key}": tensor
            for name in PARTS
            for key, tensor in training_tensors(torch.nn.Identity(), self.optimisers[name]).items()
        }
        tensors |= {f"networks/{k}": t for k, t in self.networks.state_dict().items()}
        return tensors, {"done": self._done, "measured": self._measured}

    def restore(self, held: Checkpoint) -> None:
        """Sets it to the state in a file."""
        parts: dict[str, dict[str, Tensor]] = {name: {} for name in (*PARTS, "networks")}
        for name in held.tensors:
            part, _, key = name.partition("/")
            parts[part][key] = held.tensors[name]
        done, measured = int(held.config["done"]), bool(held.config["measured"])
        self.networks.load_state_dict(parts["networks"])
        for name in PARTS:
            restore_training(torch.nn.Identity(), self.optimisers[name], parts[name])
        self._done, self._measured = done, measured

    def batches_left(self) -> Iterator[float]:
        """Makes the batches from where it is and yields the loss of each."""
        while self._done < self.training.batches:
            if self._done < self.training.steps:
                yield self._autoencoder_step()
            else:
                if not self._measured:
                    self.measure()
                yield self._diffusion_step()

    def measure(self) -> None:
        """Sets the latents' statistics to those of all images, and mirrored ones, as released."""
        self.networks.statistics.measure(self._latents())
        self._measured = True

    @torch.no_grad()
    def _latents(self) -> Iterator[Tensor]:
        autoencoder = self.networks.final_autoencoder.eval()
        for first in range(0, len(self.images), AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, len(self.images)))
            images = self.steps.placed(self.images.read(numbers))
            yield autoencoder.encode(images)
            if self.training.mirror:
                yield autoencoder.encode(images.flip(3))

    def _autoencoder_step(self) -> float:
        training, networks = self.training, self.networks
        batch = self._batch("first", self._done, training.batch_size)
        self._zero()
        losses = self._checked(self.steps.autoencoder_step(batch))
        self._limit("autoencoder", math.inf)
        if networks.joint:
            self._limit("denoiser", training.clip)
        rate = training.learning_rate
        if training.cosine:
            rate *= 0.5 * (1 + math.cos(math.pi * self._done / training.steps))
        self.stepping = True
        self._descend("autoencoder", rate)
        if networks.joint:
            self._descend("denoiser", training.diffusion_rate)
        return self._finished(losses, autoencoder=True)

    def _diffusion_step(self) -> float:
        training = self.training
        number = self._done - training.steps
        batch = self._batch("second", number, training.second_batch_size)
        self._zero()
        losses = self._checked(self.steps.diffusion_step(batch))
        self._limit("denoiser", training.clip)
        self.stepping = True
        self._descend("denoiser", training.diffusion_rate)
        return self._finished(losses, autoencoder=False)

    def _finished(self, losses: Losses, *, autoencoder: bool) -> float:
        """Ends a step: the averages, then what is kept."""
        start = 0 if autoencoder else self.training.steps
        self.networks.average(self.training.average, self._done - start, autoencoder=autoencoder)
        self._done, self.losses = self._done + 1, losses
        self.stepping = False
        return sum(value for value in vars(losses).values() if value is not None)

    def _batch(self, stage: str, number: int, size: int) -> Batch:
        """Returns the images of a batch; each epoch leaves out what does not fill one."""
        per_epoch = len(self.images) // size
        epoch, place = divmod(number, per_epoch)
        order = _order(len(self.images), self.seed, f"{stage} {epoch}")
        numbers = order[place * size : (place + 1) * size]
        return Batch(tuple(numbers.tolist()), f"{stage} {number}")

    def _zero(self) -> None:
        for optimiser in self.optimisers.values():
            optimiser.zero_grad()

    def _checked(self, losses: Losses) -> Losses:
        if losses.finite:
            return losses
        raise self._diverged(f"A loss is no longer finite ({losses.text})")

    def _limit(self, name: str, limit: float) -> None:
        """Limits the norm of a gradient, and checks that it is finite."""
        weights = [w for group in self.optimisers[name].param_groups for w in group["params"]]
        if not math.isfinite(float(torch.nn.utils.clip_grad_norm_(weights, limit))):
            raise self._diverged(f"The gradient of the {name} is not finite")

    def _diverged(self, what: str) -> Diverged:
        return Diverged(
            f"{what} at batch {self._done}. Lower the learning rate or the weights of the terms.",
            step=self._done,
        )

    def _descend(self, name: str, rate: float) -> None:
        for group in self.optimisers[name].param_groups:
            group["lr"] = rate
        self.optimisers[name].step()


@lru_cache(maxsize=2)
def _order(count: int, seed: int, epoch: str) -> Tensor:
    return torch.randperm(count, generator=stream_of(seed, "d2c order", epoch))
