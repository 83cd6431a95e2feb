"""FuseDream on the embedded avatars: its start, its refinement, and the judge."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from ....core.charts import Start, WeightKind
from ....core.chunking import Chunking
from ....core.condition import Condition
from ....core.conditions.prompts import text_condition
from ....core.energies.similarity import similarity
from ....core.energy import Energy
from ....core.latents import Latents, decode
from ....core.refine.first_order import FirstOrder
from ....core.refine.refinement import Refinement, refine
from ....core.refine.rules import Adam
from ....core.rng import SampleRng
from ....core.snapshot import Snapshot
from ....core.spaces import Identity
from ....core.starts.basis import WeightStart, drawing, over_basis
from ....core.starts.best import Found, best_candidates
from ....core.starts.nearest import pairs_of_samples
from ..avatars_models import avatars_models
from ..pairs.pool import PairsPool
from ..session import Progress

__all__ = ["Basis", "FuseDreamStudy", "Watch"]

Watch = Callable[[Snapshot], None]


def _nothing(snapshot: Snapshot) -> None:
    pass


@dataclass(frozen=True)
class Basis:
    """Parametrisation of a latent over its best candidates.

    Attributes:
        keep: k; 1 is the best candidate itself, without over-parametrisation.
        weights: scalar (the paper), linear (per coordinate) or softmax (the released code).
        start: start of the weights: equal (the paper) or random (the released code).
    """

    keep: int
    weights: WeightKind = "scalar"
    start: WeightStart = "equal"


class FuseDreamStudy:
    """The avatars with their CLIP and their judge, which takes no part in the steering.

    Args:
        seed: seed of candidates, weights and views.
        device: device of the models.
        say: callback with messages on progress.
    """

    def __init__(self, seed: int, device: torch.device, say: Progress) -> None:
        self.generator, self.clip, self.judge = avatars_models(device)
        self.chunking = Chunking.of("fast", self.generator.image_size)
        self.seed, self.device, self._say = seed, device, say

    def say(self, what: str) -> None:
        """Reports progress, with the seed."""
        self._say(f"seed {self.seed}: {what}")

    def condition(self, texts: Sequence[str]) -> Condition:
        """Returns a condition with a row per text."""
        return text_condition(self.clip, "\n".join(texts)).condition

    def energy(self, condition: Condition, views: int = 0) -> Energy:
        """Returns Energy CLIP: the plain score without views, AugCLIP with them."""
        return similarity(self.clip, condition, views=views)

    def search(
        self,
        condition: Condition,
        candidates: int,
        keep: int,
        *,
        views: int = 0,
        purpose: str = "basis",
    ) -> Found:
        """Returns the best candidates of the prior for each row of the condition."""
        rng = SampleRng.of(self.seed, len(condition), purpose)
        return best_candidates(
            drawing(self.generator, "prior", self.device),
            self.energy(condition, views).pullback(self.generator),
            candidates,
            keep,
            rng,
            self.chunking,
        )

    @cached_property
    def pool(self) -> PairsPool:
        """The pairs of the avatars and their CLIP."""
        return PairsPool(
            self.generator,
            self.clip,
            seed=self.seed,
            chunking=self.chunking,
            device=self.device,
            say=self.say,
        )

    def nearest(self, condition: Condition, count: int, keep: int) -> Tensor:
        """Returns the nearest of the first pairs to each row, (samples, keep, dim)."""
        pairs = self.pool.first(count)
        numbers = pairs_of_samples(pairs, self.generator, condition, len(condition), keep)
        points = pairs.latents_of(numbers.flatten()).to(self.device)
        return self.generator.source.clamp(points).unflatten(0, numbers.shape)

    def start(self, points: Tensor, basis: Basis) -> Latents:
        """Returns latents over the first points of each sample, (samples, at least k, dim)."""
        space = self.generator.source
        if basis.keep == 1:
            return self.latents(Start(points[:, 0], Identity(space)))
        rng = SampleRng.of(self.seed, len(points), "weights")
        names = tuple(block.name for block in space.blocks)
        return self.latents(
            over_basis(
                space,
                points[:, : basis.keep],
                rng,
                over=names,
                weights=basis.weights,
                start=basis.start,
            )
        )

    def latents(self, start: Start) -> Latents:
        """Returns a start as latents of the generator."""
        return Latents.of(start, self.generator)

    def refined(
        self,
        latents: Latents,
        energy: Energy,
        *,
        steps: int,
        rate: float,
        noise: float = 0.0,
        on_step: Watch = _nothing,
    ) -> Latents:
        """Refines by Adam, on the basis and its weights alike.

        Args:
            latents: the start.
            energy: to lower.
            steps: T.
            rate: Adam's learning rate.
            noise: noise on the combined latent; if above 0, the last step is also dropped, as in
                the released code.
            on_step: called after every step.
        """
        job = Refinement(
            title="Adam",
            generator=self.generator,
            energy=energy,
            refiner=FirstOrder(Adam(learning_rate=rate)),
            steps=steps,
            seed=self.seed,
            chunking=self.chunking,
            device=self.device,
            latent_noise=noise,
            returned="last but one" if noise else "last",
        )
        return refine(job, latents, on_step=on_step)[0]

    def images(self, latents: Latents, values: Tensor | None = None) -> Tensor:
        """Returns the images of latents, or of other values in their chart."""
        shown = latents if values is None else replace(latents, values=values)
        return decode(shown, self.generator, self.chunking, self.device)

    def scores(self, images: Tensor, condition: Condition, views: int = 0) -> Tensor:
        """Returns the plain score or AugCLIP of each image; draws are the same at every call."""
        energy = self.energy(condition, views)
        rng = SampleRng.of(self.seed, len(images), "score")
        with torch.no_grad():
            (found,) = self.chunking.apply_random(
                lambda x, part: (-energy(x, part),), images.to(self.device), rng
            )
        return found.cpu()

    def visible(self, images: Tensor) -> list[Mapping[str, str]]:
        """Returns the attributes that the judge recognises in each image."""
        found: list[Mapping[str, str]] = []
        for first in range(0, len(images), 64):
            part = images[first : first + 64].to(self.device)
            found += [self.judge.visible(values) for values in self.judge.likeliest(part)]
        return found

    def satisfied(
        self, images: Tensor, constraints: Sequence[Mapping[str, str]]
    ) -> list[dict[str, bool]]:
        """Returns which of its constraints each image satisfies."""
        return [
            {name: seen.get(name) == value for name, value in wanted.items()}
            for seen, wanted in zip(self.visible(images), constraints, strict=True)
        ]
