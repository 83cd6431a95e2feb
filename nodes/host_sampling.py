"""ComfyUI's samplers as differentiable functions: settings, noise levels, the sampling itself."""

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor

from ..core.errors import InvalidInput

if TYPE_CHECKING:
    comfy: Any
elif "folder_paths" in sys.modules:  # ComfyUI imports it before any custom node
    import comfy.model_sampling
    import comfy.samplers
    from comfy.k_diffusion import sampling as k_diffusion

__all__ = [
    "SAMPLERS",
    "SCHEDULERS",
    "Sampling",
    "check_sampling",
    "draws_on_the_way",
    "noise_levels",
    "sampled_latents",
]

SAMPLERS: Final = ("euler", "lcm", "ddim", "dpmpp_2m", "euler_ancestral")
"""Samplers whose steps are all differentiable."""
DRAWING: Final = ("lcm", "euler_ancestral")
"""Those that draw noise on the way."""
SCHEDULERS: Final = (
    *("simple", "sgm_uniform", "normal", "karras", "exponential", "ddim_uniform", "beta"),
)
if TYPE_CHECKING:
    k_diffusion: Any


@dataclass(frozen=True)
class Sampling:
    """Settings of a sampler.

    Attributes:
        sampler: one of `SAMPLERS`.
        scheduler: one of `SCHEDULERS`, for the noise levels of `steps`.
        steps: number of steps, at least 1; without effect where `sigmas` are given.
        cfg: scale of the guidance; 1 for none.
        seed: seed of fixed noise on the way.
        draws: whether the noise on the way is part of z.
        sigmas: noise levels, ending with the last one, if given.
    """

    sampler: str
    scheduler: str
    steps: int
    cfg: float
    seed: int
    draws: bool = False
    sigmas: Tensor | None = None


def check_sampling(sampling: Sampling) -> None:
    """Checks that a sampler is differentiable, and that its schedule is known.

    Raises:
        InvalidInput: otherwise.
    """
    if sampling.sampler not in SAMPLERS:
        raise InvalidInput(
            f"Sampler {sampling.sampler!r}: its steps are not all differentiable. There are: "
            f"{', '.join(SAMPLERS)}."
        )
    if sampling.scheduler not in SCHEDULERS:
        raise InvalidInput(
            f"Scheduler {sampling.scheduler!r}; expected one of {', '.join(SCHEDULERS)}. Any "
            "other: connect its SIGMAS."
        )
    if sampling.steps < 1:
        raise InvalidInput(f"{sampling.steps} steps; at least 1 needed.")


def noise_levels(patcher: Any, sampling: Sampling) -> Tensor:  # noqa: ANN401
    """Returns the noise levels of a sampler, falling, on the CPU.

    Raises:
        InvalidInput: given ones that do not fall.
    """
    if sampling.sigmas is None:
        schedule = patcher.get_model_object("model_sampling")
        found = comfy.samplers.calculate_sigmas(schedule, sampling.scheduler, sampling.steps)
    else:
        found = sampling.sigmas
    found = found.clone().float().cpu()
    falling = bool((found[1:] < found[:-1]).all()) and bool(found.isfinite().all())
    if found.ndim != 1 or len(found) < 2 or not falling or float(found[-1]) < 0:
        raise InvalidInput(
            f"SIGMAS are {[round(one, 4) for one in found.flatten().tolist()[:8]]}; expected at "
            "least two falling noise levels, the last one 0."
        )
    return found


def draws_on_the_way(sampling: Sampling, sigmas: Tensor) -> int:
    """Returns the number of noises that the sampler draws on the way."""
    return int((sigmas[1:] > 0).sum()) if sampling.sampler in DRAWING else 0


def sampled_latents(
    patcher: Any,  # noqa: ANN401
    conditions: Mapping[str, Any],
    sampling: Sampling,
    sigmas: Tensor,
    noise: Tensor,
    *draws: Tensor,
) -> Tensor:
    """Returns latents of the VAE from noise, as ComfyUI's KSampler makes them.

    Args:
        patcher: the model.
        conditions: conditionings of the guider.
        sampling: settings.
        sigmas: noise levels.
        noise: noise to start from.
        draws: noises on the way; none for those that ComfyUI draws.
    """
    extra: dict[str, Any] = {}
    if sampling.sampler in DRAWING:
        extra["noise_sampler"] = _given(draws) if draws else _repeated(noise, sampling.seed)
    guider = comfy.samplers.CFGGuider(patcher)
    guider.inner_set_conds(_again(conditions))
    guider.set_cfg(sampling.cfg)
    sampler = comfy.samplers.KSAMPLER(_steps(patcher, sampling.sampler), extra)
    empty = torch.zeros_like(noise)
    return guider.sample(noise, empty, sampler, sigmas, disable_pbar=True, seed=sampling.seed)


def _steps(patcher: Any, name: str) -> Callable[..., Tensor]:  # noqa: ANN401
    """A sampler without the decorator that forbids gradients."""
    known = {"ddim": "euler"}.get(name, name)
    flow = isinstance(patcher.get_model_object("model_sampling"), comfy.model_sampling.CONST)
    if known == "euler_ancestral" and flow:
        known = "euler_ancestral_RF"
    return inspect.unwrap(getattr(k_diffusion, f"sample_{known}"))


def _given(draws: Sequence[Tensor]) -> Callable[..., Tensor]:
    left = iter(draws)
    return lambda sigma, sigma_next: next(left)


def _repeated(noise: Tensor, seed: int) -> Callable[..., Tensor]:
    """The noise that ComfyUI draws for a batch of one, the same for each sample."""
    draw = k_diffusion.default_noise_sampler(noise[:1].detach(), seed=seed)
    return lambda sigma, sigma_next: draw(sigma, sigma_next).expand_as(noise)


def _again(value: Any) -> Any:  # noqa: ANN401
    """Nested lists and mappings anew, since ComfyUI writes into them."""
    if isinstance(value, Mapping):
        return {key: _again(one) for key, one in value.items()}
    return [_again(one) for one in value] if isinstance(value, list) else value
