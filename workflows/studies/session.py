"""Code shared by demos and reproductions: two models, their translators, starts and runs."""

from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar

import torch
from torch import Tensor

from ...core.auxiliary import Auxiliary
from ...core.charts import Start
from ...core.chunking import Chunking, ChunkMode
from ...core.condition import Condition
from ...core.energy import Energy
from ...core.generator import Generator
from ...core.latents import Latents, decode
from ...core.pairs.in_memory import synthetic_pairs
from ...core.refine.first_order import FirstOrder
from ...core.refine.kernel import Rule
from ...core.refine.refinement import Refinement, refine
from ...core.rng import SampleRng
from ...core.snapshot import Snapshot
from ...core.starts.candidates import StartMode, from_prior, from_translator
from ...core.translators.training import Training, fit_translator, new_translator
from ...core.translators.translator import TranslatorKind

__all__ = ["Progress", "Session", "moved"]

Progress: TypeAlias = Callable[[str], None]
Model = TypeVar("Model", bound=Generator | Auxiliary)


class Session:
    """Two models, with translators trained between them.

    Args:
        generator: generator G.
        auxiliary: auxiliary f, on the same device.
        pairs: number of synthetic pairs to train on.
        training: hyperparameters of the training.
        kinds: kinds of translators to train.
        hidden: hidden width of the translators.
        seed: seed of pairs, training, starts and noise.
        device: device of the models.
        say: callback with messages on progress.
        chunk: `fixed` repeats to the bit, `fast` uses chunks as large as fit.
    """

    def __init__(
        self,
        generator: Generator,
        auxiliary: Auxiliary,
        *,
        pairs: int,
        training: Training,
        kinds: Sequence[TranslatorKind],
        hidden: int = 100,
        seed: int,
        device: torch.device,
        say: Progress,
        chunk: ChunkMode = "fixed",
    ) -> None:
        self.generator, self.auxiliary = generator, auxiliary
        self.seed, self.device, self.say = seed, device, say
        self.chunking = Chunking.of(chunk, generator.image_size)
        say(f"seed {seed}: {pairs} pairs, translator {' and '.join(kinds)}")
        # Made first: a kind may need a library that is not installed.
        untrained = {
            kind: new_translator(generator, auxiliary, kind=kind, hidden=hidden, seed=seed)
            for kind in kinds
        }
        drawn = synthetic_pairs(
            generator, auxiliary, pairs, seed=seed, chunking=self.chunking, device=device
        )
        self.translators = {
            kind: fit_translator(translator.to(device), drawn, training, seed=seed)
            for kind, translator in untrained.items()
        }

    def start(
        self,
        kind: str,
        condition: Condition,
        *,
        energy: Energy | None = None,
        candidates: int = 1,
        mode: StartMode = "sample",
        generations: int = 0,
    ) -> Latents:
        """Returns one latent per row of the condition, from the prior or a translator."""
        rng = SampleRng.of(self.seed, len(condition), kind)
        found = self._start(kind, condition, rng, energy, candidates, mode, generations)
        return Latents.of(found, self.generator)

    def refined(
        self,
        latents: Latents,
        energy: Energy,
        rule: Rule,
        *,
        steps: int,
        weights: Rule | None = None,
        clip: float = 0.0,
        on_step: Callable[[Snapshot], None] = lambda snapshot: None,
    ) -> Latents:
        """Refines latents.

        Args:
            latents: initial latents.
            energy: energy to minimise.
            rule: update rule of the latents.
            steps: number of steps T.
            weights: update rule of the weights of a basis.
            clip: bound on the norm of a sample's gradient; 0 for none.
            on_step: callback after every step.
        """
        job = Refinement(
            title="refinement",
            generator=self.generator,
            energy=energy,
            refiner=FirstOrder(rule, weights, clip),
            steps=steps,
            seed=self.seed,
            chunking=self.chunking,
            device=self.device,
        )
        return refine(job, latents, on_step=on_step)[0]

    def images(self, latents: Latents) -> Tensor:
        """Decodes latents to images."""
        return decode(latents, self.generator, self.chunking, self.device)

    def _start(
        self,
        kind: str,
        condition: Condition,
        rng: SampleRng,
        energy: Energy | None,
        candidates: int,
        mode: StartMode,
        generations: int,
    ) -> Start:
        if kind == "prior":
            return from_prior(
                self.generator,
                rng,
                energy=energy,
                candidates=candidates,
                generations=generations,
                chunking=self.chunking,
                device=self.device,
            )
        return from_translator(
            self.translators[kind],
            self.generator,
            condition,
            rng,
            mode=mode,
            energy=energy,
            candidates=candidates,
            generations=generations,
            chunking=self.chunking,
        )


def moved(model: Model, device: torch.device) -> Model:
    """Moves a model's networks to a device and returns the model."""
    for module in model.modules:
        module.to(device)
    return model
