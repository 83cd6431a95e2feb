"""Training translators on synthetic pairs, TR0N Algorithm 1."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim.lr_scheduler import CosineAnnealingLR

from ..auxiliary import Auxiliary
from ..devices import numbers_on, placed, threads_for
from ..errors import Diverged, InvalidInput
from ..generator import Generator
from ..pairs.pairs import Pairs
from ..rng import derive_seed, stream_of
from .translator import Translator, TranslatorConfig, TranslatorKind

__all__ = ["Training", "fit_translator", "new_translator"]

Report = Callable[[int, float], None]
"""Callback with the number of batches done and the latest loss."""


@dataclass(frozen=True)
class Training:
    """Hyperparameters of the training of a translator.

    The defaults suit small models and take minutes on a CPU. The paper's recipe (a million pairs,
    ten epochs of batches of 16, learning rate 1e-4, loss times 1e-4) takes hours.

    Attributes:
        epochs: passes over the pairs.
        batch_size: batch size B.
        learning_rate: initial learning rate of Adam, annealed to 0 by a cosine.
        clip: limit of the gradient's norm over all weights.
        condition_noise: gamma of eq. (12), the standard deviation of the noise added to raw
            conditions, drawn again for every batch. The paper uses 0.2 where f is CLIP's image
            encoder and conditions are texts (its code 0.5 for BigGAN with LAION's CLIP), else 0.
    """

    epochs: int = 15
    batch_size: int = 256
    learning_rate: float = 1e-3
    clip: float = 1.0
    condition_noise: float = 0.0

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1:
            raise InvalidInput(
                f"{self.epochs} epochs of batches of {self.batch_size}; both must be at least 1."
            )
        if not self.learning_rate > 0 or not self.clip > 0:
            raise InvalidInput(
                f"Learning rate {self.learning_rate}, clip {self.clip}; both must exceed 0."
            )
        if not 0 <= self.condition_noise < math.inf:
            raise InvalidInput(
                f"Condition noise {self.condition_noise}; expected a number of at least 0."
            )


def new_translator(
    generator: Generator,
    auxiliary: Auxiliary,
    *,
    kind: TranslatorKind = "mixture",
    components: int = 10,
    hidden: int = 100,
    initial_std: float = 1.0,
    seed: int,
) -> Translator:
    """Makes an untrained translator from the auxiliary's conditions to the generator's latents."""
    config = TranslatorConfig(
        kind=kind,
        embed_dim=auxiliary.embed_dim,
        latent_dim=generator.source.dim,
        components=1 if kind == "deterministic" else components,
        hidden=hidden,
        initial_std=initial_std,
        generator=generator.id,
        generator_name=generator.name,
        auxiliary=auxiliary.id,
        auxiliary_name=auxiliary.name,
    )
    return Translator(config, seed=derive_seed(seed, "translator"))


def fit_translator(
    translator: Translator,
    pairs: Pairs,
    training: Training,
    *,
    seed: int,
    report: Report = lambda done, loss: None,
) -> Translator:
    """Trains a translator in place and returns it, frozen.

    The loss is the negative log-likelihood, eq. (3), or for the deterministic kind the squared
    distance, eq. (8). Departure: it is divided by the latent dimension, not multiplied by 1e-4.

    Args:
        translator: translator from `new_translator`.
        pairs: pairs on the CPU; they are moved to the translator's device.
        training: hyperparameters.
        seed: seed of the order of the pairs and of the noise on the conditions.
        report: callback after every batch, with the number of batches done and the loss.

    Raises:
        GeneratorMismatch: the pairs are of another generator, or of one with other options.
        ConditionMismatch: the pairs are of another auxiliary.
        Diverged: the loss is no longer finite.
    """
    config, against = translator.config, "the translator is for"
    pairs.check_generator(config.generator, config.generator_name, against=against)
    pairs.check_auxiliary(config.auxiliary, config.auxiliary_name, against=against)
    device = translator.log_std.device
    with threads_for((translator,), rows=training.batch_size, device=device):
        _fit(translator, pairs, training, seed, report)
    return translator.eval().requires_grad_(False)


def _fit(
    translator: Translator, pairs: Pairs, training: Training, seed: int, report: Report
) -> None:
    device = translator.log_std.device
    z, c = pairs.latents.to(device), pairs.conditions.to(device)
    order = stream_of(seed, "order")
    noise = stream_of(seed, "condition noise")
    translator.train().requires_grad_(True)
    optimiser = torch.optim.Adam(translator.parameters(), lr=training.learning_rate)
    batches = -(-len(z) // training.batch_size) * training.epochs
    anneal = CosineAnnealingLR(optimiser, batches)
    done = 0
    for _ in range(training.epochs):
        for batch in torch.randperm(len(z), generator=order).split(training.batch_size):
            rows = numbers_on(batch, device)
            given = c[rows]
            if training.condition_noise > 0:
                drawn = torch.randn(given.shape, generator=noise)
                given = given + training.condition_noise * placed(drawn, given)
            loss = _loss(translator, z[rows], given)
            value = float(loss.detach())
            if not math.isfinite(value):
                raise Diverged(
                    f"The translator's loss stopped being finite at batch {done}. Lower the "
                    "learning rate.",
                    step=done,
                )
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(translator.parameters(), training.clip)
            optimiser.step()
            anneal.step()
            done += 1
            report(done, value)


def batches_of(pairs: int, training: Training) -> int:
    """Number of batches of a training, for progress bars."""
    return -(-pairs // training.batch_size) * training.epochs


def _loss(translator: Translator, z: Tensor, c: Tensor) -> Tensor:
    if translator.config.kind == "deterministic":
        return (translator.mean(c) - z).square().mean()
    return -translator(c).log_prob(z).mean() / z.shape[1]
