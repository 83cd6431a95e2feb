"""The best of many candidates, of which FuseDream makes its basis."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..chunking import Chunking
from ..energy import Energy
from ..errors import InvalidInput
from ..rng import SampleRng, stream_of
from ..snapshot import lowest
from .candidates import Draw, Report

__all__ = ["Found", "best_candidates"]


@dataclass(frozen=True)
class Found:
    """The best candidates of each sample, lowest energy first.

    Attributes:
        points: the candidates.
        energies: their energies; non-finite ones come last.
        numbers: their numbers in the order of drawing, from 0.
    """

    points: Float[Tensor, "samples k dim"]
    energies: Float[Tensor, "samples k"]
    numbers: Int[Tensor, "samples k"]

    def summary(self) -> str:
        """Returns a line per sample: energies of its basis and numbers of its candidates."""
        rows = zip(self.energies.tolist(), self.numbers.tolist(), strict=True)
        return "\n".join(
            f"sample {sample}: "
            + ", ".join(f"{e:.4g} (candidate {n})" for e, n in zip(*row, strict=True))
            for sample, row in enumerate(rows)
        )


@torch.no_grad()
def best_candidates(
    draw: Draw,
    energy: Energy,
    candidates: int,
    keep: int,
    rng: SampleRng,
    chunking: Chunking,
    report: Report = lambda done: None,
) -> Found:
    """Returns the k candidates of lowest energy of each sample: FuseDream Algorithm 1, line 2.

    Candidates of one sample are evaluated together in chunks, and only the best so far are kept:
    memory does not grow with their number and nothing is computed twice. Among equal candidates
    the earlier one comes first.

    Each candidate has its own stream, derived from the stream of its sample and its number, for
    itself and for a random energy. The m-th candidate of a sample and its energy therefore depend
    neither on the number of candidates, nor on how many are kept, nor on other samples. The
    streams of the samples are left unchanged.

    Args:
        draw: draws one candidate per stream.
        energy: on the latents drawn.
        candidates: M, at least 1; the paper takes 10000.
        keep: k, from 1 to M; the paper takes 5 and 10.
        rng: the samples.
        chunking: how many candidates the networks see at a time.
        report: called after each chunk with the number of evaluated candidates of all samples; may
            raise.

    Raises:
        InvalidInput: no sample, M below 1, k outside 1 to M, or an energy whose samples depend on
            each other.
        ConditionMismatch: the energy's condition does not fit the number of samples.
        DomainMismatch: an energy with another domain than the latents drawn.
    """
    _check(len(rng), candidates, keep)
    if energy.coupled:
        raise InvalidInput(
            f"The energy {energy} compares the samples of a batch with each other, but candidates "
            "are evaluated separately. Choose them by an energy such as Energy CLIP or Energy "
            "Classifier."
        )
    energy.check_batch(len(rng))

    def best_of(sample: int) -> tuple[Tensor, ...]:
        def judged(first: int, last: int) -> tuple[Tensor, ...]:
            streams = _streams(rng, sample, range(first, last))
            drawn = draw(streams)
            (values,) = chunking.apply_random(lambda v, part: (energy(v, part),), drawn, streams)
            report(sample * candidates + last)
            return drawn, values, torch.arange(first, last, device=values.device)

        best: tuple[Tensor, ...] = ()
        for first, last in chunking.spans(candidates):
            found = judged(first, last)
            if best:
                found = tuple(torch.cat(pair) for pair in zip(best, found, strict=True))
            kept = lowest(found[1], keep)
            best = tuple(part[kept] for part in found)
        return best

    points, energies, numbers = zip(*map(best_of, range(len(rng))), strict=True)
    return Found(torch.stack(points), torch.stack(energies), torch.stack(numbers))


def _check(samples: int, candidates: int, keep: int) -> None:
    if samples == 0:
        raise InvalidInput("No sample to start: ask for at least one.")
    if candidates < 1:
        raise InvalidInput(f"{candidates} candidates to choose from; at least 1 needed.")
    if not 1 <= keep <= candidates:
        raise InvalidInput(
            f"The best {keep} of {candidates} candidates requested. Keep from 1 to {candidates}, "
            "or draw more candidates."
        )


def _streams(rng: SampleRng, sample: int, numbers: range) -> SampleRng:
    """Returns a stream for each candidate of a sample."""
    own = rng.streams[sample].initial_seed()
    streams = [stream_of(own, "candidate", number) for number in numbers]
    return SampleRng(streams, [rng.rows[sample]] * len(streams), numbers)
