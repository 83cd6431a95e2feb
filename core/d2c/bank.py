"""Banks of latents: what rejection chooses from, and what the bank mean is computed from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from ..diffusion.prior import DiffusionPrior
from ..errors import GeneratorMismatch, InvalidInput
from ..generator import Generator
from ..identity import check_options
from ..latents import Latents
from ..pairs.pairs import Pairs
from ..rng import SampleRng

__all__ = ["LatentBank", "LatentDraw", "bank_of", "bank_of_draws", "bank_of_pairs", "draws_of"]

DRAWN, STEPS = 2000, 20
"""Draws for a bank where there are no pairs, and calls of the denoiser for each."""

LatentDraw: TypeAlias = Callable[[SampleRng, Tensor], Float[Tensor, "batch dim"]]
"""Draws latents, one per row of the streams, on the device and of the float type of a tensor.

A row has the same bits in any batch.
"""


@dataclass(frozen=True, eq=False)
class LatentBank:
    """Stored latents of a generator, on the CPU.

    Attributes:
        values: the latents, at least one.
        generator: id of the generator, with its options.
        generator_name: name of the generator, for messages.
        source: what they are, for reports, such as "draws of the prior".

    Raises:
        InvalidInput: no latent, or one that is not finite.
    """

    values: Float[Tensor, "members dim"]
    generator: str
    generator_name: str
    source: str = "latents"

    def __post_init__(self) -> None:
        if not len(self.values):
            raise InvalidInput(
                f"The bank of {self.source} is empty; at least 1 latent is needed. Draw some "
                "from the prior, or encode images."
            )
        bad = (~self.values.isfinite().all(dim=1)).nonzero()[:, 0].tolist()
        if bad:
            raise InvalidInput(
                f"Latents {bad[:8]} of the bank of {self.source} are not finite. Leave them out."
            )

    def __len__(self) -> int:
        return len(self.values)

    def __str__(self) -> str:
        return f"{len(self)} {self.source}"

    @classmethod
    def of_latents(cls, latents: Latents) -> "LatentBank":
        """Returns the bank of latents in any chart."""
        return cls(latents.plain().values, latents.generator, latents.generator_name)

    def check(self, generator: Generator) -> None:
        """Checks that the bank is of the latents of a generator.

        Raises:
            GeneratorMismatch: another generator, other options, or another number of coordinates.
        """
        cure = f"Make a bank with {generator.name!r}."
        if generator.id != self.generator:
            raise GeneratorMismatch(
                f"The bank holds latents of {self.generator_name!r} ({self.generator[:12]}); got "
                f"{generator.name!r} ({generator.id[:12]}). {cure}"
            )
        check_options(
            "The bank's latents",
            self.generator,
            generator.id,
            generator.name,
            "make a bank with the generator as it is loaded now",
        )
        if self.values.shape[1] != generator.source.dim:
            raise GeneratorMismatch(
                f"The bank's latents have {self.values.shape[1]} numbers; {generator.name!r} "
                f"takes {generator.source}, {generator.source.dim}. {cure}"
            )


def bank_of(
    generator: Generator,
    pairs: Pairs | None,
    prior: DiffusionPrior | None,
    *,
    device: torch.device,
) -> LatentBank:
    """Returns the latents of pairs; without any, draws of the prior or of the generator.

    Raises:
        GeneratorMismatch: pairs or a prior of another generator.
    """
    if pairs is not None:
        return bank_of_pairs(pairs, generator)
    steps = STEPS if prior is None else min(STEPS, len(prior.schedule))
    draw = draws_of(generator, prior, steps=steps)
    return bank_of_draws(draw, generator, DRAWN, seed=0, device=device)


def bank_of_pairs(pairs: Pairs, generator: Generator, count: int = 0) -> LatentBank:
    """Returns the bank of the latents of pairs.

    Args:
        pairs: pairs of the generator.
        generator: of the latents.
        count: number of pairs to take, the first ones; 0 for all.

    Raises:
        GeneratorMismatch: pairs of another generator.
        InvalidInput: no pair.
    """
    pairs.check_generator(generator.id, generator.name, against="the bank is for")
    last = min(count, len(pairs)) if count else len(pairs)
    values = pairs.latents_of(torch.arange(last)).cpu()
    return LatentBank(values, generator.id, generator.name, "latents of pairs")


def draws_of(
    generator: Generator,
    prior: DiffusionPrior | None,
    *,
    steps: int = 50,
    eta: float = 0.0,
    report: Callable[[int], None] = lambda rows: None,
) -> LatentDraw:
    """Returns draws of a diffusion prior, or of the generator's own prior without one.

    Args:
        generator: of the latents.
        prior: diffusion prior of these latents.
        steps: calls of its network per draw; no effect without a diffusion prior.
        eta: noise of DDIM, from 0 (none) to 1 (DDPM).
        report: called with the rows of a call that are done; may raise to stop.

    Raises:
        GeneratorMismatch: a prior of another generator.
    """
    if prior is None:
        own = generator.prior
        return lambda rng, like: own.sample(rng, like)
    prior.check(generator)

    return lambda rng, like: prior.sample(rng, like, steps=steps, eta=eta, report=report)


@torch.no_grad()
def bank_of_draws(
    draw: LatentDraw, generator: Generator, count: int, *, seed: int, device: torch.device
) -> LatentBank:
    """Returns a bank of draws; a larger bank begins with a smaller one's members.

    Args:
        draw: draws latents of the generator.
        generator: of the latents.
        count: number of members, at least 1.
        seed: seed of the members' streams.
        device: where the networks are.

    Raises:
        InvalidInput: no member.
    """
    if count < 1:
        raise InvalidInput(f"A bank of {count} draws; at least 1 needed.")
    values = draw(SampleRng.of(seed, count, "bank"), torch.empty(0, device=device))
    return LatentBank(values.cpu(), generator.id, generator.name, "draws of the prior")
