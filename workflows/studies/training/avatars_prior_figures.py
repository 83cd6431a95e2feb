"""Figures of a diffusion prior of the avatars: distances, deviations and shares of attributes."""

from collections.abc import Mapping
from statistics import fmean
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from ....core.auxiliaries import load_auxiliary
from ....core.auxiliaries.avatars import AvatarJudge
from ....core.auxiliary import AttributeJudge
from ....core.diffusion.noise_error import gaussian_denoiser, noise_error
from ....core.diffusion.prior import DiffusionPrior
from ....core.generator import Generator
from ....core.generators import load_generator
from ....core.metrics.distances import frechet_distance
from ....core.rng import SampleRng, stream_of
from ....core.zoo.shipped import embedded, reference_images

__all__ = ["STEPS", "prior_figures", "share_table"]

STEPS = (10, 50, 100)
SAMPLES = 2000
SEEDS = (0, 1, 2)
CHUNK = 25
"""Images that the decoder and the judge process at a time."""
Shares = dict[str, Tensor]


@torch.no_grad()
def prior_figures(
    prior: DiffusionPrior,
    latents: Float[Tensor, "rows dim"],
    images: UInt8[Tensor, "rows 3 height width"],
) -> dict[str, Any]:
    """Measures a prior of the avatars against the held-out avatars, by the judge's features.

    The law of latents that is fitted to the encoder's is normal, with their mean and covariance.

    Args:
        prior: the prior.
        latents: latents of the generator that it was trained on.
        images: the avatars of these latents, of which every other one is a sibling of the one
            before; at least twice as many as there are samples.

    Returns:
        The figures for the manifest; the shares of the attributes are printed.
    """
    generator = load_generator(embedded("avatars (embedded)"))
    judge = load_auxiliary(embedded("avatars judge (embedded)"))
    assert isinstance(judge, AttributeJudge)
    assert generator.encode is not None
    prior.check(generator)
    real, _ = reference_images("avatars held out (embedded)")
    unseen = torch.cat([generator.encode(part) for part in real.split(CHUNK)])
    found, wanted = _judged(judge, real)
    like, figures = torch.zeros(0), _noise_errors(prior, latents, unseen)

    def distance(z: Tensor) -> tuple[float, Shares]:
        features, shares = _judged(judge, _rendered(generator, z))
        return round(frechet_distance(features, found), 2), shares

    first = slice(0, 2 * SAMPLES, 2)
    features, _ = _judged(judge, images[first].float().div(255))
    figures["frechet_real"] = round(frechet_distance(features, found), 2)
    figures["frechet_reconstructions"] = distance(latents[first])[0]
    normal = torch.randn(SAMPLES, prior.space.dim, generator=stream_of(0, "normal"))
    figures["frechet_normal"] = distance(normal)[0]
    factor = torch.linalg.cholesky(torch.cov(latents.double().mT)).float()
    figures["frechet_fitted_normal"] = distance(latents.mean(dim=0) + normal @ factor.mT)[0]
    white = prior.whitening.to_white(latents).std(dim=0)
    for steps in STEPS:
        distances: list[float] = []
        drawn: list[Tensor] = []
        seen: list[Shares] = []
        for seed in SEEDS:
            drawn.append(prior.sample(SampleRng.of(seed, SAMPLES, "prior"), like, steps=steps))
            one, shares = distance(drawn[-1])
            distances.append(one)
            seen.append(shares)
        ratio = prior.whitening.to_white(torch.cat(drawn)).std(dim=0) / white
        figures[f"frechet_{steps}_steps"] = round(fmean(distances), 2)
        figures[f"frechet_{steps}_steps_by_seed"] = distances
        figures[f"deviation_{steps}_steps"] = round(float(ratio.mean()), 3)
        print(f"{steps} steps: {distances}, deviation {ratio.mean():.3f}", flush=True)
        if steps == STEPS[1]:
            mean = {n: torch.stack([each[n] for each in seen]).mean(dim=0) for n in wanted}
            print(share_table(judge.attributes, mean, wanted), flush=True)
    return figures


def share_table(
    attributes: Mapping[str, tuple[str, ...]],
    shares: Mapping[str, Tensor],
    wanted: Mapping[str, Tensor],
) -> str:
    """Returns the shares of the values of each attribute as text.

    Args:
        attributes: attribute to its values.
        shares: attribute to the shares of its values, of samples.
        wanted: the same of real avatars.
    """
    lines: list[str] = []
    for name, values in attributes.items():
        pairs = zip(values, shares[name].tolist(), wanted[name].tolist(), strict=True)
        text = ", ".join(f"{value} {own:.3f} ({real:.3f})" for value, own, real in pairs)
        gap = float((shares[name] - wanted[name]).abs().sum() / 2)
        lines.append(f"{name}, {gap:.3f} apart: {text}")
    return "\n".join(lines)


def _noise_errors(prior: DiffusionPrior, latents: Tensor, unseen: Tensor) -> dict[str, Any]:
    """Noise errors of the prior on avatars of the training and others, and of a normal law."""
    white, other = prior.whitening.to_white(latents), prior.whitening.to_white(unseen)
    gaussian = gaussian_denoiser(white, prior.schedule)
    pairs = {
        "noise_error": (prior.noise_of, other),
        "noise_error_in_training": (prior.noise_of, white[: len(other)]),
        "noise_error_normal": (gaussian, other),
    }
    found = {name: noise_error(of, prior.schedule, rows) for name, (of, rows) in pairs.items()}
    return {name: round(value, 4) for name, value in found.items()}


def _rendered(generator: Generator, z: Tensor) -> Tensor:
    rng = SampleRng.of(0, len(z))
    parts = z.split(CHUNK)
    return torch.cat(
        [
            generator(part, rng.part(CHUNK * number, CHUNK * number + len(part)))
            for number, part in enumerate(parts)
        ]
    )


def _judged(judge: AttributeJudge, images: Tensor) -> tuple[Tensor, Shares]:
    """Features, and the share of each attribute's values that the judge sees."""
    network = judge.module
    assert isinstance(network, AvatarJudge)
    features = torch.cat([judge.features(part) for part in images.split(CHUNK)])
    shares = {
        name: network.heads[name](features).argmax(dim=1).bincount(minlength=len(values))
        / len(images)
        for name, values in judge.attributes.items()
    }
    return features, shares
