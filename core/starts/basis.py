"""FuseDream's start: the best of many candidates as the basis of an over-parametrised latent."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..charts import BASIS, WEIGHTS, MixtureOfBasis, Start, WeightKind
from ..chunking import ONE_BY_ONE, Chunking
from ..devices import threads_of
from ..energy import Energy
from ..errors import InvalidInput
from ..generator import Generator
from ..rng import SampleRng, stream_of
from ..snapshot import lowest
from ..spaces import Block, Space
from .candidates import Draw, Report

__all__ = [
    "Classes",
    "Found",
    "WeightStart",
    "best_candidates",
    "drawing",
    "from_basis",
    "over_basis",
]

WeightStart: TypeAlias = Literal["equal", "random"]
Classes: TypeAlias = Literal["prior", "gaussian"]
WITHOUT_GRAPH = 8
"""Factor on the chunk size of an accelerator when nothing is differentiated."""


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


def over_basis(
    space: Space,
    points: Float[Tensor, "samples k dim"],
    rng: SampleRng,
    *,
    over: tuple[str, ...],
    weights: WeightKind = "scalar",
    start: WeightStart = "equal",
) -> Start:
    """Returns samples over-parametrised by a basis each: FuseDream eq. (4).

    Args:
        space: that the points live in.
        points: the basis of every sample.
        rng: the samples; random weights draw from their streams.
        over: the over-parametrised blocks; the others start at the mean of the points.
        weights: `scalar`, one number per point of the basis (the paper); `linear`, a number per
            point and coordinate; or `softmax`, logits per point and coordinate (the released
            code).
        start: `equal` for 1/k each (the paper), or `random` for logits from N(0, 1), one per
            point and coordinate (the released code).

    Raises:
        InvalidInput: random weights that are not logits, or an unknown block.

    Departures: in the paper and the code every block has a basis. The bounds of a block apply to
    the points of its basis, as in the released code, and not to their sum: with softmax weights
    the sum stays within them, with scalar and linear weights it may leave them.
    """
    if start == "random" and weights != "softmax":
        raise InvalidInput(
            "Random weights are logits, N(0, 1) per coordinate, so they need weights 'softmax'; "
            f"got {weights!r}. Take softmax, or start from equal weights."
        )
    k = points.shape[1]
    chart = MixtureOfBasis(space, k, over, weights)

    def begun(own: Tensor, stream: SampleRng) -> tuple[Tensor]:
        blocks = space.split(own.flatten(0, 1))
        basis = {name: part.unflatten(0, (-1, k)) for name, part in blocks.items()}
        kept = {name: part.mean(dim=1) for name, part in basis.items() if name not in over}
        if start == "equal":
            return (chart.start(basis, own.new_full((len(own), k), 1 / k), kept),)
        parts = dict(kept)
        for name in over:
            parts[name + BASIS] = basis[name]
            parts[name + WEIGHTS] = stream.normal(*basis[name].shape[1:], like=own)
        return (chart.source.join(parts),)

    return Start(ONE_BY_ONE.apply_random(begun, points, rng)[0], chart)


def from_basis(
    generator: Generator,
    rng: SampleRng,
    *,
    energy: Energy,
    candidates: int = 10000,
    keep: int = 5,
    weights: WeightKind = "scalar",
    weights_start: WeightStart = "equal",
    classes: Classes = "prior",
    over_classes: bool = True,
    draw: Draw | None = None,
    chunking: Chunking,
    device: torch.device,
    report: Report = lambda done: None,
) -> tuple[Start, Found]:
    """Returns samples over the best candidates of the prior: FuseDream section 3.2, Algorithm 1.

    Args:
        generator: candidates are drawn from its prior.
        rng: the samples.
        energy: on its images or latents; with random views it is the paper's AugCLIP, whereas the
            released code ranks by the plain score.
        candidates: M.
        keep: k.
        weights: `scalar` (the paper), `linear` or `softmax` (the released code); see `over_basis`.
        weights_start: `equal` (the paper) or `random` (the released code; softmax alone).
        classes: `prior`, one of the generator's classes, or `gaussian`, y ~ N(0, I): figure 12.
        over_classes: whether the class has a basis too, as in the paper and the code; otherwise a
            sample starts at the mean class of its candidates.
        draw: draws a candidate per stream, instead of from the prior; such as
            `core.starts.nearest.candidates_of`, whose candidates are pairs.
        chunking: how many samples the networks see at a time when they are differentiated. Nothing
            is differentiated here, so that an accelerator evaluates eight times as many
            candidates.
        device: where the networks are.
        report: called with the number of evaluated candidates; may raise to stop.

    Raises:
        InvalidInput: invalid numbers or options, Gaussian classes for candidates that are given,
            or no class block where one is needed.
        ConditionMismatch: the energy's condition does not fit the number of samples.
        DomainMismatch: an energy of another generator's latents.

    Returns:
        The start, and its candidates.

    Departures: the code clamps a normal z to [-2, 2]; here candidates are drawn from the
    generator's own prior, within its bounds.
    """
    space = generator.source
    over = tuple(block.name for block in space.blocks if over_classes or block.role != "class")
    if not over:
        raise InvalidInput(
            f"Generator {generator.name!r} has a class alone, {space}: no block is left for a "
            "basis. Give classes a basis too."
        )
    if draw is not None and classes != "prior":
        raise InvalidInput(
            f"Classes {classes!r} of candidates that are given: they have classes of their own. "
            "Take classes 'prior'."
        )
    draw = drawing(generator, classes, device) if draw is None else draw
    pulled = energy.pullback(generator)
    many = 1 if device.type == "cpu" else WITHOUT_GRAPH
    batches = Chunking(many * chunking.size, chunking.padded)
    with threads_of(generator, pulled, chunking, device):
        found = best_candidates(draw, pulled, candidates, keep, rng, batches, report)
    start = over_basis(space, found.points, rng, over=over, weights=weights, start=weights_start)
    return start, found


def drawing(generator: Generator, classes: Classes, device: torch.device) -> Draw:
    """Returns the sampler of candidates of a generator.

    Args:
        generator: candidates follow its prior.
        classes: `prior`, or `gaussian` for y ~ N(0, I) instead of the embedding of a class.
        device: where to put them.

    Raises:
        InvalidInput: Gaussian classes for a generator without class embeddings.
    """
    like = torch.empty(0, device=device)
    space = generator.source

    def plain(streams: SampleRng) -> Tensor:
        return space.clamp(generator.prior.sample(streams, like))

    if classes == "prior":
        return plain
    block = _class_block(generator)

    def gaussian(streams: SampleRng) -> Tensor:
        parts = space.split(plain(streams))
        return space.join(parts | {block.name: streams.normal(*block.shape, like=like)})

    return gaussian


def _class_block(generator: Generator) -> Block:
    space = generator.source
    for block in space.blocks:
        if block.role == "class" and block.low == -torch.inf:
            return block
    raise InvalidInput(
        f"Classes 'gaussian' replaces the embedding of a class, and generator {generator.name!r} "
        f"takes none: its latents are {space}. Take classes 'prior'."
    )


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
