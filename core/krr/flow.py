"""KRR flow: the energy whose descent is the Wasserstein gradient flow, and its direction."""

from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field as attribute

import torch
from jaxtyping import Float
from torch import Tensor

from ..chunking import Chunking
from ..energy import Energy, Pullback
from ..errors import InvalidInput
from ..features import FeatureMap
from ..refine.kernel import Annealed, Direction, Field, FieldValue, gradient_by_term
from ..rng import SampleRng
from .groups import Groups, groups_of
from .log_ratio import GENERATED, REAL, LogRatio
from .real import RealImages
from .settings import FlowSettings, speeds

__all__ = ["GENERATED", "REAL", "Flow", "LogRatio", "krr_flow"]


@dataclass(frozen=True)
class Flow:
    """A flow in the form that a refinement uses.

    Attributes:
        energy: lambda_1 A - lambda_2 B - lambda_3 log p(c|x) on images, whose plain descent is eq.
            (6); it uses the mollifier of the last step.
        direction: its gradient with the mollifier of each step, at the speed of the divergence.
    """

    energy: Energy
    direction: Direction


@dataclass(frozen=True)
class FlowDirection:
    """Direction of a flow: the gradient of its energy at the speed of the divergence.

    Attributes:
        settings: settings of the flow.
        groups: groups of samples by condition, each with its own
            density; None for one group.
    """

    settings: FlowSettings
    groups: Groups | None = attribute(default=None, compare=False)

    def field(self, energy: Energy, chunking: Chunking) -> Annealed:
        """Returns the field of the energy of a flow; see `Direction`."""
        return Annealed(
            lambda step: _moving(energy.at(step), chunking, self.settings, self.groups)
        )


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
    """Builds the Wasserstein gradient flow of KL(q(x|c), p(x|c)) by particles, eq. (2) and (6).

    Args:
        settings: weights, kernel, estimators.
        features: d.
        steps: T of the run, for the schedule of the mollifier.
        image_size: (height, width) of the generator's images.
        chunking: how many images d sees at a time.
        condition: -log p(c|x), on images or on the latents of the generator. Where it has several
            conditions, a row per sample, each condition has its own density log q(x|c), for any
            lambda_3, unless the settings pool them. Its particles are those with equal rows, and
            they flow independently of the others.
        real: images of p(x), of the generator's size, in [0, 1].
        seed: seed of the mollifier's samples in image space and of the draws of real images.

    Raises:
        ConditionMismatch: terms of the condition have different numbers of rows.
        DomainMismatch: real images of another size.
        InvalidInput: no term has a weight; a condition has a single particle; fewer than two real
            images.

    Departures: the paper does not state its eta, xi, number of particles and mollifier.
    """
    parts: tuple[Energy, ...] = ()
    images = None
    if real is not None and settings.real > 0:
        images = RealImages(
            real, features, settings, image_size=image_size, chunking=chunking, seed=seed
        )
    groups = None
    if settings.generated > 0 and not settings.pooled:
        groups = _checked(groups_of(condition))
    if settings.generated > 0 or images is not None:
        own = LogRatio(settings, features, images, steps, max(0, steps - 1), seed, groups)
        parts = (Energy.of(own),)
    if condition is not None and settings.condition > 0:
        parts = (*parts, settings.condition * condition)
    if not parts:
        raise InvalidInput(
            "Nothing moves the particles: no term has a weight above 0 and what it needs (lambda "
            "1 needs nothing, lambda 2 real images, lambda 3 an energy)."
        )

    return Flow(sum(parts[1:], start=parts[0]), FlowDirection(settings, groups))


def _checked(groups: Groups | None) -> Groups | None:
    single = [] if groups is None else groups.single()
    if single:
        shown = ", ".join(map(repr, single[:5])) + (" and others" if len(single) > 5 else "")
        raise InvalidInput(
            f"One particle of the condition {shown}; the density of the generated images is made "
            "of several. Start from at least 2 samples of each condition, pool the conditions in "
            "one density (pooled), or set the weight of that term (lambda 1) to 0."
        )
    return groups


def _moving(
    energy: Energy, chunking: Chunking, settings: FlowSettings, groups: Groups | None
) -> Field:
    """Returns the gradient of an energy at the speed of a divergence."""
    along = gradient_by_term(energy, chunking)
    # Without the density of the samples there is no r: particles move as for KL.
    if settings.divergence == "KL" or settings.generated == 0:
        return along
    shares = dict(zip(energy.names(), _shares(energy, settings.condition), strict=True))

    def moved(v: Tensor, rng: SampleRng) -> FieldValue:
        seen = along(v, rng)
        energies = [share * seen.terms[name] for name, share in shares.items()]
        apart = None if groups is None else groups.places(rng.rows)
        speed = speeds(settings.divergence, -torch.stack(energies).sum(dim=0), apart)
        return seen._replace(vector=seen.vector * speed[:, None])

    return moved


def _shares(energy: Energy, condition: float) -> Iterator[float]:
    """The factors that turn lambda_1 A - lambda_2 B - lambda_3 C into A - B - C = -log r."""
    for weight, part in energy.terms:
        if isinstance(part, Pullback):
            yield from (weight * share for share in _shares(part.inner, condition))
        elif isinstance(part, LogRatio):
            yield from (weight for _ in part.leaves())
        else:
            yield from (weight / condition for _ in part.leaves())
