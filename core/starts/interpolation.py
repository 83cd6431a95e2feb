"""From one latent to another along a straight line."""

from collections.abc import Sequence

import torch

from ..errors import GeneratorMismatch, InvalidInput
from ..latents import Latents, together

__all__ = ["between"]


def between(first: Latents, second: Latents, at: Sequence[float]) -> Latents:
    """(1 - t) xi_1 + t xi_2, FuseDream appendix C; pair by pair of samples.

    The latents themselves are mixed, whatever chart they are written in: those that a basis
    stands for, not its points and weights apart. The result is written plainly.

    Args:
        first: where t is 0.
        second: where t is 1; as many samples, or one on either side.
        at: the values of t, each a sample of the result: all of the first pair, then the next's.

    Raises:
        GeneratorMismatch: latents of two generators.
        InvalidInput: no t, or numbers of samples that do not pair.
    """
    if second.generator != first.generator:
        raise GeneratorMismatch(
            f"The first latents are of generator {first.generator_name!r} "
            f"({first.generator[:12]}), the second of {second.generator_name!r} "
            f"({second.generator[:12]}). Latents of one generator alone can be interpolated."
        )
    generator = together(first, second, "interpolated")
    if not at:
        raise InvalidInput("No place on the way between latents given; at least 1 needed.")
    count = max(len(first), len(second))
    if not {len(first), len(second)} <= {1, count} or min(len(first), len(second)) < 1:
        raise InvalidInput(
            f"Batches of {len(first)} and {len(second)} latents cannot be paired. Give as many "
            "samples, or one on either side."
        )
    start, end = first.plain(), second.plain()
    ends = end.values.to(start.values).expand(count, -1)
    places = torch.tensor(at, dtype=start.values.dtype)[:, None]
    pairs = zip(start.values.expand(count, -1), ends, strict=True)
    # Pair by pair, so that a way is the same whatever others stand beside it.
    values = torch.stack([torch.lerp(one, two, places) for one, two in pairs])
    before, after = (
        one.history if len(one) == count else one.history * count for one in (first, second)
    )
    # A frame draws afresh of what either of its ends has drawn.
    longest = [max(pair) for pair in zip(before, after, strict=True)]
    return Latents(
        values.flatten(0, 1),
        start.chart,
        generator,
        first.generator_name,
        tuple(range(count * len(at))),
        history=tuple(runs for runs in longest for _ in at),
    )
