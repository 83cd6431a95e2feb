"""Moves of latents along a direction: by one strength, or by each sample's smallest one."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..auxiliary import Auxiliary
from ..chunking import Chunking
from ..devices import threads_for
from ..errors import GeneratorMismatch, InvalidInput
from ..generator import Generator
from ..identity import check_options
from ..latents import Latents
from ..rng import SampleRng
from ..spaces import Space
from .directions import LatentDirection
from .ending import EndCheck
from .search import MoveSearch
from .walking import LooksOnce, Walk, least_changed, walked

__all__ = ["Moved", "moved_along", "moved_until", "smallest_strengths"]


@dataclass(frozen=True)
class Moved:
    """Samples moved as little as reaches what is wanted.

    Attributes:
        latents: the moved samples, in the identity chart.
        strengths: strength of each.
        reached: whether the auxiliary sees what is wanted at the smallest move; the others are at
            the largest strength. With checked ends, whether it sees it at the end.
        probability: probability of what is wanted there.
    """

    latents: Latents
    strengths: Float[Tensor, " batch"]
    reached: Bool[Tensor, " batch"]
    probability: Float[Tensor, " batch"]

    def summary(self) -> str:
        """Returns a line per sample: its strength, and whether it is reached."""
        rows = zip(
            self.latents.samples,
            self.strengths.tolist(),
            self.probability.tolist(),
            self.reached.tolist(),
            strict=True,
        )
        return "\n".join(
            f"sample {name}: strength {strength:.3g}, probability {probability:.2f}"
            + ("" if reached else ", not reached")
            for name, strength, probability, reached in rows
        )


@torch.no_grad()
def moved_along(latents: Latents, direction: LatentDirection, strength: float) -> Latents:
    """Returns latents moved by one strength, within the bounds of their space.

    Args:
        latents: in any chart; the result is in the identity chart.
        direction: of the latents' generator.
        strength: in standard deviations of the latents along the direction; negative values move
            the other way.

    Raises:
        GeneratorMismatch: the direction is of another generator, or of one with other options.
        InvalidInput: a strength that is not finite, or a direction with goals alone.
    """
    _check(latents, direction)
    if direction.unit == 0:
        raise InvalidInput(
            f"{direction.contrast}: the means of both sides differ by chance only, so there is no "
            "direction for all samples. Move each sample towards its own goal (mode smallest)."
        )
    if not math.isfinite(strength):
        raise InvalidInput(f"A strength of {strength}; expected a finite number.")
    plain = latents.plain()
    strengths = torch.full((len(plain),), strength, dtype=torch.float64)
    return plain.moved(_at(plain.values, direction, strengths))


@torch.no_grad()
def moved_until(
    latents: Latents,
    direction: LatentDirection,
    generator: Generator,
    auxiliary: Auxiliary,
    *,
    search: MoveSearch,
    chunking: Chunking,
    device: torch.device,
    report: Callable[[int], None] = lambda done: None,
) -> Moved:
    """Returns each sample at the smallest strength at which the auxiliary sees what is wanted.

    What it sees is the direction's contrast, the probability of the wanted texts against the
    others. The strength is found on a grid and by bisection, without gradients. A sample that
    shows what is wanted already stays where it is; one that never does is left at the largest
    strength. Each sample is searched by itself: its result is the same alone and in any batch.

    A direction with goals has several ways: along the direction, and a walk towards each goal (see
    `core.pairs.walking`) whose steps are the intervals of the grid. Each sample takes the way that
    reaches what is wanted and changes the rest of its condition least; if none reaches it, the one
    with the highest probability. With checked ends, the ends of the ways are compared.

    Args:
        latents: in any chart; the result is in the identity chart.
        direction: of the generator, from texts of the auxiliary.
        generator: G. Random noise is that of `core.latents.decode`.
        auxiliary: f.
        search: range and precision.
        chunking: samples at a time.
        device: where the networks are.
        report: called after every round of images with the number of rounds done; may raise to
            stop.

    Raises:
        GeneratorMismatch: latents or direction of another generator.
        ConditionMismatch: the direction's texts are of another auxiliary.
    """
    latents.check_generator(generator)
    _check(latents, direction)
    direction.contrast.wanted.check_auxiliary(auxiliary.id, auxiliary.name)
    plain = latents.plain()
    values, encode = plain.values, generator.encode
    search = search.attainable(direction)
    done = 0

    def looked(rows: Tensor, points: Tensor, again: bool) -> Tensor:
        nonlocal done

        def seen(v: Tensor, rng: SampleRng) -> tuple[Tensor]:
            images = generator(v, rng)
            if again and encode is not None:
                images = generator(encode(images), rng)
            return (auxiliary.embed(images),)

        streams = plain.rng(0, "decode").taken(rows.tolist())
        (conditions,) = chunking.apply_random(seen, points.to(device), streams)
        done += 1
        report(done)
        return conditions.cpu()

    shown = LooksOnce(partial(looked, again=False))
    drawn_again = LooksOnce(partial(looked, again=True))

    def seen_by(conditions: Tensor) -> Tensor:
        return _one_by_one(direction, conditions)

    def probability(rows: Tensor, strengths: Tensor) -> Tensor:
        points = _at(values[rows], direction, strengths)
        return seen_by(shown(rows, points))

    networks = (*generator.modules, *auxiliary.modules)
    size = generator.image_size
    with threads_for(networks, rows=chunking.size, device=device, image_size=size):
        ways = [
            walked(
                values,
                goal,
                direction.space,
                shown,
                seen_by,
                most=search.most,
                steps=search.grid,
                bisections=search.bisections,
                certainty=search.certainty,
            )
            for goal in direction.goals
        ]
        if direction.unit > 0:
            strengths, found = smallest_strengths(len(plain), probability, search)
            ways.append(Walk(_at(values, direction, strengths), strengths, found))
        beyond = search.beyond
        if search.checked and len(plain):
            again = () if encode is None else (drawn_again,)
            check = EndCheck(direction.space, (shown, *again), seen_by, search.certainty)
            ways = [check.ended(values, way, max(beyond, 1.0)) for way in ways]
            beyond = min(beyond, 1.0)
        way = ways[0]
        if direction.goals and len(plain):
            way = least_changed(values, ways, direction.goals[0], shown, search.certainty)
    reached = way.found >= search.certainty
    points, strengths = way.points, way.strengths * beyond
    if beyond != 1:
        points = direction.space.clamp(torch.lerp(values, points, beyond))
    return Moved(plain.moved(points), strengths, reached, way.found)


def smallest_strengths(
    count: int, probability: Callable[[Tensor, Tensor], Tensor], search: MoveSearch
) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
    """Returns the smallest strength that reaches what is wanted, and its probability, by sample.

    The strength is found on a grid and by bisection, each sample by itself. One that shows the
    wanted already has strength 0; one that never does has the largest.

    Args:
        count: number of samples.
        probability: from row numbers and a strength each (float64), the probability of what is
            wanted.
        search: range and precision.
    """
    everything = torch.arange(count)
    high = torch.zeros(count, dtype=torch.float64)
    found = probability(everything, high) if count else high
    low = high.clone()
    for step in range(1, search.grid + 1):
        rows = everything[found < search.certainty]
        if not len(rows):
            break
        low[rows] = high[rows]
        high[rows] = search.most * step / search.grid
        found[rows] = probability(rows, high[rows])
    # Between a strength that does not reach it and one that does.
    rows = everything[(found >= search.certainty) & (high > low)]
    for _ in range(search.bisections if len(rows) else 0):
        middle = (low[rows] + high[rows]) / 2
        there = probability(rows, middle)
        reached = there >= search.certainty
        high[rows[reached]], found[rows[reached]] = middle[reached], there[reached]
        low[rows[~reached]] = middle[~reached]
    return high, found


def _at(values: Tensor, direction: LatentDirection, strengths: Tensor) -> Tensor:
    """Returns points moved by a strength each; strength 0 is the point itself, bit for bit."""
    steps = (strengths * direction.unit).to(values)[:, None] * direction.vector.to(values)
    space = direction.space
    return torch.where(strengths[:, None] == 0, values, space.clamp(values + steps))


def _one_by_one(direction: LatentDirection, conditions: Tensor) -> Tensor:
    """Returns probabilities, each computed by itself; unusable conditions have probability 0."""
    each = [direction.contrast.probability(row[None]) for row in conditions]
    return torch.cat(each).nan_to_num(nan=0.0)


def _check(latents: Latents, direction: LatentDirection) -> None:
    if latents.generator != direction.generator:
        raise GeneratorMismatch(
            f"The direction is of generator {direction.generator_name!r} "
            f"({direction.generator[:12]}), the latents are of {latents.generator_name!r} "
            f"({latents.generator[:12]}). Make a direction with pairs of "
            f"{latents.generator_name!r}."
        )
    check_options(
        "The pairs of the direction",
        direction.generator,
        latents.generator,
        latents.generator_name,
        "make a direction with pairs of the generator as it is loaded now",
        against="the latents are of",
    )
    target = latents.chart.target
    if not isinstance(target, Space) or not target.alike(direction.space):
        raise GeneratorMismatch(
            f"The latents are points of {target}, the direction of "
            f"{direction.space}. Make a direction in the same space."
        )
