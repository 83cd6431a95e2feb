"""Training translators on synthetic pairs, TR0N Algorithm 1."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim.lr_scheduler import CosineAnnealingLR

from ..auxiliary import Auxiliary
from ..chunking import Chunking
from ..devices import numbers_on, placed, threads_for
from ..errors import ConditionMismatch, Diverged, GeneratorMismatch, InvalidInput
from ..generator import Generator
from ..identity import check_options, same_auxiliary
from ..rng import SampleRng, derive_seed, stream_of
from .translator import Translator, TranslatorConfig, TranslatorKind

__all__ = ["Pairs", "Training", "fit_translator", "new_translator", "synthetic_pairs"]

Report = Callable[[int, float], None]
"""Called with how many are done and the latest loss (nan while pairs are made)."""


@dataclass(frozen=True)
class Pairs:
    """Latents and the conditions of their images, c = f(G(z)).

    Attributes:
        latents: (pairs, dim).
        conditions: (pairs, embed).
        generator: id of the generator, with its options; empty: not known, and not checked.
        auxiliary: id of f; likewise.
    """

    latents: Float[Tensor, "pairs dim"]
    conditions: Float[Tensor, "pairs embed"]
    generator: str = ""
    auxiliary: str = ""

    def check(self, config: TranslatorConfig) -> None:
        """Refuses a translator of another generator, or of another f.

        Raises:
            GeneratorMismatch: other weights, or other options.
            ConditionMismatch: another auxiliary.
        """
        cure = "make pairs with the generator as the translator is for it"
        if self.generator and self.generator != config.generator:
            raise GeneratorMismatch(
                f"The pairs are of another generator ({self.generator[:12]}) than the "
                f"translator, {config.generator_name!r} ({config.generator[:12]}). Make pairs "
                "with that."
            )
        if self.generator:
            name, against = config.generator_name, "the translator is for"
            check_options(
                "The pairs", self.generator, config.generator, name, cure, against=against
            )
        if self.auxiliary and not same_auxiliary(self.auxiliary, config.auxiliary):
            raise ConditionMismatch(
                f"The pairs' conditions are of another auxiliary than the translator's, "
                f"{config.auxiliary_name!r}. Make pairs with that."
            )


@dataclass(frozen=True)
class Training:
    """How a translator is trained.

    The defaults are a recipe for small models, minutes on a CPU: the paper's own (a million pairs,
    ten epochs of batches of 16, learning rate 1e-4, loss times 1e-4) takes hours.

    Attributes:
        epochs: passes over the pairs.
        batch_size: B.
        learning_rate: of Adam, annealed to 0 by a cosine.
        clip: limit of the gradient's norm over all weights.
        condition_noise: gamma of eq. (12): standard deviation of what is added to each number of a
            raw condition, fresh in every batch. The paper takes 0.2 where f is CLIP's image
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


@torch.no_grad()
def synthetic_pairs(
    generator: Generator,
    auxiliary: Auxiliary,
    count: int,
    *,
    seed: int,
    chunking: Chunking,
    device: torch.device,
    report: Report = lambda done, loss: None,
) -> Pairs:
    """Latents from the prior with the conditions of their images.

    Args:
        generator: (p(z), G).
        auxiliary: f.
        count: how many pairs, at least 1.
        seed: each pair has a stream of its own: the first n of more pairs are the n alone.
        chunking: images at a time.
        device: where the models are.
        report: called after every chunk.
    """
    if count < 1:
        raise InvalidInput(f"{count} synthetic pairs asked for; at least 1 needed.")
    like = torch.empty(0, device=device)
    latents: list[Tensor] = []
    conditions: list[Tensor] = []

    def seen(z: Tensor, rng: SampleRng) -> tuple[Tensor]:
        return (auxiliary.embed(generator(z, rng)),)

    networks = (*generator.modules, *auxiliary.modules)
    size = generator.image_size
    with threads_for(networks, rows=chunking.size, device=device, image_size=size):
        for first, last in chunking.spans(count):
            rng = SampleRng.of(seed, range(first, last), "pairs")
            z = generator.prior.sample(rng, like)
            latents.append(z.cpu())
            conditions.append(chunking.apply_random(seen, z, rng)[0].cpu())
            report(last, float("nan"))
    return Pairs(torch.cat(latents), torch.cat(conditions), generator.id, auxiliary.id)


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
    """An untrained translator from the auxiliary's conditions to the generator's latents."""
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

    Maximum likelihood, eq. (3), for the mixture; squared distance, eq. (8), for the deterministic
    kind. Departure: the loss is divided by the latent's dimension instead of the paper's 1e-4.

    Args:
        translator: from `new_translator`.
        pairs: on the CPU; they move to the translator's device.
        training: the recipe.
        seed: of the order of the pairs, and of the noise on the conditions.
        report: called after every batch with the batches done and the loss.

    Raises:
        GeneratorMismatch: pairs of another generator, or of one with other options.
        ConditionMismatch: pairs of another auxiliary.
        Diverged: the loss stopped being finite.
    """
    pairs.check(translator.config)
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
            told = float(loss.detach())
            if not math.isfinite(told):
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
            report(done, told)


def batches_of(pairs: int, training: Training) -> int:
    """How many batches a training makes, for progress bars."""
    return -(-pairs // training.batch_size) * training.epochs


def _loss(translator: Translator, z: Tensor, c: Tensor) -> Tensor:
    if translator.config.kind == "deterministic":
        return (translator.mean(c) - z).square().mean()
    return -translator(c).log_prob(z).mean() / z.shape[1]
