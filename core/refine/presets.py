"""The papers' refiners, built from directions and rules."""

from ..parametrisation import WEIGHTS, MixtureOfBasis
from ..spaces import Map
from .kernel import Rule
from .rules import by_block, chain, clip_norm

__all__ = ["over_chart"]


def over_chart(chart: Map, rule: Rule, weights: Rule, *, clip: float = 0.0) -> Rule:
    """A rule for the latents of a chart: one for its points, one for the weights of a basis.

    TR0N appendix B.1 moves the means by Langevin dynamics and the weights by Adam.

    Args:
        chart: the latents'.
        rule: for every block but weights.
        weights: for the weights of a basis.
        clip: limit of the gradient's norm per sample and block, 0 for none (the paper; the
            released code clips to 1).
    """
    if clip > 0:
        rule, weights = chain(clip_norm(clip), rule), chain(clip_norm(clip), weights)
    if not isinstance(chart, MixtureOfBasis):
        return rule
    blocks = chart.source.blocks
    return by_block(
        chart.source, {b.name: weights if b.name.endswith(WEIGHTS) else rule for b in blocks}
    )
