"""Starts from pairs: the nearest pairs to a condition, which cost no image, or sums of some."""

from collections import Counter
from dataclasses import replace

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn import functional

from ..charts import Start
from ..chunking import Chunking
from ..condition import Condition
from ..devices import threads_of
from ..energy import Energy
from ..errors import DomainMismatch, InvalidInput
from ..generator import Gaussian, Generator
from ..pairs.nearest import nearest
from ..pairs.pairs import Pairs
from ..rng import SampleRng
from ..spaces import Identity
from .candidates import Draw, Report, best_of, check_samples

__all__ = ["MIXED_AMONG", "candidates_of", "check_latents", "from_pairs", "pairs_of_samples"]

MIXED_AMONG = 24
"""Number of nearest pairs of a condition that sums are made of."""
LEAST_SHARE = 0.5
"""Smallest weight of a pair in a sum, before normalisation; the largest is this plus 1."""


@torch.no_grad()
def from_pairs(
    pairs: Pairs,
    generator: Generator,
    condition: Condition,
    rng: SampleRng,
    *,
    among: int = 0,
    energy: Energy | None = None,
    candidates: int = 1,
    generations: int = 0,
    mixed: int = 1,
    chunking: Chunking,
    device: torch.device,
    report: Report = lambda done: None,
) -> Start:
    """Returns the latents of the nearest pairs, each the best of M by the energy.

    Which pairs a sample gets is defined in `pairs_of_samples`. With one candidate no image is
    computed.

    With `mixed` above 1 a candidate is a random weighted sum of as many pairs, drawn without
    repetition from the nearest ones of the sample's condition. Weights are uniform between 1/2
    and 3/2, divided by their Euclidean norm where the prior is normal, else by their sum. Of a
    normal prior, a sum of independent draws is again a draw; the sum of draws that show the same
    shows it more clearly, since what they share adds up.

    Args:
        pairs: pairs of the generator and the condition's auxiliary.
        generator: of the latents.
        condition: one row for all samples, or one each.
        rng: the samples; they draw in generations alone.
        among: 0, or the number of nearest pairs of a row to choose diverse ones from; with
            `mixed` above 1, the number that sums are made of, 0 for MIXED_AMONG or all.
        energy: what the best of M is chosen by.
        candidates: M, the pairs of each sample, or the sums, that the energy ranks.
        generations: generations after the candidates, see `core.starts.candidates.best_of`.
        mixed: number of pairs in a candidate.
        chunking: rows at a time.
        device: where the networks are.
        report: called after every candidate that is evaluated.

    Raises:
        GeneratorMismatch: pairs of another generator, or of one with other options.
        ConditionMismatch: pairs of another auxiliary, or numbers of rows that do not match.
        DomainMismatch: latents of another width.
        InvalidInput: no sample, no pair, too few pairs, sums of fewer than one pair, or several
            candidates without an energy.
    """
    check_samples(rng)
    space = generator.source
    pulled = energy.pullback(generator) if energy is not None else None
    count = len(rng)
    if mixed == 1:
        table = pairs_of_samples(pairs, generator, condition, count, candidates, among=among)
        draw = _in_turns(pairs, table, generator, device)
    else:
        draw = _sums(pairs, generator, condition, count, mixed, among, device)
    search = (candidates, rng, chunking, report, generations, space.clamp)
    with threads_of(generator, pulled, chunking, device):
        best = best_of(draw, pulled, *search)
    return Start(best, Identity(space))


def pairs_of_samples(
    pairs: Pairs,
    generator: Generator,
    condition: Condition,
    samples: int,
    each: int,
    *,
    among: int = 0,
) -> Int[Tensor, "samples each"]:
    """Returns the numbers of the pairs of each sample, its nearest first.

    Samples of the same condition share its nearest pairs in turns: of n such samples the first
    gets the nearest pair, the second the next one and so on, and then again the first. Samples are
    therefore distinct, and a sample's pairs depend only on its condition and on its place among
    the samples that share it.

    Args:
        pairs: pairs of the generator and the condition's auxiliary.
        generator: of the latents.
        condition: one row for all samples, or one each.
        samples: number of samples.
        each: number of pairs of each sample.
        among: 0, or the number of nearest pairs of a row to choose diverse ones from.

    Raises:
        GeneratorMismatch: pairs of another generator, or of one with other options.
        ConditionMismatch: pairs of another auxiliary, or numbers of rows that do not match.
        DomainMismatch: latents of another width.
        InvalidInput: no pair, or fewer than are needed.
    """
    line, place, distinct = _rows_of(pairs, generator, condition, samples)
    counts = torch.bincount(line)
    most = int(counts.max())
    if most * each > len(pairs) > 0:
        raise InvalidInput(
            f"{most} samples of one condition with {each} pairs each need {most * each} pairs; "
            f"there are {len(pairs)}. Ask for fewer, or make more pairs."
        )
    found = nearest(pairs, distinct, most * each, among=among).numbers
    check_latents(pairs, generator)
    turns = torch.arange(each) * counts[line, None] + place[:, None]
    return found[line[:, None], turns]


def check_latents(pairs: Pairs, generator: Generator) -> None:
    """Checks the width of the latents of pairs, of which there is at least one.

    Raises:
        DomainMismatch: another width than that of the generator's latents.
    """
    width = pairs.latents_of(torch.tensor([0])).shape[1]
    if width != generator.source.dim:
        raise DomainMismatch(
            f"The pairs' latents have {width} numbers; generator {generator.name!r} takes "
            f"{generator.source}. Make pairs with {generator.name!r}."
        )


def candidates_of(
    pairs: Pairs, table: Int[Tensor, "samples each"], generator: Generator, device: torch.device
) -> Draw:
    """Returns the sampler whose candidate with name m of a sample is its m-th pair.

    Args:
        pairs: the pairs.
        table: from `pairs_of_samples`.
        generator: of the latents.
        device: where to put them.
    """

    def draw(streams: SampleRng) -> Tensor:
        numbers = table[torch.tensor(streams.rows), torch.tensor(streams.names)]
        return generator.source.clamp(pairs.latents_of(numbers).float().to(device))

    return draw


def _in_turns(
    pairs: Pairs, table: Int[Tensor, "samples each"], generator: Generator, device: torch.device
) -> Draw:
    """Returns the sampler whose n-th draw is the n-th pair of each sample."""
    turns = iter(table.unbind(dim=1))

    def draw(streams: SampleRng) -> Tensor:
        return generator.source.clamp(pairs.latents_of(next(turns)).float().to(device))

    return draw


def _sums(
    pairs: Pairs,
    generator: Generator,
    condition: Condition,
    samples: int,
    mixed: int,
    among: int,
    device: torch.device,
) -> Draw:
    """Returns the sampler of weighted sums of pairs, see `from_pairs`."""
    line, _, distinct = _rows_of(pairs, generator, condition, samples)
    few = among or min(MIXED_AMONG, len(pairs))
    if not 1 < mixed <= few:
        raise InvalidInput(
            f"Sums of {mixed} of the {few} nearest pairs; expected 2 to {few}, or 1 for the pairs "
            "themselves."
        )
    found = nearest(pairs, distinct, few).numbers
    check_latents(pairs, generator)
    points = pairs.latents_of(found.flatten()).float().to(device).unflatten(0, found.shape)
    order = 2 if isinstance(generator.prior, Gaussian) else 1

    def draw(streams: SampleRng) -> Tensor:
        u = streams.uniform(few + mixed, like=torch.empty(0))
        own = line[torch.tensor(streams.rows)]
        chosen = u[:, :few].argsort(dim=1, stable=True)[:, :mixed]
        weights = functional.normalize(u[:, few:] + LEAST_SHARE, p=order, dim=1).to(points)
        # One pair after the other: a row has the same bits in any batch.
        total = torch.zeros_like(points[own, 0])
        for weight, place in zip(weights.unbind(dim=1), chosen.unbind(dim=1), strict=True):
            total = total + weight[:, None] * points[own, place]
        return generator.source.clamp(total)

    return draw


def _rows_of(
    pairs: Pairs, generator: Generator, condition: Condition, samples: int
) -> tuple[Int[Tensor, " samples"], Int[Tensor, " samples"], Condition]:
    """Returns the number of each sample's row, its place among equals, and the distinct rows."""
    pairs.check_generator(generator.id, generator.name, against="the start is for")
    condition.check_batch(samples)
    line, place = _sharing(condition, samples)
    first = [int((line == row).nonzero()[0]) if len(condition) > 1 else 0 for row in line.unique()]
    distinct = replace(
        condition,
        embedding=condition.embedding[first],
        labels=tuple(condition.labels[row] for row in first),
    )
    return line, place, distinct


def _sharing(
    condition: Condition, samples: int
) -> tuple[Int[Tensor, " samples"], Int[Tensor, " samples"]]:
    """Returns for each sample the number of its distinct condition, and its place among equals."""
    if len(condition) == 1:
        return torch.zeros(samples, dtype=torch.long), torch.arange(samples)
    lines: dict[bytes, int] = {}
    counts: Counter[int] = Counter()
    line: list[int] = []
    place: list[int] = []
    for row in condition.embedding.detach().cpu().contiguous():
        one = lines.setdefault(row.numpy().tobytes(), len(lines))
        line.append(one)
        place.append(counts[one])
        counts[one] += 1
    return torch.tensor(line), torch.tensor(place)
