"""The weighted log density ratio of KRR flow, lambda_1 A - lambda_2 B, as a part of an energy."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..devices import numbers_on
from ..errors import Diverged, InvalidInput
from ..features import FeatureMap
from ..rng import SampleRng
from ..spaces import IMAGES, Images
from ..terms import AtAllSamples, Reading, Term
from .density import KernelDensity, fit_density, log_density, ridge_of, stein_score
from .groups import Groups
from .kernel import offsets, widened, width_of
from .real import RealImages, noised
from .settings import FlowSettings

__all__ = ["GENERATED", "REAL", "LogRatio"]

GENERATED = "log q(x)"
"""Label of A, eq. (4)."""
REAL = "-log p(x)"
"""Label of -B, eq. (5)."""


@dataclass(frozen=True)
class Particles:
    """The particles before a step, detached.

    Attributes:
        densities: density of all particles, or one for each condition.
        of: number of the density of each particle.
        places: position of each particle within its density.
        scores: scores at the particles by Stein's identity, if the estimator is `stein`.
    """

    densities: tuple[KernelDensity, ...]
    of: tuple[int, ...]
    places: tuple[int, ...]
    scores: Tensor | None


@dataclass(frozen=True)
class LogRatio:
    """The part lambda_1 A - lambda_2 B on images, eq. (4) to (6), from one feature pass.

    A couples the samples, as each is compared with all particles. Decoupled, the particles are
    fixed, and each row depends on its own image alone. In both cases no gradient passes through
    the particles compared with.

    Attributes:
        settings: settings of the flow.
        features: d.
        real: real images, or None for B = 0.
        steps: steps of the run, for the schedule of the mollifier.
        step: current step.
        seed: seed of the mollifier's samples.
        groups: groups of samples by condition, each with its own density; None for one group.
        particles: particles that A compares with; None for the evaluated samples themselves.
    """

    settings: FlowSettings
    features: FeatureMap
    real: RealImages | None
    steps: int
    step: int
    seed: int = 0
    groups: Groups | None = None
    particles: Particles | None = None

    @property
    def domain(self) -> Images:
        """The space of images."""
        return IMAGES

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The feature network."""
        return self.features.modules

    def __str__(self) -> str:
        real = "none" if self.real is None else str(self.real)
        return (
            f"densities({self.features.id}, {self.settings}, real {real}, "
            f"{self.steps} steps, seed {self.seed})"
        )

    def at(self, step: int) -> "LogRatio":
        """Returns the part with the mollifier of a step."""
        return replace(self, step=step)

    def decoupled(self, at_all: AtAllSamples) -> "LogRatio":
        """Returns the part with the particles fixed."""
        seen = at_all(lambda images, rng: self._seen(images, self.features.of(images)))
        return replace(self, particles=self._particles(seen, range(len(seen))))

    def repeated(self, each: int) -> "LogRatio":
        """Refused.

        Raises:
            InvalidInput: always, because several runs of a sample are not several particles.
        """
        raise InvalidInput(
            f"{self} compares the samples of a batch with each other: several runs of a sample "
            "would count as several samples. Use it in KRR Flow Refine."
        )

    def leaves(self) -> Iterator[Term]:
        """Returns the terms that have a weight."""
        if self.settings.generated > 0:
            yield Term(
                GENERATED,
                IMAGES,
                self._generated,
                self.modules,
                condition=None if self.groups is None else self.groups.condition(),
                coupled=self.particles is None,
            )
        if self._has_real:
            yield Term(REAL, IMAGES, self._real, self.modules)

    def read(self, v: Tensor, rng: SampleRng) -> Iterator[Reading]:
        """Returns A and -B of images v."""
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
        density = self.real.density(self._sigma, images.detach(), self.step)
        return -log_density(features, density, floor=self.settings.floor)

    def _log_q(self, images: Tensor, features: Tensor, rng: SampleRng) -> Float[Tensor, " batch"]:
        particles, own = self.particles, rng.rows
        if particles is None:
            seen = self._seen(images.detach(), features.detach())
            particles, own = self._particles(seen, rng.rows), range(len(features))
        points = features if particles.scores is None else features.detach()
        values = self._logs(points, particles, own)
        if particles.scores is None:
            return values
        slope = particles.scores[numbers_on(own, features.device)].to(features)
        return values + (slope * (features - features.detach())).sum(dim=1)

    def _logs(
        self, features: Tensor, particles: Particles, own: Sequence[int]
    ) -> Float[Tensor, " batch"]:
        """Returns the value of each row under its own density.

        Each density is evaluated at all rows, and the values of rows of other densities are
        dropped. A matrix product then has the same number of rows, and equal bits, independent of
        the conditions of the batch.
        """
        numbers = [particles.of[row] for row in own]
        values = features.new_zeros(len(features))
        for number in sorted(set(numbers)):
            without = None
            if not self.settings.self_term:
                places = [particles.places[row] for row in own]
                most = len(particles.densities[number].points) - 1
                without = numbers_on([min(p, most) for p in places], features.device)
            found = log_density(
                features, particles.densities[number], floor=self.settings.floor, without=without
            )
            mine = numbers_on([n == number for n in numbers], features.device).bool()
            values = torch.where(mine, found, values)
        return values

    def _seen(self, images: Tensor, features: Tensor) -> Float[Tensor, "batch copies features"]:
        """Returns the features of particles, followed by those of their noised copies."""
        sigma, mollifier = self._sigma, self.settings.mollifier
        seen = features.detach()[:, None]
        if mollifier.kind != "image" or sigma == 0:
            return seen
        shape = tuple(images.shape[1:])
        eps = sigma * offsets(mollifier.samples, shape, self.seed, like=images)
        return torch.cat([seen, noised(self.features, images.detach(), eps)], dim=1)

    def _particles(
        self, seen: Float[Tensor, "n copies features"], rows: Sequence[int]
    ) -> Particles:
        if len(seen) < 2:
            raise InvalidInput(
                f"{len(seen)} particle; the density of the generated images needs several. Start "
                "from at least 2 samples, or set the weight of that term to 0."
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
        if self.groups is None:
            density, scores = self._density(seen)
            return Particles((density,), (0,) * len(seen), tuple(range(len(seen))), scores)
        members = self.groups.places(rows)
        densities: dict[int, KernelDensity] = {}
        of, places = [0] * len(seen), [0] * len(seen)
        scores = None
        for number, found in enumerate(members):
            if len(found) == 0:
                continue
            own = numbers_on(found, seen.device)
            density, score = self._density(seen[own])
            if score is not None:
                empty = score.new_zeros(len(seen), score.shape[1])
                scores = (empty if scores is None else scores).index_copy(0, own, score)
            for place, row in enumerate(found):
                of[row], places[row] = len(densities), place
            densities[number] = density
        return Particles(tuple(densities.values()), tuple(of), tuple(places), scores)

    def _density(
        self, seen: Float[Tensor, "n copies features"]
    ) -> tuple[KernelDensity, Tensor | None]:
        """Returns the density of one condition, and for `stein` its scores at them."""
        settings, features = self.settings, seen[:, 0]
        if self.real is not None and settings.bandwidth == "median":
            width = self.real.width(seen)
        else:
            width = width_of(settings.bandwidth, features)
        if settings.mollifier.kind == "feature":
            width = widened(width, self._sigma)
        points = seen[:, 1:] if seen.shape[1] > 1 else seen
        eta = ridge_of(settings.eta, len(seen))
        density = fit_density(
            features, points, width=width, ridge=eta if settings.estimator == "krr" else None
        )
        if settings.estimator != "stein":
            return density, None
        return density, stein_score(features, width, eta)
