"""Losses of the avatars' CLIP: contrast, naming of values, and binding of colours."""

import torch
from torch import Tensor
from torch.nn import functional

from ....core.zoo.avatar_words import UNSAID
from ....core.zoo.avatars import ATTRIBUTES
from .train_avatars_judge import IGNORED

__all__ = ["SAYABLE", "binding", "contrast", "naming", "satisfied"]

SAYABLE = {
    name: tuple(value for value in values if UNSAID.get(name) != value)
    for name, values in ATTRIBUTES.items()
}
"""Values of each attribute that captions mention."""


def naming(seen: Tensor, names: Tensor, scale: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of each visible attribute's value over the names of its possible values.

    It makes short prompts work: in long captions an attribute such as the mouth has little weight.
    """
    logits = scale.exp() * functional.normalize(seen, dim=1) @ functional.normalize(names).mT
    sizes = [len(values) for values in SAYABLE.values()]
    losses: list[Tensor] = []
    for column, (name, own) in enumerate(zip(SAYABLE, logits.split(sizes, 1), strict=True)):
        # A value that captions never mention is the first of its attribute.
        wanted = labels[:, column] - (len(ATTRIBUTES[name]) - len(SAYABLE[name]))
        wanted = torch.where(wanted < 0, IGNORED, wanted)
        losses.append(functional.cross_entropy(own, wanted, ignore_index=IGNORED))
    return torch.stack(losses).mean()


def binding(seen: Tensor, both: Tensor, scale: Tensor) -> Tensor:
    """Cross-entropy of the true caption against the one with its two colours swapped."""
    true, swapped = functional.normalize(both, dim=1).chunk(2)
    seen = functional.normalize(seen, dim=1)
    return functional.softplus(scale.exp() * (seen * (swapped - true)).sum(1)).mean()


def satisfied(values: Tensor, stated: Tensor) -> Tensor:
    """Whether each image satisfies each caption, (images, captions).

    Hidden attributes (eyes behind dark glasses) count with their true values, since captions of
    an image only state visible ones.
    """
    return ((stated[None] < 0) | (stated[None] == values[:, None])).all(dim=2)


def contrast(seen: Tensor, said: Tensor, scale: Tensor, positive: Tensor) -> tuple[Tensor, float]:
    """Cross-entropy to the uniform distribution over the positives, in both directions.

    Also returns the share of images whose likeliest caption is a positive.
    """
    similarity = functional.normalize(seen, dim=1) @ functional.normalize(said, dim=1).mT
    logits = scale.exp() * similarity
    target = positive.float()

    def entropy(scores: Tensor, wanted: Tensor) -> Tensor:
        rows = wanted.sum(1) > 0
        law = wanted[rows] / wanted[rows].sum(1, keepdim=True)
        return -(law * scores[rows].log_softmax(1)).sum(1).mean()

    loss = 0.5 * (entropy(logits, target) + entropy(logits.mT, target.mT))
    likeliest = positive.gather(1, logits.argmax(1, keepdim=True))
    return loss, likeliest.float().mean().item()
