"""What the demos and the reproductions share: two models, their translators, starts and runs."""

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
from ...core.refine.kernel import Rule
from ...core.refine.presets import over_chart
from ...core.refine.refinement import Refinement, refine
from ...core.rng import SampleRng
from ...core.snapshot import Snapshot
from ...core.starts.candidates import StartMode, from_prior, from_translator
from ...core.translators.training import Training, fit_translator, new_translator, synthetic_pairs
from ...core.translators.translator import TranslatorKind

__all__ = ["Progress", "Steering", "moved"]

Progress: TypeAlias = Callable[[str], None]
Model = TypeVar("Model", bound=Generator | Auxiliary)


class Steering:
    """Two models, and the translators that one seed trains between them.

    Args:
        generator: G.
        auxiliary: f, on the same device.
        pairs: synthetic pairs to train on.
        training: how.
        kinds: of the translators.
        hidden: units of their hidden layers.
        seed: of pairs, training, starts and noise.
        device: where the models are.
        say: called with what is being done.
        chunk: `fixed` repeats to the bit, `fast` sees as many samples at a time as fit.
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
        drawn = synthetic_pairs(
            generator, auxiliary, pairs, seed=seed, chunking=self.chunking, device=device
        )
        self.translators = {
            kind: fit_translator(
                new_translator(generator, auxiliary, kind=kind, hidden=hidden, seed=seed).to(
                    device
                ),
                drawn,
                training,
                seed=seed,
            )
            for kind in kinds
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
        """A latent per row of the condition, from the prior or from a translator of this kind."""
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
        """Where the latents are after so many steps.

        Args:
            latents: the start.
            energy: to lower.
            rule: how latents move.
            steps: T.
            weights: how the weights of a basis move.
            clip: longest gradient of a sample, 0 for no limit.
            on_step: called after every step.
        """
        job = Refinement(
            title="refinement",
            generator=self.generator,
            energy=energy,
            rule=over_chart(latents.chart, rule, weights or rule, clip=clip),
            steps=steps,
            seed=self.seed,
            chunking=self.chunking,
            device=self.device,
        )
        return refine(job, latents, on_step=on_step)[0]

    def images(self, latents: Latents) -> Tensor:
        """The images of latents."""
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
    """A model, with its networks on a device."""
    for module in model.modules:
        module.to(device)
    return model
