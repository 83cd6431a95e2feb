"""Unconditional samples: the diffusion prior against Gaussians, by the judge's features."""

from collections.abc import Callable, Mapping
from functools import partial

from torch import Tensor

from ....core.rng import SampleRng
from .gaussians import gaussian_draws
from .models import D2CStudy

__all__ = ["STEPS", "unconditional_rows"]

STEPS = (10, 50, 100)
"""Steps of the diffusion, those of the paper's table 4."""


def unconditional_rows(
    study: D2CStudy, seed: int, count: int
) -> Mapping[str, Callable[[], dict[str, float]]]:
    """Returns the rows of a seed, by name; each measures its distance from real avatars.

    Args:
        study: the models.
        seed: seed of the draws.
        count: number of samples.
    """

    def of(values: Callable[[], Tensor]) -> dict[str, float]:
        return {"fd": study.distance(study.seen(study.images(values())))}

    def fresh() -> SampleRng:
        return SampleRng.of(seed, count, "unconditional")

    return {
        **{f"steps_{n}": partial(of, lambda n=n: study.drawn(fresh(), n)) for n in STEPS},
        "raw": partial(of, lambda: gaussian_draws(study.generator, fresh(), whitened=False)),
        "whitened": partial(of, lambda: gaussian_draws(study.generator, fresh(), whitened=True)),
        "decoded": partial(of, lambda: study.latents[:count]),
        "real": lambda: {"fd": study.distance(study.seen(study.pictures[:count]))},
    }
