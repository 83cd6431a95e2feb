"""The rules: Langevin dynamics, Adam, descent, Nesterov's momentum, and how rules combine.

Every rule is a frozen dataclass whose fields are its identity.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InvalidInput
from ..snapshot import Memory
from ..spaces import Space
from .kernel import Rule, Step, row_norms
from .schedule import CONSTANT, Schedule

__all__ = ["Adam", "ByBlock", "Chain", "ClipNorm", "Descent", "Langevin", "Nesterov"]


def _check(name: str, value: float, low: float, high: float, *, closed: bool = False) -> None:
    if not (low < value < high or (closed and value == low)):
        bracket = "[" if closed else "("
        raise InvalidInput(f"{name} is {value}; expected a number in {bracket}{low:g}, {high:g}).")


@dataclass(frozen=True, kw_only=True)
class Langevin:
    """Langevin dynamics with heavy-ball momentum.

    TR0N eq. (1), with the momentum of its appendix B.1:
    v <- momentum v + grad E;  z <- z - (beta lambda / 2) v + sqrt(lambda) eps.

    Departure: with momentum above 0 the stationary law is no longer exp(-beta E); 0 recovers
    eq. (1). The gain on a constant gradient is then 1 / (1 - momentum).

    Attributes:
        step_size: lambda > 0, in latent units squared. The paper uses 1e-4 throughout.
        inverse_temperature: beta > 0; the paper uses 20 (classes), 2000 (StyleGAN2 and NVAE with
            CLIP) and 1e5 (BigGAN with CLIP).
        momentum: in [0, 1); the paper uses 0.99.
        step_schedule: factor on lambda, lambda^(t) of eq. (1).
        noise_schedule: factor on the noise's standard deviation alone; 0 is plain descent.

    Raises:
        InvalidInput: a number outside its range.
    """

    step_size: float = 1e-4
    inverse_temperature: float
    momentum: float = 0.99
    step_schedule: Schedule = CONSTANT
    noise_schedule: Schedule = CONSTANT

    def __post_init__(self) -> None:
        _check("step_size (lambda)", self.step_size, 0, math.inf)
        _check("inverse_temperature (beta)", self.inverse_temperature, 0, math.inf)
        _check("momentum", self.momentum, 0, 1, closed=True)

    def init(self, position: Tensor) -> Memory:
        """Returns zero velocity."""
        return {"velocity": torch.zeros_like(position)}

    def update(self, vector: Tensor, memory: Memory, step: Step) -> tuple[Tensor, Memory]:
        """Returns a step's displacement; draws one normal number per coordinate and sample."""
        size = self.step_size * self.step_schedule(step.number)
        velocity = self.momentum * memory["velocity"] + vector
        noise = step.rng.normal(vector.shape[1], like=vector)
        spread = math.sqrt(size) * self.noise_schedule(step.number)
        displacement = spread * noise - (self.inverse_temperature * size / 2) * velocity
        return displacement, {"velocity": velocity}


@dataclass(frozen=True, kw_only=True)
class Adam:
    """Adam (Kingma and Ba), as torch.optim.Adam without weight decay, sample by sample.

    Attributes:
        learning_rate: > 0, in latent units; TR0N and FuseDream use 5e-3.
        betas: decay of the two moments, each in [0, 1).
        epsilon: > 0, added to the root of the second moment.
        step_schedule: factor on the learning rate.

    Raises:
        InvalidInput: a number outside its range.
    """

    learning_rate: float = 5e-3
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    step_schedule: Schedule = CONSTANT

    def __post_init__(self) -> None:
        _check("learning_rate", self.learning_rate, 0, math.inf)
        _check("epsilon", self.epsilon, 0, math.inf)
        for beta in self.betas:
            _check("beta", beta, 0, 1, closed=True)

    def init(self, position: Tensor) -> Memory:
        """Returns zero moments."""
        return {"mean": torch.zeros_like(position), "square": torch.zeros_like(position)}

    def update(self, vector: Tensor, memory: Memory, step: Step) -> tuple[Tensor, Memory]:
        """The displacement of one step."""
        first, second = self.betas
        mean = first * memory["mean"] + (1 - first) * vector
        square = second * memory["square"] + (1 - second) * vector.square()
        count = step.number + 1
        root = (square / (1 - second**count)).sqrt() + self.epsilon
        rate = self.learning_rate * self.step_schedule(step.number) / (1 - first**count)
        return -rate * mean / root, {"mean": mean, "square": square}


@dataclass(frozen=True, kw_only=True)
class Descent:
    """Plain descent, z <- z - lambda v: the step of KRR flow's eq. (6), without noise.

    Attributes:
        step_size: lambda > 0, in latent units; 0.3 is best in the paper's table 6, which calls 0.1
            to 1 usual.
        step_schedule: factor on lambda.

    Raises:
        InvalidInput: a number outside its range.
    """

    step_size: float = 0.3
    step_schedule: Schedule = CONSTANT

    def __post_init__(self) -> None:
        _check("step_size (lambda)", self.step_size, 0, math.inf)

    def init(self, position: Tensor) -> Memory:
        """Returns an empty memory."""
        return {}

    def update(self, vector: Tensor, memory: Memory, step: Step) -> tuple[Tensor, Memory]:
        """The displacement of one step."""
        return -self.step_size * self.step_schedule(step.number) * vector, memory


@dataclass(frozen=True, kw_only=True)
class Nesterov:
    """Descent with Nesterov's momentum, as torch.optim.SGD with `nesterov`; ReNO's optimiser.

    v <- momentum v + grad E;  z <- z - lambda (grad E + momentum v).

    Attributes:
        step_size: lambda > 0, in latent units; ReNO (arXiv 2406.04312) uses 5, with gradients
            clipped to norm 0.1 before (`ClipNorm`).
        momentum: in [0, 1); ReNO uses 0.9.
        step_schedule: factor on lambda.

    Raises:
        InvalidInput: a number outside its range.
    """

    step_size: float = 5.0
    momentum: float = 0.9
    step_schedule: Schedule = CONSTANT

    def __post_init__(self) -> None:
        _check("step_size (lambda)", self.step_size, 0, math.inf)
        _check("momentum", self.momentum, 0, 1, closed=True)

    def init(self, position: Tensor) -> Memory:
        """Returns zero velocity."""
        return {"velocity": torch.zeros_like(position)}

    def update(self, vector: Tensor, memory: Memory, step: Step) -> tuple[Tensor, Memory]:
        """The displacement of one step."""
        velocity = self.momentum * memory["velocity"] + vector
        size = self.step_size * self.step_schedule(step.number)
        return -size * (vector + self.momentum * velocity), {"velocity": velocity}


@dataclass(frozen=True)
class ClipNorm:
    """Clips the norm of the direction of each sample to `limit`; placed first in a chain.

    TR0N's released code clips to 1, its paper does not. Clipping is per sample, so that a sample
    does not depend on its batch.

    Attributes:
        limit: largest norm, > 0.

    Raises:
        InvalidInput: a limit outside its range.
    """

    limit: float

    def __post_init__(self) -> None:
        _check("limit", self.limit, 0, math.inf)

    def init(self, position: Tensor) -> Memory:
        """Returns an empty memory."""
        return {}

    def update(
        self, vector: Float[Tensor, "batch dim"], memory: Memory, step: Step
    ) -> tuple[Tensor, Memory]:
        """Returns the clipped direction."""
        norm = row_norms(vector)[:, None]
        return vector * (self.limit / norm.clamp_min(self.limit)), memory


@dataclass(frozen=True)
class Chain:
    """Rules in sequence: each gets the result of the one before.

    Attributes:
        rules: rules in order.
    """

    rules: tuple[Rule, ...]

    def init(self, position: Tensor) -> Memory:
        """Returns the memory of each rule, under its number."""
        return _gathered({str(i): rule.init(position) for i, rule in enumerate(self.rules)})

    def update(self, vector: Tensor, memory: Memory, step: Step) -> tuple[Tensor, Memory]:
        """Returns the displacement of the last rule."""
        kept: dict[str, Memory] = {}
        for i, rule in enumerate(self.rules):
            vector, kept[str(i)] = rule.update(vector, _under(memory, str(i)), step)
        return vector, _gathered(kept)


@dataclass(frozen=True)
class ByBlock:
    """A separate rule for each block of a space.

    Attributes:
        space: space of the latents.
        rules: rules by the name of the block.

    Raises:
        InvalidInput: the names are not those of the blocks.
    """

    space: Space
    rules: Mapping[str, Rule]

    def __post_init__(self) -> None:
        blocks = set(self.space.slices())
        if set(self.rules) != blocks:
            raise InvalidInput(
                f"Rules for {sorted(self.rules)}; the space has the blocks {sorted(blocks)}."
            )

    def init(self, position: Tensor) -> Memory:
        """Returns the memory of the rule of each block, under the name of the block."""
        return _gathered(
            {
                name: self.rules[name].init(position[:, at])
                for name, at in self.space.slices().items()
            }
        )

    def update(self, vector: Tensor, memory: Memory, step: Step) -> tuple[Tensor, Memory]:
        """Returns the displacements of all blocks, concatenated."""
        moved: list[Tensor] = []
        kept: dict[str, Memory] = {}
        for name, at in self.space.slices().items():
            inside = step._replace(position=step.position[:, at])
            displacement, kept[name] = self.rules[name].update(
                vector[:, at], _under(memory, name), inside
            )
            moved.append(displacement)
        return torch.cat(moved, dim=1), _gathered(kept)


def _gathered(parts: Mapping[str, Memory]) -> Memory:
    return {
        f"{part}/{key}": value for part, memory in parts.items() for key, value in memory.items()
    }


def _under(memory: Memory, part: str) -> Memory:
    prefix = f"{part}/"
    return {k.removeprefix(prefix): v for k, v in memory.items() if k.startswith(prefix)}
