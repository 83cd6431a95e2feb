"""StyleCLIP's global direction: the effect of a text on the latents of a generator.

KRR flow uses it as the gradient of log p(c|x) to edit images.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..chunking import Chunking
from ..clip import Clip
from ..condition import Condition
from ..energy import Energy
from ..errors import InvalidInput
from ..generator import Generator
from ..rng import SampleRng
from ..terms import Term
from .direction import text_direction, toy_rows
from .example import EnergyExample, toy_clip, toy_generator
from .similarity import directions

__all__ = ["EXAMPLE", "along", "global_direction"]


def global_direction(
    generator: Generator,
    clip: Clip,
    direction: Condition,
    *,
    samples: int = 64,
    threshold: float = 0.0,
    seed: int = 0,
    chunking: Chunking,
    device: torch.device,
    report: Callable[[int], None] = lambda done: None,
) -> Float[Tensor, "rows dim"]:
    """Returns StyleCLIP's global direction in the latents of a generator, one unit vector per row.

    StyleCLIP moves a style channel, measures how far unit embeddings of the images move along d_T
    on average over samples, and drops channels of small effect. Here the channels are the
    coordinates of the latent, and the moves are infinitesimal: the mean over the prior of the
    gradient of <f(G(z)) / |f(G(z))|, d_T>.

    Args:
        generator: G.
        clip: f.
        direction: from `text_direction`.
        samples: number of samples of the prior, at least 1; StyleCLIP uses 100.
        threshold: fraction, in [0, 1), of the largest coordinate below which the others become 0.
        seed: seed of the samples.
        chunking: samples that the networks see at a time.
        device: device of the networks.
        report: called with the number of samples done; may raise to stop.

    Raises:
        ConditionMismatch: the direction belongs to another auxiliary.
        InvalidInput: a number outside its range; a text without effect on the latents.
    """
    direction.check_auxiliary(clip.id, clip.name)
    if samples < 1 or not 0 <= threshold < 1:
        raise InvalidInput(
            f"{samples} samples and threshold {threshold}; expected at least 1, and [0, 1)."
        )
    rng = SampleRng.of(seed, samples, "direction")
    z = generator.prior.sample(rng, torch.empty(0)).to(device)
    wanted = functional.normalize(direction.embedding, dim=1).to(z)

    def slopes(points: Tensor, streams: SampleRng) -> tuple[Tensor]:
        with torch.enable_grad():
            leaf = points.detach().requires_grad_()
            seen = directions(clip, clip.pixels(generator(leaf, streams)))
            each = [
                torch.autograd.grad((seen @ row).sum(), leaf, retain_graph=True)[0]
                for row in wanted
            ]
        return (torch.stack(each, dim=1),)

    (found,) = chunking.apply_random(slopes, z, rng, report=report)
    mean = found.mean(dim=0).cpu()
    mean = mean * (mean.abs() >= threshold * mean.abs().amax(dim=1, keepdim=True))
    lengths = mean.norm(dim=1, keepdim=True)
    if not bool((lengths > 0).all() and lengths.isfinite().all()):
        raise InvalidInput(
            f"Nothing in the latents of {generator.name!r} leads towards {direction.labels}. "
            "Change the texts, or take more samples."
        )
    return mean / lengths


def along(generator: Generator, direction: Condition, slopes: Float[Tensor, "rows dim"]) -> Energy:
    """The energy -<z, s> on latents, whose gradient is -s for all samples and steps.

    The literal interpretation of KRR flow's editing: the global direction is the gradient of log
    p(c|x).

    Args:
        generator: generator of the latents z.
        direction: direction whose effect on the latents is s.
        slopes: s from `global_direction`, a row per row of the direction.
    """
    goal = replace(direction, embedding=slopes.detach().cpu())

    def evaluate(z: Tensor, rng: SampleRng) -> Tensor:
        return -(z * goal.at(rng.rows, z)).sum(dim=1)

    return Energy.of(
        Term(
            label=f"global direction({generator.name})",
            domain=generator.source,
            evaluate=evaluate,
            condition=goal,
        )
    )


def _example() -> EnergyExample:
    clip, generator = toy_clip(), toy_generator()
    direction = text_direction(toy_rows(clip, 1, 1), toy_rows(clip, 1, 2))
    slopes = global_direction(
        generator,
        clip,
        direction,
        samples=4,
        chunking=Chunking(2, padded=False),
        device=torch.device("cpu"),
    )
    points = torch.randn(3, 6, generator=torch.Generator().manual_seed(0))
    return EnergyExample(along(generator, direction, slopes), points)


EXAMPLE = _example
