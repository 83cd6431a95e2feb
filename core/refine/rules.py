"""The rules: Langevin dynamics, Adam, and how rules combine."""

import math
from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InvalidInput
from ..snapshot import Memory
from ..spaces import Space
from .kernel import Rule, Step, row_norms

__all__ = [
    "Schedule",
    "ScheduleName",
    "adam",
    "by_block",
    "chain",
    "clip_norm",
    "descent",
    "langevin",
    "schedule",
]

Schedule: TypeAlias = Callable[[int], float]
"""A factor for each step."""

ScheduleName: TypeAlias = Literal["constant", "linear", "cosine"]


def schedule(name: ScheduleName, steps: int, final: float) -> Schedule:
    """A factor that goes from 1 at the first step to `final` at the last.

    Args:
        name: constant (final is ignored), linear or cosine.
        steps: of the run.
        final: factor of the last step, at least 0.
    """
    if not 0 <= final < math.inf:
        raise InvalidInput(f"Final factor {final} of a schedule; expected a number of at least 0.")

    def factor(step: int) -> float:
        done = min(1.0, step / max(1, steps - 1))
        if name == "cosine":
            done = 0.5 - 0.5 * math.cos(math.pi * done)
        return 1 + (final - 1) * done

    if name == "constant":
        return lambda step: 1.0
    if name not in ("linear", "cosine"):
        raise InvalidInput(f"Schedule {name!r}; there are constant, linear and cosine.")
    return factor


def _check(name: str, value: float, low: float, high: float, *, closed: bool = False) -> None:
    if not (low < value < high or (closed and value == low)):
        bracket = "[" if closed else "("
        raise InvalidInput(f"{name} is {value}; expected a number in {bracket}{low:g}, {high:g}).")


def langevin(
    *,
    step_size: float = 1e-4,
    inverse_temperature: float,
    momentum: float = 0.99,
    step_schedule: Schedule = lambda step: 1.0,
    noise_schedule: Schedule = lambda step: 1.0,
) -> Rule:
    """Langevin dynamics with heavy-ball momentum.

    TR0N eq. (1), with the momentum of its appendix B.1:
    v <- momentum v + grad E;  z <- z - (beta lambda / 2) v + sqrt(lambda) eps.

    Departure: with momentum above 0 the stationary law is no longer exp(-beta E); 0 recovers
    eq. (1). The gain on a constant gradient is then 1 / (1 - momentum).

    Args:
        step_size: lambda > 0, in latent units squared. The paper uses 1e-4 throughout.
        inverse_temperature: beta > 0; the paper uses 20 (classes), 2000 (StyleGAN2 and NVAE with
            CLIP) and 1e5 (BigGAN with CLIP).
        momentum: in [0, 1); the paper uses 0.99.
        step_schedule: factor on lambda, lambda^(t) of eq. (1).
        noise_schedule: factor on the noise's standard deviation alone; 0 is plain descent.

    Raises:
        InvalidInput: a number outside its range.
    """
    _check("step_size (lambda)", step_size, 0, math.inf)
    _check("inverse_temperature (beta)", inverse_temperature, 0, math.inf)
    _check("momentum", momentum, 0, 1, closed=True)

    def init(position: Tensor) -> Memory:
        return {"velocity": torch.zeros_like(position)}

    def update(vector: Tensor, memory: Memory, step: Step) -> tuple[Tensor, Memory]:
        size = step_size * step_schedule(step.number)
        velocity = momentum * memory["velocity"] + vector
        noise = step.rng.normal(vector.shape[1], like=vector)
        spread = math.sqrt(size) * noise_schedule(step.number)
        displacement = spread * noise - (inverse_temperature * size / 2) * velocity
        return displacement, {"velocity": velocity}

    return Rule(init, update)


def adam(
    *,
    learning_rate: float = 5e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    epsilon: float = 1e-8,
    step_schedule: Schedule = lambda step: 1.0,
) -> Rule:
    """Adam (Kingma and Ba), as torch.optim.Adam without weight decay, sample by sample.

    Args:
        learning_rate: > 0, in latent units; TR0N and FuseDream use 5e-3.
        betas: decay of the two moments, each in [0, 1).
        epsilon: > 0, added to the root of the second moment.
        step_schedule: factor on the learning rate.

    Raises:
        InvalidInput: a number outside its range.
    """
    _check("learning_rate", learning_rate, 0, math.inf)
    _check("epsilon", epsilon, 0, math.inf)
    for beta in betas:
        _check("beta", beta, 0, 1, closed=True)
    first, second = betas

    def init(position: Tensor) -> Memory:
        return {"mean": torch.zeros_like(position), "square": torch.zeros_like(position)}

    def update(vector: Tensor, memory: Memory, step: Step) -> tuple[Tensor, Memory]:
        mean = first * memory["mean"] + (1 - first) * vector
        square = second * memory["square"] + (1 - second) * vector.square()
        count = step.number + 1
        root = (square / (1 - second**count)).sqrt() + epsilon
        rate = learning_rate * step_schedule(step.number) / (1 - first**count)
        return -rate * mean / root, {"mean": mean, "square": square}

    return Rule(init, update)


def descent(*, step_size: float = 0.3, step_schedule: Schedule = lambda step: 1.0) -> Rule:
    """Plain descent, z <- z - lambda v: the step of KRR flow's eq. (6), without noise.

    Args:
        step_size: lambda > 0, in latent units; the paper's table 6 is best at 0.3, and says that
            0.1 to 1 is usual.
        step_schedule: factor on it.

    Raises:
        InvalidInput: a number outside its range.
    """
    _check("step_size (lambda)", step_size, 0, math.inf)

    def update(vector: Tensor, memory: Memory, step: Step) -> tuple[Tensor, Memory]:
        return -step_size * step_schedule(step.number) * vector, memory

    return Rule(lambda position: {}, update)


def clip_norm(limit: float) -> Rule:
    """Shortens each sample's direction to at most `limit`, for use at the head of a chain.

    TR0N's released code clips to 1, its paper does not. Per sample, so a batch equals its members.
    """
    _check("limit", limit, 0, math.inf)

    def update(
        vector: Float[Tensor, "batch dim"], memory: Memory, step: Step
    ) -> tuple[Tensor, Memory]:
        norm = row_norms(vector)[:, None]
        return vector * (limit / norm.clamp_min(limit)), memory

    return Rule(lambda position: {}, update)


def chain(*rules: Rule) -> Rule:
    """Feeds what each rule returns to the next; only the last returns a displacement."""

    def init(position: Tensor) -> Memory:
        return _gathered({str(i): rule.init(position) for i, rule in enumerate(rules)})

    def update(vector: Tensor, memory: Memory, step: Step) -> tuple[Tensor, Memory]:
        kept: dict[str, Memory] = {}
        for i, rule in enumerate(rules):
            vector, kept[str(i)] = rule.update(vector, _under(memory, str(i)), step)
        return vector, _gathered(kept)

    return Rule(init, update)


def by_block(space: Space, rules: Mapping[str, Rule]) -> Rule:
    """A rule for each block of a space.

    Raises:
        InvalidInput: the names are not those of the blocks.
    """
    slices = space.slices()
    if set(rules) != set(slices):
        raise InvalidInput(
            f"Rules for {sorted(rules)}; the space has the blocks {sorted(slices)}."
        )

    def init(position: Tensor) -> Memory:
        return _gathered({name: rules[name].init(position[:, at]) for name, at in slices.items()})

    def update(vector: Tensor, memory: Memory, step: Step) -> tuple[Tensor, Memory]:
        moved: list[Tensor] = []
        kept: dict[str, Memory] = {}
        for name, at in slices.items():
            inside = step._replace(position=step.position[:, at])
            displacement, kept[name] = rules[name].update(
                vector[:, at], _under(memory, name), inside
            )
            moved.append(displacement)
        return torch.cat(moved, dim=1), _gathered(kept)

    return Rule(init, update)


def _gathered(parts: Mapping[str, Memory]) -> Memory:
    return {
        f"{part}/{key}": value for part, memory in parts.items() for key, value in memory.items()
    }


def _under(memory: Memory, part: str) -> Memory:
    prefix = f"{part}/"
    return {k.removeprefix(prefix): v for k, v in memory.items() if k.startswith(prefix)}
