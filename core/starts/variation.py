"""Starts near given latents: edits of an image, and variations of one."""

import torch
from einops import repeat
from torch import Tensor

from ..charts import Start
from ..chunking import Chunking
from ..devices import threads_of
from ..energy import Energy
from ..errors import InvalidInput
from ..generator import Gaussian, Generator
from ..latents import Latents
from ..rng import SampleRng
from ..spaces import Identity
from .candidates import Report, best_of, check_samples

__all__ = ["variations"]


@torch.no_grad()
def variations(
    near: Latents,
    generator: Generator,
    rng: SampleRng,
    *,
    variation: float,
    spread: float = 0.0,
    towards: Latents | None = None,
    energy: Energy | None = None,
    candidates: int = 1,
    chunking: Chunking,
    device: torch.device,
    report: Report = lambda done: None,
) -> Start:
    """Returns samples near given ones, each the best of M.

    With draws e of a normal prior a sample is sqrt(1 - v^2) z0 + v e, distributed as the prior if
    z0 is. For other priors (classes, StyleGAN's W) it is (1 - v) z0 + v e.

    Args:
        near: z0; latents in a basis are converted to the latents they represent.
        generator: G.
        rng: the samples, the same number for each of the given ones, grouped. Given latents from a
            run, or from a variation, get fresh draws.
        variation: largest v, in (0, 1]; 1 discards z0.
        spread: s in [0, 1]: the v of each candidate is uniform between (1 - s) `variation` and
            `variation`.
        towards: latents that replace e in about half of the candidates, one at random; such as the
            prior's best for a text, for an edit.
        energy: energy that the best of M is chosen by.
        candidates: M.
        chunking: how many candidates the networks see at a time.
        device: where the networks are.
        report: called after every candidate that is evaluated.

    Raises:
        GeneratorMismatch: latents of another generator.
        InvalidInput: a number outside its range, numbers of samples that do not match, empty
            `towards`, or candidates without an energy.
    """
    near.check_generator(generator)
    if not 0 < variation <= 1:
        raise InvalidInput(f"A variation of {variation}; expected a number above 0, at most 1.")
    if not 0 <= spread <= 1:
        raise InvalidInput(f"A spread of {spread}; expected a number from 0 to 1.")
    check_samples(rng)
    if not len(near) or len(rng) % len(near):
        raise InvalidInput(f"{len(rng)} samples about {len(near)}; expected as many for each.")
    plain = near.plain().values.to(device)
    centre = repeat(plain, "near dim -> (near copies) dim", copies=len(rng) // len(near))
    partners = _partners(towards, generator, centre)
    history = _history(near, len(rng) // len(near), towards)
    normal = isinstance(generator.prior, Gaussian)
    pulled = energy.pullback(generator) if energy is not None else None

    def draw(streams: SampleRng) -> Tensor:
        drawn = generator.prior.sample(streams, centre)
        if partners is not None:
            u = streams.uniform(2, like=centre)
            chosen = partners[(u[:, 0] * len(partners)).long()]
            drawn = torch.where(u[:, 1:] < 0.5, chosen, drawn)
        v = torch.full_like(centre[:, :1], variation)
        if spread:
            v = v * (1 - spread * streams.uniform(1, like=centre))
        kept = (1 - v.square()).sqrt() if normal else 1 - v
        return generator.source.clamp(kept * centre + v * drawn)

    with threads_of(generator, pulled, chunking, device):
        best = best_of(draw, pulled, candidates, rng.after(history), chunking, report)
    return Start(best, Identity(generator.source), tuple(runs + 1 for runs in history))


def _history(near: Latents, each: int, towards: Latents | None) -> tuple[int, ...]:
    """Returns the longest history among the sources of each variation."""
    least = max(towards.history, default=0) if towards is not None else 0
    return tuple(max(runs, least) for runs in near.history for _ in range(each))


def _partners(towards: Latents | None, generator: Generator, like: Tensor) -> Tensor | None:
    if towards is None:
        return None
    towards.check_generator(generator)
    if not len(towards):
        raise InvalidInput("No latents to move towards; leave that input open, or give some.")
    return towards.plain().values.to(like)
