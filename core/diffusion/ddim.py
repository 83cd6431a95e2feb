"""Sampling of a diffusion: DDIM, steps of second order, DDPM's, guidance by a classifier."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from ..errors import InvalidInput
from ..rng import SampleRng
from .schedule import NoiseSchedule

__all__ = [
    "Guide",
    "NoiseOf",
    "StepOrder",
    "checked_eta",
    "clean_of",
    "ddim",
    "diffused",
    "noise_of_velocity",
]

Guide: TypeAlias = Callable[[Tensor], Tensor]
"""Function from clean latents (batch, dim) to log r per row (batch,), differentiable."""
NoiseOf: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Function from x_t (batch, dim) and t (batch,) to the predicted noise (batch, dim)."""
StepOrder: TypeAlias = Literal[1, 2]
"""Order of a step without randomness: 1 is DDIM."""


def diffused(
    schedule: NoiseSchedule,
    x0: Float[Tensor, "batch dim"],
    t: Int[Tensor, " batch"] | int,
    noise: Float[Tensor, "batch dim"],
) -> Float[Tensor, "batch dim"]:
    """Returns x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) noise.

    Args:
        schedule: the noise levels.
        x0: clean latents.
        t: a time for each row, or one for all.
        noise: standard normal draws.
    """
    level = schedule.level(t)
    kept, added = level.sqrt().to(x0), (1 - level).sqrt().to(x0)
    return kept[..., None] * x0 + added[..., None] * noise


def clean_of(
    x: Float[Tensor, "batch dim"], noise: Float[Tensor, "batch dim"], level: float
) -> Float[Tensor, "batch dim"]:
    """Returns the clean latent x_0 = (x - sqrt(1 - a) noise) / sqrt(a) that a noise implies.

    Args:
        x: x_t.
        noise: predicted noise.
        level: a_t.
    """
    return (x - math.sqrt(1 - level) * noise) / math.sqrt(level)


def noise_of_velocity(
    schedule: NoiseSchedule,
    x: Float[Tensor, "batch dim"],
    velocity: Float[Tensor, "batch dim"],
    t: Int[Tensor, " batch"],
) -> Float[Tensor, "batch dim"]:
    """Returns the noise sqrt(a) v + sqrt(1 - a) x for a predicted velocity.

    v = sqrt(a) noise - sqrt(1 - a) x_0, Salimans and Ho (2022), appendix D.

    Args:
        schedule: the noise levels.
        x: x_t.
        velocity: predicted v.
        t: time of each row.
    """
    level = schedule.level(t)
    kept, added = level.sqrt().to(x), (1 - level).sqrt().to(x)
    return kept[:, None] * velocity + added[:, None] * x


def ddim(
    noise_of: NoiseOf,
    schedule: NoiseSchedule,
    x: Float[Tensor, "batch dim"],
    times: Sequence[int],
    *,
    eta: float = 0.0,
    rng: SampleRng | None = None,
    guide: Guide | None = None,
    scale: float = 1.0,
    report: Callable[[int], None] = lambda done: None,
    checkpointed: bool = False,
    order: StepOrder = 1,
) -> Float[Tensor, "batch dim"]:
    """Denoises latents, DDIM (Song et al., 2021), eq. 12 and 16.

    With x_0 and the noise that the denoiser predicts at t, the next latent is
    sqrt(a') x_0 + sqrt(1 - a' - sigma^2) noise + sigma draw, where a' is the level at the next
    time, and sigma = eta sqrt((1 - a') / (1 - a)) sqrt(1 - a / a'). The last step goes to a' = 1:
    it returns x_0.

    A step of second order extrapolates x_0 from that of the step before, along log(a / (1 - a)):
    the multistep DPM-Solver++(2M) of Lu et al. (2022), algorithm 2. It costs no further call. The
    first and the last step, and steps with sigma above 0, are of first order. Departure: a step
    longer than the one before extrapolates as one of equal length, since it overshoots otherwise.

    A guide changes the noise by -sqrt(1 - a) scale sqrt(a) times the gradient of log r at x_0,
    Dhariwal and Nichol (2021), algorithm 2. Departure: r is a classifier of clean latents, not of
    noisy ones. sqrt(a) stands for the derivative of x_0 by x_t, which it is for latents of unit
    variance; for them, and log r linear in x_0, the guidance is exact. Where `scale` is 0 the
    guide is not evaluated.

    Args:
        noise_of: the denoiser.
        schedule: the noise levels.
        x: latents at the first time, standard normal at T - 1.
        times: falling times, one for each call of the denoiser; see `NoiseSchedule.times`.
        eta: randomness of the steps, 0 to 1: 0 is deterministic, and 1 at all times is the
            ancestral sampling of DDPM.
        rng: streams of the rows, for eta above 0.
        guide: log r of clean latents in the denoiser's coordinates.
        scale: factor on the gradient of log r, at least 0.
        report: called with the number of finished steps after each one; may raise to stop.
        checkpointed: whether the backward pass computes each step again instead of keeping its
            activations; gradients have the same bits.
        order: order of the steps.

    Raises:
        InvalidInput: eta or scale is out of range, streams are missing, or times do not fall.
    """
    _check(schedule, times, eta, rng, scale)
    guide = guide if scale > 0 else None
    before: Tensor | None = None
    grown = 0.0
    for number, t in enumerate(times):
        last = number + 1 == len(times)
        after = 1.0 if last else schedule.level(times[number + 1]).item()
        level = schedule.level(t).item()
        sigma = eta * math.sqrt((1 - after) / (1 - level) * (1 - level / after))
        draw = rng.normal(x.shape[1], like=x) if rng is not None and sigma > 0 else None
        grows = 0.0 if last else _log_ratio(after) - _log_ratio(level)
        ahead = min(grows / grown, 1.0) / 2 if order == 2 and grown > 0 and sigma == 0 else 0.0

        def step(
            x: Tensor,
            before: Tensor | None,
            t: int = t,
            level: float = level,
            after: float = after,
            sigma: float = sigma,
            ahead: float = ahead,
            draw: Tensor | None = draw,
        ) -> tuple[Tensor, Tensor]:
            on = torch.full((len(x),), t, dtype=torch.long, device=x.device)
            noise = noise_of(x, on)
            if guide is not None:
                pull = _gradient(guide, clean_of(x, noise, level))
                noise = noise - math.sqrt(1 - level) * scale * math.sqrt(level) * pull
            clean = clean_of(x, noise, level)
            aim = clean
            if ahead > 0 and before is not None:
                aim = clean + ahead * (clean - before)
                noise = (x - math.sqrt(level) * aim) / math.sqrt(1 - level)
            kept = math.sqrt(max(1 - after - sigma**2, 0.0))
            moved = math.sqrt(after) * aim + kept * noise
            return (moved if draw is None else moved + sigma * draw), clean

        if checkpointed and torch.is_grad_enabled() and x.requires_grad:
            x, before = checkpoint(step, x, before, use_reentrant=False, preserve_rng_state=False)  # pyright: ignore[reportGeneralTypeIssues]
        else:
            x, before = step(x, before)
        grown = grows
        report(number + 1)
    return x


def checked_eta(eta: float) -> float:
    """Returns a randomness of the steps.

    Raises:
        InvalidInput: it is out of range.
    """
    if not 0 <= eta <= 1:
        raise InvalidInput(f"eta {eta} of a diffusion; expected 0 (deterministic) to 1 (DDPM).")
    return eta


def _log_ratio(level: float) -> float:
    """Half the logarithm of the ratio of signal and noise, lambda of DPM-Solver."""
    return 0.5 * math.log(level / (1 - level))


def _gradient(guide: Guide, x0: Tensor) -> Tensor:
    """The gradient of log r, also where the caller keeps none."""
    with torch.inference_mode(False), torch.enable_grad():
        at = x0.detach().clone().requires_grad_()
        return torch.autograd.grad(guide(at).sum(), at)[0]


def _check(
    schedule: NoiseSchedule, times: Sequence[int], eta: float, rng: SampleRng | None, scale: float
) -> None:
    checked_eta(eta)
    if eta > 0 and rng is None:
        raise InvalidInput(f"eta {eta} needs random streams; give them, or set eta to 0.")
    if not 0 <= scale < math.inf:
        raise InvalidInput(f"Guidance scale {scale}; expected a number of at least 0.")
    bounds = (len(schedule), *times, -1)
    if not times or any(one <= two for one, two in pairwise(bounds)):
        raise InvalidInput(
            f"Times {list(times)[:6]} of a diffusion; expected at least one, falling, within 0 "
            f"to {len(schedule) - 1}."
        )
