"""Batches that the avatars' CLIP is trained on: related avatars, their captions, augmentation."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.nn import functional

from ....core.zoo.avatar_words import Caption, caption, corrupted, said_alone, worded
from ....core.zoo.avatars import ATTRIBUTES, constraint_matrix, visible
from ....core.zoo.tokens import WordTokenizer
from .avatars_clip_losses import SAYABLE
from .avatars_data import Avatars

__all__ = ["alike", "augmented", "captions_of", "names_of", "swaps_of"]

PAIRS = 64
GROUPS = 4
"""Number of pairs per batch that have two values in common."""
FEW = 5
"""Largest number of values in half of the captions; the other half have any number."""
COLOURED = {
    "hat_colour": ("top",),
    "hair_colour": ("top",),
    "clothes_colour": ("clothes",),
    "facial_hair_colour": ("facial_hair",),
    "background": (),
}
"""Colour attributes, and the attributes that have these colours."""


def alike(values: NDArray[np.int8], words: np.random.Generator) -> Iterator[Tensor]:
    """Yields batches of `PAIRS` pair numbers endlessly, in `GROUPS` groups with two common values.

    In half of the groups these are the top and its colour. Among random avatars a caption can be
    matched by its most visible attribute alone; among such neighbours it has to match the shirt as
    well as the hat.

    Args:
        values: values of the first avatar of each pair, (pairs, attributes).
        words: random stream.
    """
    names, size = list(ATTRIBUTES), PAIRS // GROUPS
    while True:
        parts: list[NDArray[np.int64]] = []
        for _ in range(GROUPS):
            anchor = values[int(words.integers(len(values)))]
            stated = {n: ATTRIBUTES[n][int(v)] for n, v in zip(names, anchor, strict=True)}
            seen = list(visible(stated))
            shared = [n for n in ("top", "hat_colour", "hair_colour") if n in seen]
            if len(shared) < 2 or words.random() < 0.5:
                shared = [str(n) for n in words.choice(seen, size=2, replace=False)]
            columns = [names.index(name) for name in shared]
            found = np.flatnonzero((values[:, columns] == anchor[columns]).all(axis=1))
            parts.append(words.choice(found, size=size, replace=len(found) < size))
        yield torch.from_numpy(np.concatenate(parts))


def captions_of(
    avatars: Avatars, pick: Tensor, words: np.random.Generator, tokens_of: WordTokenizer
) -> tuple[Tensor, Tensor]:
    """Tokens and constraints of a caption per avatar, then of a near miss per caption."""
    most = len(ATTRIBUTES)
    true = [
        caption(avatars.avatar(i), words, most if words.random() < 0.5 else FEW)
        for i in pick.tolist()
    ]
    captions: list[Caption] = [*true, *(corrupted(one, words) for one in true)]
    tokens = torch.stack([tokens_of.encode(one.text).tokens for one in captions])
    table = constraint_matrix([one.constraints for one in captions])
    return tokens, torch.from_numpy(table)


def names_of(words: np.random.Generator, tokens_of: WordTokenizer) -> Tensor:
    """Tokens of a caption for each sayable value of each attribute alone, in order."""
    captions = [said_alone(name, value, words) for name in SAYABLE for value in SAYABLE[name]]
    return torch.stack([tokens_of.encode(text).tokens for text in captions])


def swaps_of(
    avatars: Avatars, pick: Tensor, words: np.random.Generator, tokens_of: WordTokenizer
) -> tuple[Tensor, Tensor]:
    """Captions of two colours and the things that have them, true and with swapped colours.

    Returns:
        Places in the batch, and the tokens of the true captions, then of the swapped ones.
    """
    rows: list[int] = []
    true: list[str] = []
    swapped: list[str] = []
    for row, number in enumerate(pick.tolist()):
        avatar = avatars.avatar(number)
        seen = visible(avatar)
        able = [
            (one, two)
            for one, two in combinations([name for name in COLOURED if name in seen], 2)
            if seen[one] != seen[two]
            and seen[one] in ATTRIBUTES[two]
            and seen[two] in ATTRIBUTES[one]
        ]
        if not able:
            continue
        one, two = able[int(words.integers(len(able)))]
        bearers = {b: avatar[b] for n in (one, two) for b in COLOURED[n] if words.random() < 0.7}
        rows.append(row)
        for texts, first, second in ((true, one, two), (swapped, two, one)):
            stated = {one: avatar[first], two: avatar[second], **bearers}
            texts.append(worded(stated, avatar, words).text)
    tokens = torch.stack([tokens_of.encode(text).tokens for text in (*true, *swapped)])
    return torch.tensor(rows), tokens


def augmented(x: Tensor, rng: Generator, size: int) -> Tensor:
    """Applies mild shift, scaling, blur, colour change, noise and cutout.

    The result has `size` pixels and is normalised as in the configuration (to [-1, 1]).
    """
    count = len(x)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(count, *shape, generator=rng)

    blurred = functional.interpolate(
        functional.interpolate(x, size=(44, 44), mode="bilinear", antialias=True),
        size=x.shape[2:],
        mode="bilinear",
    )
    x = torch.lerp(x, blurred, (uniform(-0.6, 1.0, 1, 1, 1)).clamp(min=0))
    some = (torch.rand(count, generator=rng) < 0.7).float()
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = 1 + some * uniform(-0.2, 0.2)
    theta[:, :, 2] = some[:, None] * uniform(-0.2, 0.2, 2)
    grid = functional.affine_grid(theta, [count, 3, size, size], align_corners=False)
    x = functional.grid_sample(x - 0.5, grid, padding_mode="zeros", align_corners=False) * 2
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * uniform(0.6, 1.4, 1, 1, 1)
    x = x * uniform(0.8, 1.2, 1, 1, 1) + uniform(-0.15, 0.15, 1, 1, 1)
    half = uniform(0.1, 0.25, 1, 1)
    cut = (torch.rand(count, generator=rng) < 0.15)[:, None, None]
    place = (torch.arange(size) + 0.5) / size
    rows = ((place - uniform(0, 1, 1)).abs()[:, :, None] < half).float()
    columns = ((place - uniform(0, 1, 1)).abs()[:, None, :] < half).float()
    x = x * (1 - cut.float() * rows * columns)[:, None]
    return x + uniform(0, 0.06, 1, 1, 1) * torch.randn(x.shape, generator=rng)
