"""Encoding an image against optimising latents to the same error, the paper's section 7.3."""

import time

import torch
from torch import Tensor

from ....core.rng import SampleRng
from .labels import LABELLED
from .models import D2CStudy

__all__ = ["encoding_figures"]

RATE = 0.05
"""Learning rate of Adam, the best of 0.01, 0.02, 0.05 and 0.1 on labelled avatars."""
REPEATS = 5


def encoding_figures(study: D2CStudy, count: int, most: int) -> dict[str, float]:
    """Returns seconds per image of both, and their ratio.

    One image at a time, as in the paper. The optimisation starts at the prior's mean, lowers the
    mean squared error of the pixels by Adam, and ends where it is at most that of the encoder's
    latents. Seconds are those of the process, not of the clock.

    Args:
        study: the models.
        count: number of avatars.
        most: most steps of the optimisation; an avatar that is not there by then counts with the
            seconds so far.
    """
    pictures = study.pictures[LABELLED : LABELLED + count].to(study.device)
    encoding: list[float] = []
    optimising: list[float] = []
    steps: list[int] = []
    errors: list[float] = []
    for picture in pictures.split(1):
        seconds, error = _encoded(study, picture)
        encoding.append(seconds)
        errors.append(error)
        begun = time.process_time()
        steps.append(_optimised(study, picture, error, most))
        optimising.append(time.process_time() - begun)
    return {
        "encoding_seconds": sum(encoding) / count,
        "optimising_seconds": sum(optimising) / count,
        "encoding_ratio": sum(optimising) / sum(encoding),
        "encoding_error": sum(errors) / count,
        "optimising_steps": sum(steps) / count,
        "optimising_unfinished": sum(step > most for step in steps) / count,
    }


@torch.no_grad()
def _encoded(study: D2CStudy, picture: Tensor) -> tuple[float, float]:
    encode = study.generator.encode
    assert encode is not None
    latent = encode(picture)
    begun = time.process_time()
    for _ in range(REPEATS):
        latent = encode(picture)
    seconds = (time.process_time() - begun) / REPEATS
    return seconds, float(_error(study, latent, picture))


def _optimised(study: D2CStudy, picture: Tensor, error: float, most: int) -> int:
    """Returns the number of steps to an error; above `most` if it was not reached."""
    latent = torch.zeros(1, study.generator.source.dim, device=study.device, requires_grad=True)
    optimiser = torch.optim.Adam([latent], lr=RATE)
    for step in range(most + 1):
        loss = _error(study, latent, picture)
        if float(loss.detach()) <= error:
            return step
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    return most + 1


def _error(study: D2CStudy, latent: Tensor, picture: Tensor) -> Tensor:
    return (study.generator(latent, SampleRng.of(0, 1)) - picture).square().mean()
