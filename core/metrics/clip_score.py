"""AugCLIP measured at the end: of finished images, on views that nothing was fitted to."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..chunking import Chunking
from ..clip import Clip
from ..condition import Condition
from ..devices import threads_for
from ..energies.similarity import similarity
from ..errors import InvalidInput
from ..rng import SampleRng

__all__ = ["VIEWS", "VIEWS_OF_A_ROUND", "Scores", "clip_scores"]

VIEWS_OF_A_ROUND = 50
VIEWS = 20 * VIEWS_OF_A_ROUND
"""Of the released code: 20 rounds of 50 views."""


@dataclass(frozen=True)
class Scores:
    """A CLIP's scores of images.

    Attributes:
        values: a cosine per image, in [-1, 1]; higher is better.
        errors: standard errors of the values, from how rounds of views differ, each counted as
            the views that it has; 0 where there are not two rounds.
        labels: what each image was wanted to be.
        views: of every image; 0 is the image itself.
    """

    values: Float[Tensor, " batch"]
    errors: Float[Tensor, " batch"]
    labels: tuple[str, ...]
    views: int

    @property
    def mean(self) -> float:
        """Over the images."""
        return float(self.values.mean())

    def __str__(self) -> str:
        name = f"AugCLIP of {self.views} views" if self.views else "CLIP"
        lines = [f"{name}: mean {self.mean:.4f} of {len(self.values)} images"]
        rows = zip(self.values.tolist(), self.errors.tolist(), self.labels, strict=True)
        for number, (value, error, label) in enumerate(rows):
            doubt = f" ± {error:.4f}" if error else ""
            lines.append(f"{number}: {value:.4f}{doubt} {label}")
        return "\n".join(lines)


@torch.no_grad()
def clip_scores(
    clip: Clip,
    condition: Condition,
    images: Float[Tensor, "batch 3 height width"],
    rng: SampleRng,
    *,
    views: int = VIEWS,
    chunking: Chunking,
    device: torch.device,
    report: Callable[[int], None] = lambda rounds: None,
) -> Scores:
    """The cosine between images and what they should be: FuseDream eq. (3), or (1) without views.

    Views come in rounds of 50, each with a resize ratio of its own, as in the released code; the
    last round takes the rest. From 51 to 99 views there are two rounds of about half each, for a
    standard error needs two rounds alike.

    Args:
        clip: that looks.
        condition: one row for all images, or one each, of this CLIP.
        images: in [0, 1].
        rng: a stream per image; views are drawn from it.
        views: of every image, 1000 in the released code; 0 for the image itself.
        chunking: images at a time.
        device: where the CLIP is.
        report: called with the rounds done; may raise to stop.

    Raises:
        ConditionMismatch: another CLIP's condition, or rows that do not fit the images.
        InvalidInput: no image, or negative views.
    """
    if len(images) == 0:
        raise InvalidInput("No image to score: the batch is empty.")
    condition.check_batch(len(images))
    sizes = _sizes(views)
    found: list[Tensor] = []
    points = images.to(device)
    pixels = (images.shape[2], images.shape[3])
    with threads_for(clip.modules, rows=chunking.size, device=device, image_size=pixels):
        for number, size in enumerate(sizes or [views]):
            energy = similarity(clip, condition, views=size, device=device)
            (values,) = chunking.apply_random(lambda x, part, e=energy: (e(x, part),), points, rng)
            found.append(-values.cpu().double())
            report(number + 1)
    rounds, weights = torch.stack(found), torch.tensor(sizes or [1]).double()
    labels = condition.labels if len(condition) > 1 else condition.labels * len(images)
    weights = weights / weights.sum()
    return Scores(weights @ rounds, _errors(rounds, weights), labels, views)


def _sizes(views: int) -> list[int]:
    if VIEWS_OF_A_ROUND < views < 2 * VIEWS_OF_A_ROUND:
        return [views - views // 2, views // 2]
    return [min(VIEWS_OF_A_ROUND, views - n) for n in range(0, views, VIEWS_OF_A_ROUND)]


def _errors(
    rounds: Float[Tensor, "rounds batch"], weights: Float[Tensor, " rounds"]
) -> Float[Tensor, " batch"]:
    """Standard errors of the mean of rounds under weights that sum to 1.

    The error squared is sum_r w_r^2 (m_r - m)^2 / (1 - w_r), where m = sum_r w_r m_r: with equal
    rounds the usual variance over their number, and unbiased with a short last round where the
    variance of a round is the inverse of its size.
    """
    if len(rounds) == 1:
        return torch.zeros_like(rounds[0])
    own = weights[:, None]
    deviations = rounds - (own * rounds).sum(dim=0)
    return (own.square() / (1 - own) * deviations.square()).sum(dim=0).sqrt()
