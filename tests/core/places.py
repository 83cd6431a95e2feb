"""Functions that depend on the place and the number of rows, as kernels of other machines do.

Results that are equal under these are equal under any deterministic kernel.
"""

from dataclasses import replace

import torch
from latentsteer.core.chunking import Chunking
from latentsteer.core.energy import Energy
from latentsteer.core.spaces import IMAGES
from latentsteer.core.terms import Term

FIXED = Chunking(8, padded=True)
BATCH = 11
BATCHES = [[0], [7], [10], [9, 3], [8, 0, 1], [3, 9, 4, 1, 0], list(range(10, -1, -1))]


def placed(like):
    """Returns a number of each row that depends on its place and the number of rows."""
    places = torch.arange(len(like), dtype=like.dtype, device=like.device)
    return 0.01 * places + 0.1 * len(like)


def telling(domain=IMAGES):
    """A random energy whose value and gradient depend on the place of a row."""

    def evaluate(v, rng):
        flat = v.flatten(1)
        return (1 + placed(flat)) * flat.square().mean(dim=1) + 0.1 * rng.normal(1, like=v)[:, 0]

    return Energy.of(Term("telling", domain, evaluate))


def telling_generator(toys):
    generator = toys.generator()
    render = lambda parts, rng: (  # noqa: E731
        generator.render(parts, rng) * (1 - 0.5 * placed(parts["z"]))[:, None, None, None]
    )
    return replace(generator, render=render)


def equal_in_any_batch(made, batches=BATCHES):
    """Asserts that results of some samples equal their results among all."""
    whole = made(list(range(BATCH)))
    for samples in batches:
        some = made(samples)
        for found, every in zip(some, whole, strict=True):
            assert torch.equal(found, every[samples]), samples
