"""KRR flow: the energy whose descent is the Wasserstein gradient flow, and its direction."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..chunks import Chunking
from ..devices import numbers_on
from ..energy import Energy, Everywhere, Reading, Term
from ..errors import Diverged, InvalidInput
from ..refine.kernel import Annealed, Direction, Field, Seen, by_term
from ..rng import SampleRng
from ..spaces import IMAGES, Images
from .density import Bank, bank_of, log_density
from .divergences import speeds
from .features import FeatureMap
from .kernels import width_of
from .mollifier import offsets, widened
from .real import RealImages, noised
from .settings import FlowSettings
from .stein import stein_score

__all__ = ["GENERATED", "REAL", "Densities", "Flow", "krr_flow"]

GENERATED = "log q(x)"
"""Label of A, eq. (4)."""
REAL = "-log p(x)"
"""Label of -B, eq. (5)."""


@dataclass(frozen=True)
class Particles:
    """The particles as they are before a step, detached.

    Attributes:
        bank: their density.
        features: of each, where the score is estimated and not derived.
        score: of the density at the particles by Stein's identity, if that is asked for.
    """

    bank: Bank
    features: Tensor
    score: Tensor | None


@dataclass(frozen=True)
class Densities:
    """lambda_1 A - lambda_2 B of images, eq. (4) to (6): one feature pass serves both terms.

    A couples the samples by what they are compared with; settled, that is fixed, and each row
    depends on its own image alone. Either way no gradient goes through the particles compared
    with.

    Attributes:
        settings: of the flow.
        features: d.
        real: the real images, or None: B = 0.
        steps: of the run, for the mollifier's schedule.
        step: where on it.
        seed: of the mollifier's samples.
        particles: what A compares with; None for the very samples that are asked about.
    """

    settings: FlowSettings
    features: FeatureMap
    real: RealImages | None
    steps: int
    step: int
    seed: int = 0
    particles: Particles | None = None

    @property
    def domain(self) -> Images:
        """Images."""
        return IMAGES

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The feature network."""
        return self.features.modules

    def __str__(self) -> str:
        real = "none" if self.real is None else f"{len(self.real)} of {self.real.digest}"
        return (
            f"densities({self.features.id}, {self.settings}, real {real}, "
            f"{self.steps} steps, seed {self.seed})"
        )

    def at(self, step: int) -> "Densities":
        """With the mollifier's sigma of a step."""
        return replace(self, step=step)

    def settled(self, everywhere: Everywhere) -> "Densities":
        """With the particles fixed."""
        seen = everywhere(lambda images, rng: self._seen(images, self.features.of(images)))
        return replace(self, particles=self._particles(seen))

    def leaves(self) -> Iterator[Term]:
        """The terms that have a weight."""
        if self.settings.generated > 0:
            coupled = self.particles is None
            yield Term(GENERATED, IMAGES, self._generated, self.modules, coupled=coupled)
        if self._has_real:
            yield Term(REAL, IMAGES, self._real, self.modules)

    def read(self, v: Tensor, rng: SampleRng) -> Iterator[Reading]:
        """A and -B of images v."""
        features = self.features.of(v)
        for leaf in self.leaves():
            if leaf.label == GENERATED:
                values = self._log_q(v, features, rng)
                yield Reading(leaf, self.settings.generated, values)
            else:
                yield Reading(leaf, self.settings.real, self._minus_log_p(v, features))

    @property
    def _has_real(self) -> bool:
        return self.real is not None and self.settings.real > 0

    @property
    def _sigma(self) -> float:
        return self.settings.mollifier.sigma_at(self.step, self.steps)

    def _generated(self, images: Tensor, rng: SampleRng) -> Tensor:
        return self._log_q(images, self.features.of(images), rng)

    def _real(self, images: Tensor, rng: SampleRng) -> Tensor:
        return self._minus_log_p(images, self.features.of(images))

    def _minus_log_p(self, images: Tensor, features: Tensor) -> Float[Tensor, " batch"]:
        if self.real is None:
            return features.new_zeros(len(features))
        bank = self.real.bank(self._sigma, images.detach())
        return -log_density(features, bank, floor=self.settings.floor)

    def _log_q(self, images: Tensor, features: Tensor, rng: SampleRng) -> Float[Tensor, " batch"]:
        particles, own = self.particles, numbers_on(rng.rows, features.device)
        if particles is None:
            seen = self._seen(images.detach(), features.detach())
            particles, own = self._particles(seen), torch.arange(len(features), device=own.device)
        without = None if self.settings.self_term else own
        asked = features if particles.score is None else features.detach()
        floor = self.settings.floor
        values = log_density(asked, particles.bank, floor=floor, without=without)
        if particles.score is None:
            return values
        slope = particles.score[own].to(features)
        return values + (slope * (features - features.detach())).sum(dim=1)

    def _seen(self, images: Tensor, features: Tensor) -> Float[Tensor, "batch copies features"]:
        """The features of particles, and after them those of their noised copies."""
        sigma, mollifier = self._sigma, self.settings.mollifier
        seen = features.detach()[:, None]
        if mollifier.kind != "image" or sigma == 0:
            return seen
        shape = tuple(images.shape[1:])
        eps = sigma * offsets(mollifier.samples, shape, self.seed, like=images)
        return torch.cat([seen, noised(self.features, images.detach(), eps)], dim=1)

    def _particles(self, seen: Float[Tensor, "n copies features"]) -> Particles:
        settings = self.settings
        if len(seen) < 2:
            raise InvalidInput(
                f"{len(seen)} particle; the density of the generated images is made of several. "
                "Start from at least 2 samples, or set the weight of that term to 0."
            )
        finite = seen.flatten(1).isfinite().all(dim=1)
        if not bool(finite.all()):
            bad = (~finite).nonzero()[:, 0].tolist()
            raise Diverged(
                f"The features {self.features} of samples {', '.join(map(str, bad[:8]))} are not "
                f"finite at step {self.step} (counted from 0). Lower the step size, or take other "
                "features.",
                step=self.step,
                samples=tuple(bad),
                at_start=True,
            )
        features = seen[:, 0]
        if self.real is not None and settings.bandwidth == "median":
            width = self.real.width(seen)
        else:
            width = width_of(settings.bandwidth, features)
        if settings.mollifier.kind == "feature":
            width = widened(width, self._sigma)
        points = seen[:, 1:] if seen.shape[1] > 1 else seen
        ridge = settings.eta if settings.estimator == "krr" else None
        bank = bank_of(features, points, width=width, ridge=ridge)
        score = None
        if settings.estimator == "stein":
            score = stein_score(features, width, settings.eta)
        return Particles(bank, features, score)


@dataclass(frozen=True)
class Flow:
    """A flow as a refinement takes it.

    Attributes:
        energy: lambda_1 A - lambda_2 B - lambda_3 log p(c|x) on images, of which eq. (6) is plain
            descent; its mollifier is the last step's.
        direction: the gradient of it with each step's mollifier, at the speed of the divergence.
    """

    energy: Energy
    direction: Direction


def krr_flow(
    settings: FlowSettings,
    features: FeatureMap,
    *,
    steps: int,
    image_size: tuple[int, int],
    chunking: Chunking,
    condition: Energy | None = None,
    real: Float[Tensor, "n channels height width"] | None = None,
    seed: int = 0,
) -> Flow:
    """The Wasserstein gradient flow of KL(q(x|c), p(x|c)) by particles, eq. (2) and (6).

    Args:
        settings: weights, kernel, estimators.
        features: d.
        steps: T of the run, for the mollifier's schedule.
        image_size: (height, width) of the generator's images.
        chunking: how many images d sees at a time.
        condition: -log p(c|x), on images or on the generator's latents.
        real: images of p(x), of the generator's size, in [0, 1].
        seed: of the mollifier's samples in image space.

    Raises:
        DomainMismatch: real images of another size.
        InvalidInput: no term has a weight; fewer than two real images.

    Departures: the paper's numbers for eta, xi, particles and mollifier are unknown.
    """
    parts: tuple[Energy, ...] = ()
    bank = None
    if real is not None and settings.real > 0:
        bank = RealImages(
            real, features, settings, image_size=image_size, chunking=chunking, seed=seed
        )
    if settings.generated > 0 or bank is not None:
        own = Densities(settings, features, bank, steps, max(0, steps - 1), seed)
        parts = (Energy.of(own),)
    if condition is not None and settings.condition > 0:
        parts = (*parts, settings.condition * condition)
    if not parts:
        raise InvalidInput(
            "Nothing moves the particles: no term has a weight above 0 and what it needs (lambda "
            "1 needs nothing, lambda 2 real images, lambda 3 an energy)."
        )

    def direction(energy: Energy, chunking: Chunking) -> Annealed:
        return Annealed(lambda step: _moving(by_term(energy.at(step), chunking), settings))

    return Flow(sum(parts[1:], start=parts[0]), direction)


def _moving(field: Callable[[Tensor, SampleRng], Seen], settings: FlowSettings) -> Field:
    """The field at the speed of a divergence."""
    if settings.divergence == "KL":
        return field

    def moved(v: Tensor, rng: SampleRng) -> Seen:
        seen = field(v, rng)
        speed = speeds(settings.divergence, -seen.energy)
        return seen._replace(vector=seen.vector * speed[:, None])

    return moved
