"""Rejection sampling of r(c given z) p(z), D2C's Algorithm 1, line 4."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..chunking import Chunking
from ..errors import InvalidInput, NothingAccepted
from ..generator import Generator
from ..latents import Latents
from ..rng import SampleRng, stream_of
from ..spaces import Identity
from .bank import LatentBank, LatentDraw

__all__ = ["Acceptance", "AcceptanceRule", "Accepted", "LatentProbability", "rejection_sample"]

AcceptanceRule: TypeAlias = Literal["exact", "threshold"]
LatentProbability: TypeAlias = Callable[[Tensor], Float[Tensor, " batch"]]
"""r(c given z) of each latent."""
AT_ONCE = Chunking(64, padded=True)
"""Latents whose r is computed at a time: it costs little."""
SPREAD = 8
"""Distance of the names of a sample's candidates: those of eight samples have different places."""
SHOWN = 8


@dataclass(frozen=True)
class Acceptance:
    """When a candidate is accepted.

    Attributes:
        rule: `exact` accepts with probability r / bound: the law of what is accepted is
            proportional to r(c given z) p(z), if no r exceeds the bound. `threshold` accepts where
            r is at least the threshold: the law is p(z) within that region.
        threshold: for the rule of this name, in (0, 1).
        bound: c of r / c, in (0, 1]; 1 is always valid, and a smaller one accepts more.

    Raises:
        InvalidInput: an unknown rule, or a number outside its range.
    """

    rule: AcceptanceRule = "exact"
    threshold: float = 0.5
    bound: float = 1.0

    def __post_init__(self) -> None:
        if self.rule not in get_args(AcceptanceRule):
            known = ", ".join(get_args(AcceptanceRule))
            raise InvalidInput(f"Rule {self.rule!r} of rejection; expected one of {known}.")
        if not 0 < self.threshold < 1 or not 0 < self.bound <= 1:
            raise InvalidInput(
                f"Threshold {self.threshold:g} and bound {self.bound:g} of r; expected numbers in "
                "(0, 1) and (0, 1]."
            )

    def __str__(self) -> str:
        if self.rule == "exact":
            return f"with probability r / {self.bound:g}"
        return f"where r is at least {self.threshold:g}"

    def accepts(
        self, r: Float[Tensor, " batch"], uniform: Float[Tensor, " batch"]
    ) -> Bool[Tensor, " batch"]:
        """Returns which candidates are accepted; one whose r is NaN never is."""
        return uniform * self.bound < r if self.rule == "exact" else r >= self.threshold


@dataclass(frozen=True)
class Accepted:
    """What rejection accepted.

    Attributes:
        values: accepted latents, on the CPU.
        probabilities: r of each.
        samples: number of the sample that each is for; those that found none are left out.
        missing: numbers of the samples that found none.
        tried: candidates that were looked at, up to the last one of each sample.
        largest: largest r among them.
        beyond: how many of them had an r above the bound of the exact rule.
        acceptance: rule and numbers.
    """

    values: Float[Tensor, "accepted dim"]
    probabilities: Float[Tensor, " accepted"]
    samples: tuple[int, ...]
    missing: tuple[int, ...]
    tried: int
    largest: float
    beyond: int
    acceptance: Acceptance

    @property
    def rate(self) -> float:
        """Share of the candidates that was accepted."""
        return len(self.values) / self.tried

    def latents(self, generator: Generator) -> Latents:
        """Returns the accepted latents, under the numbers of their samples."""
        chart = Identity(generator.source)
        return Latents(self.values, chart, generator.id, generator.name, self.samples)

    def summary(self) -> str:
        """Returns sentences on the acceptance, for a report."""
        lines = [
            f"{len(self.values)} of {self.tried} candidates accepted {self.acceptance}: "
            f"acceptance {self.rate:.3g}, largest r {self.largest:.3g}"
        ]
        if self.beyond:
            lines.append(
                f"{self.beyond} candidates had an r above the bound, so the law is not exact; set "
                f"the bound to {math.ceil(self.largest * 1000) / 1000:g} or more"
            )
        if self.missing:
            shown = ", ".join(map(str, self.missing[:SHOWN]))
            more = " ..." if len(self.missing) > SHOWN else ""
            lines.append(f"left out, since none was accepted for them: samples {shown}{more}")
        return "\n".join(lines)


@torch.no_grad()
def rejection_sample(
    draw: LatentDraw | None,
    probability: LatentProbability,
    rng: SampleRng,
    *,
    acceptance: Acceptance,
    budget: int = 1000,
    bank: LatentBank | None = None,
    at_once: int = AT_ONCE.size,
    device: torch.device,
    report: Callable[[int], None] = lambda samples: None,
) -> Accepted:
    """Returns the first accepted candidate of each sample.

    Candidate k of a sample has a stream of its own, which depends on the sample's stream and k, so
    a sample's result is the same alone and in any batch. Samples that exhaust the budget are left
    out, which does not change the law of the others.

    A bank replaces the draws: its members come in an order drawn from the first sample's stream,
    each is a candidate once, and the accepted ones go to the samples in turn. A larger batch
    begins with a smaller one's samples.

    Args:
        draw: draws candidates; None with a bank.
        probability: r(c given z).
        rng: the samples.
        acceptance: rule and numbers.
        budget: most candidates per sample, at least 1; no effect with a bank.
        bank: stored candidates.
        at_once: number of candidates that the draws process at a time: where few samples are left,
            several candidates of each are drawn ahead, up to this number. The result does not
            depend on it.
        device: where the networks are.
        report: called with the number of samples done; may raise to stop.

    Raises:
        InvalidInput: no sample, no candidate allowed, or neither draws nor a bank.
        NothingAccepted: no candidate was accepted, with the largest r and the cure.

    Departures: the paper states neither the rule nor its numbers.
    """
    if not len(rng):
        raise InvalidInput("No sample asked for; at least 1 needed.")
    if bank is not None:
        tries = _of_bank(bank, probability, rng, acceptance, device)
        report(len(rng))
    elif draw is None:
        raise InvalidInput("Rejection needs draws of a prior or a bank of latents.")
    elif budget < 1:
        raise InvalidInput(f"A budget of {budget} candidates per sample; at least 1 needed.")
    else:
        tries = _drawn(draw, probability, rng, acceptance, budget, at_once, device, report)
    return _gathered(tries, rng, acceptance, bank)


@dataclass(frozen=True)
class _Tries:
    """Accepted candidates by sample, and what was looked at."""

    found: dict[int, tuple[Tensor, float]]
    tried: int
    largest: float
    beyond: int


def _gathered(
    tries: _Tries, rng: SampleRng, acceptance: Acceptance, bank: LatentBank | None
) -> Accepted:
    if not tries.found:
        raise NothingAccepted(_hopeless(tries, len(rng), acceptance, bank))
    rows = sorted(tries.found)
    return Accepted(
        values=torch.stack([tries.found[row][0] for row in rows]),
        probabilities=torch.tensor([tries.found[row][1] for row in rows]),
        samples=tuple(rng.names[row] for row in rows),
        missing=tuple(rng.names[row] for row in range(len(rng)) if row not in tries.found),
        tried=tries.tried,
        largest=tries.largest,
        beyond=tries.beyond,
        acceptance=acceptance,
    )


def _hopeless(tries: _Tries, samples: int, acceptance: Acceptance, bank: LatentBank | None) -> str:
    of = "candidates" if bank is None else f"members of the bank of {bank.source}"
    lower = (
        f"lower the bound from {acceptance.bound:g} to the largest r"
        if acceptance.rule == "exact"
        else f"lower the threshold from {acceptance.threshold:g} to below the largest r"
    )
    more = "raise the budget" if bank is None else "take a larger bank"
    return (
        f"Acceptance 0: none of {tries.tried} {of} for {samples} samples was accepted "
        f"{acceptance}. The largest r among them was {tries.largest:.3g}. To get samples, "
        f"{lower}, {more}, or use Guided Sample, which moves latents towards the condition."
    )


def _drawn(
    draw: LatentDraw,
    probability: LatentProbability,
    rng: SampleRng,
    acceptance: Acceptance,
    budget: int,
    at_once: int,
    device: torch.device,
    report: Callable[[int], None],
) -> _Tries:
    like = torch.empty(0, device=device)
    found: dict[int, tuple[Tensor, float]] = {}
    left, tried, largest, beyond, first = list(range(len(rng))), 0, 0.0, 0, 0
    while left and first < budget:
        # Several candidates of each where few samples are left, so that chunks are full.
        ahead = min(math.ceil(at_once / len(left)), max(1, at_once // SPREAD))
        each = min(budget - first, ahead)
        streams = _candidates(rng, left, range(first, first + each))
        drawn = draw(streams, like)
        r = AT_ONCE.apply(probability, drawn, streams.names).cpu()
        z, uniform = drawn.cpu(), streams.uniform(like=torch.empty(0))
        accepted = acceptance.accepts(r, uniform)
        for place, row in enumerate(left):
            own = slice(place * each, (place + 1) * each)
            hits = accepted[own].nonzero()[:, 0].tolist()
            seen = r[own][: hits[0] + 1] if hits else r[own]
            tried += len(seen)
            largest = max(largest, float(seen.nan_to_num(nan=0.0).max()))
            beyond += int((seen > acceptance.bound).sum())
            if hits:
                found[row] = z[own][hits[0]], float(r[own][hits[0]])
        left = [row for row in left if row not in found]
        first += each
        report(len(rng) - len(left))
    return _Tries(found, tried, largest, beyond if acceptance.rule == "exact" else 0)


def _candidates(rng: SampleRng, rows: Sequence[int], numbers: range) -> SampleRng:
    """Returns the streams of the candidates of these numbers, row by row."""

    def each() -> Iterator[tuple[torch.Generator, int, int]]:
        for row in rows:
            seed = rng.streams[row].initial_seed()
            for number in numbers:
                # A candidate's place in its chunk depends on the sample and its number alone.
                yield (
                    stream_of(seed, "candidate", number),
                    row,
                    rng.names[row] + SPREAD * number,
                )

    streams, own, names = zip(*each(), strict=True)
    return SampleRng(streams, own, names)


def _of_bank(
    bank: LatentBank,
    probability: LatentProbability,
    rng: SampleRng,
    acceptance: Acceptance,
    device: torch.device,
) -> _Tries:
    r = AT_ONCE.apply(probability, bank.values.to(device)).cpu()
    stream = stream_of(rng.streams[0].initial_seed(), "bank")
    order = torch.randperm(len(bank), generator=stream)
    uniform = torch.rand(len(bank), generator=stream)
    r = r[order]
    hits = acceptance.accepts(r, uniform).nonzero()[: len(rng), 0].tolist()
    tried = hits[-1] + 1 if len(hits) == len(rng) else len(bank)
    found = {row: (bank.values[order[hit]], float(r[hit])) for row, hit in enumerate(hits)}
    seen = r[:tried].nan_to_num(nan=0.0)
    beyond = int((seen > acceptance.bound).sum()) if acceptance.rule == "exact" else 0
    return _Tries(found, tried, float(seen.max()), beyond)
