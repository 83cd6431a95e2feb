"""Pairs that are drawn into memory: the first ones of a source, or fresh ones without end."""

from collections.abc import Iterator

import torch

from ..auxiliary import Auxiliary
from ..chunking import Chunking
from ..errors import InvalidInput
from ..generator import Generator
from .pairs import Pairs
from .synthesis import MOST_DROPPED, Drawn, Report, Synthesis, check_count, check_dropped

__all__ = ["in_memory", "streamed", "synthetic_pairs"]


def synthetic_pairs(
    generator: Generator,
    auxiliary: Auxiliary,
    count: int,
    *,
    seed: int,
    chunking: Chunking,
    device: torch.device,
    balanced: bool = False,
    report: Report = lambda done: None,
) -> Pairs:
    """Draws latents from the prior and computes the conditions of their images.

    Args:
        generator: generator (p(z), G).
        auxiliary: auxiliary f.
        count: number of pairs, at least 1.
        seed: seed of the pairs. Each pair has its own stream, so n pairs are the first n of any
            larger set.
        chunking: number of images at a time.
        device: device of the models.
        balanced: whether the classes of a class-conditional generator are balanced.
        report: callback after every chunk, with the number of pairs done.

    Returns:
        The pairs in memory, without those that are not finite.

    Raises:
        InvalidInput: fewer than 1 pair, or more than one in a hundred not finite.
    """
    source = Synthesis(generator, (auxiliary,), seed, chunking, device, balanced)
    return in_memory(source, count, report)


def in_memory(source: Synthesis, count: int, report: Report = lambda done: None) -> Pairs:
    """Returns the first pairs of a source with one auxiliary, in memory.

    Args:
        source: source of the pairs.
        count: number of drawn pairs, at least 1.
        report: callback after every chunk, with the number of pairs done; may raise to stop.

    Raises:
        InvalidInput: fewer than 1 pair, several auxiliaries, or more than one in a hundred pairs
            not finite.
    """
    check_count(count)
    _check_single(source)
    drawn = source.drawn(0, count, report)
    check_dropped(len(drawn.dropped), count)
    return _pairs(source, drawn)


def streamed(source: Synthesis, size: int, *, first: int = 0) -> Iterator[Pairs]:
    """Yields fresh pairs without end, `size` drawn at a time, and keeps none: Algorithm 1.

    Args:
        source: source of the pairs, with one auxiliary.
        size: batch size B, at least 1; a batch lacks pairs that are not finite.
        first: number of the first pair, to go on after a pause.

    Raises:
        InvalidInput: another size, several auxiliaries, or more than one in a hundred pairs not
            finite.
    """
    check_count(size)
    _check_single(source)
    return _stream(source, size, first)


def _stream(source: Synthesis, size: int, first: int) -> Iterator[Pairs]:
    dropped, begin = 0, first
    while True:
        drawn = source.drawn(begin, begin + size)
        begin += size
        dropped += len(drawn.dropped)
        # A small batch alone would exceed the limit by one dropped pair.
        check_dropped(dropped, max(begin - first, int(1 / MOST_DROPPED)))
        yield _pairs(source, drawn)


def _check_single(source: Synthesis) -> None:
    if len(source.auxiliaries) != 1:
        raise InvalidInput(
            f"{len(source.auxiliaries)} auxiliaries of pairs in memory; expected 1. Keep those of "
            "several in a folder."
        )


def _pairs(source: Synthesis, drawn: Drawn) -> Pairs:
    return Pairs(
        drawn.latents,
        drawn.conditions[0],
        source.generator.id,
        source.auxiliaries[0].id,
        source.origin if drawn.first == 0 else None,
        drawn.dropped,
    )
