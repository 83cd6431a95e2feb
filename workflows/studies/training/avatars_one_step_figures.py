"""Figures of the one-step generator of avatars beside its teacher."""

from typing import Any

import torch
from torch import Tensor

from ....core.auxiliaries import load_auxiliary
from ....core.auxiliary import AttributeJudge
from ....core.diffusion.prior import DiffusionPrior
from ....core.generator import Generator
from ....core.metrics.distances import frechet_distance
from ....core.rng import SampleRng
from ....core.zoo.shipped import embedded, reference_images

__all__ = ["one_step_figures"]

SAMPLES, CHUNK = 2000, 25


@torch.no_grad()
def one_step_figures(
    student: Generator, prior: DiffusionPrior, teacher: Generator, calls: int
) -> dict[str, Any]:
    """Measures a student and its teacher on the same noise.

    Args:
        student: the one-step generator.
        prior: the teacher's diffusion.
        teacher: the generator of the prior's latents.
        calls: calls of the teacher's denoiser.

    Returns:
        Frechet distances to the held-out avatars in the judge's features, of both; the root mean
        squared error of the student's images to the teacher's, and the share of attributes in
        which the judge sees the same values.
    """
    judge = load_auxiliary(embedded("avatars judge (embedded)"))
    assert isinstance(judge, AttributeJudge)
    real, _ = reference_images("avatars held out (embedded)")
    rng = SampleRng.of(0, SAMPLES, "prior")
    noise = rng.normal(student.source.dim, like=torch.zeros(0))
    of_noise = [_images(student, noise), _images(teacher, prior.push(noise, steps=calls))]
    found = torch.cat([judge.features(part) for part in real.split(CHUNK)])
    features = [torch.cat([judge.features(p) for p in x.split(CHUNK)]) for x in of_noise]
    own, taught = ([one for p in x.split(CHUNK) for one in judge.likeliest(p)] for x in of_noise)
    same = [
        value == there[name]
        for here, there in zip(own, taught, strict=True)
        for name, value in here.items()
        if name in there
    ]
    gap = (of_noise[0] - of_noise[1]).square().mean().sqrt()
    return {
        "frechet": round(frechet_distance(features[0], found), 2),
        "frechet_teacher": round(frechet_distance(features[1], found), 2),
        "rmse_to_teacher": round(float(gap), 4),
        "same_values_as_teacher": round(sum(same) / len(same), 4),
    }


def _images(generator: Generator, z: Tensor) -> Tensor:
    rng = SampleRng.of(0, len(z))
    rows = range(0, len(z), CHUNK)
    return torch.cat([generator(z[i : i + CHUNK], rng.part(i, i + CHUNK)) for i in rows])
