"""Descent of an energy on pixels, without a generator: FuseDream's figure 2."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from ..chunking import Chunking
from ..devices import threads_for
from ..energy import Energy
from ..errors import InvalidInput
from ..rng import SampleRng
from ..spaces import IMAGES

__all__ = ["fgsm"]


def fgsm(
    images: Float[Tensor, "batch 3 height width"],
    energy: Energy,
    rng: SampleRng,
    *,
    epsilon: float,
    steps: int = 1,
    chunking: Chunking,
    report: Callable[[int], None] = lambda rows: None,
) -> Float[Tensor, "batch 3 height width"]:
    """The fast gradient sign method: x - epsilon sign(grad E(x)), within [0, 1].

    FuseDream section 2.1 uses it to maximise a score s = -E under |delta| <= epsilon. With several
    steps, each moves by epsilon / steps along the sign of the gradient at the current point, so
    that no pixel leaves the ball; one step is the original method. An energy with random views
    draws fresh ones at each step, from the stream of each sample.

    Args:
        images: values in [0, 1].
        energy: on images; a condition in it has one row, or one per image.
        rng: a stream per image.
        epsilon: largest change of a value, in [0, 1].
        steps: number of steps, at least 1.
        chunking: images at a time.
        report: called after each chunk with the images done; may raise to stop.

    Raises:
        DomainMismatch: a term lives on latents.
        InvalidInput: epsilon or steps out of range.

    Departures: the paper states neither epsilon nor the number of steps.
    """
    if not 0 <= epsilon <= 1:
        raise InvalidInput(f"A change of {epsilon:g}; expected 0 to 1, the range of a pixel.")
    if steps < 1:
        raise InvalidInput(f"{steps} steps along the gradient; at least 1 needed.")
    energy.check_on(IMAGES)
    energy.check_batch(len(images))

    def move(points: Tensor, part: SampleRng) -> tuple[Tensor]:
        for _ in range(steps):
            points = points.detach().requires_grad_()
            (slope,) = torch.autograd.grad(energy(points, part).sum(), points)
            points = (points - epsilon / steps * slope.sign()).clamp(0, 1)
        return (points.detach(),)

    size = (images.shape[2], images.shape[3])
    threads = threads_for(
        energy.modules, rows=chunking.size, device=images.device, image_size=size
    )
    with torch.enable_grad(), threads:
        (moved,) = energy.chunking(chunking).apply_random(move, images, rng, report)
    return moved
